//! The running mean of the weights, which is what a run hands on.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var, bail};

use super::update::Towards;

/// The running mean of the weights (exponential moving average).
#[derive(Debug, Clone)]
pub struct Average(BTreeMap<String, Tensor>);

impl Average {
    /// Starts at the variables as they are.
    pub fn start<'a>(variables: impl IntoIterator<Item = (&'a str, &'a Var)>) -> Result<Self> {
        let copies = variables.into_iter().map(|(name, variable)| Ok((name.to_string(), variable.copy()?)));
        Ok(Self(copies.collect::<Result<_>>()?))
    }

    /// Continues from saved tensors.
    pub fn new(tensors: BTreeMap<String, Tensor>) -> Self {
        Self(tensors)
    }

    /// The mean, by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.0
    }

    /// Takes in the weights after step `step` (from 0). The mean over the first steps is shorter
    /// than `decay` says, so that the initial weights are soon forgotten.
    pub fn update<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (&'a str, &'a Var)>,
        decay: f64,
        step: u64,
    ) -> Result<()> {
        let keep = decay.min((step + 1) as f64 / (step + 10) as f64);
        for (name, variable) in variables {
            let Some(mean) = self.0.get_mut(name) else { bail!("no running mean for '{name}'") };
            if variable.device().is_cpu() {
                mean.inplace_op2(variable, &Towards { keep, scale: 1.0, square: false })?;
            } else {
                *mean = ((&*mean * keep)? + (variable.as_tensor() * (1.0 - keep))?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_average_forgets_its_start() {
        let var = Var::new(&[0f32], &Device::Cpu).unwrap();
        let mut average = Average::start([("w", &var)]).unwrap();
        var.set(&Tensor::new(&[1f32], &Device::Cpu).unwrap()).unwrap();
        for step in 0..100 {
            average.update([("w", &var)], 0.999, step).unwrap();
        }
        let mean: Vec<f32> = average.tensors()["w"].to_vec1().unwrap();
        assert!(mean[0] > 0.99, "{mean:?}");
        assert!(var.to_vec1::<f32>().unwrap() == [1.0]);
    }
}

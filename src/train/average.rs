//! The running mean of the weights, which is what a run hands on.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::update::move_towards;

/// The running mean of the weights (exponential moving average).
///
/// A step changes the weights of one task's head and tail and those that all tasks share. The means of the others are
/// only brought forward when their weights change or the mean is asked for, in one go: while weights stay as they are,
/// their mean comes nearer to them by a known factor.
#[derive(Debug, Clone)]
pub struct Average {
    decay: f64,
    means: BTreeMap<String, Mean>,
}

/// The mean of one parameter.
#[derive(Debug, Clone)]
pub struct Mean {
    /// The mean over all but the latest steps.
    pub tensor: Tensor,
    /// The steps that it takes in.
    pub steps: u64,
}

impl Average {
    /// Starts at the variables as they are.
    pub fn start<'a>(decay: f64, variables: impl IntoIterator<Item = (&'a str, &'a Var)>) -> Result<Self> {
        let start = |(name, variable): (&str, &Var)| {
            Ok((name.to_string(), Mean { tensor: variable.copy()?.detach(), steps: 0 }))
        };
        Ok(Self { decay, means: variables.into_iter().map(start).collect::<Result<_>>()? })
    }

    /// Continues from saved means.
    pub fn new(decay: f64, means: BTreeMap<String, Mean>) -> Self {
        Self { decay, means }
    }

    /// The means as they are kept, by name.
    pub fn means(&self) -> &BTreeMap<String, Mean> {
        &self.means
    }

    /// Brings the means of these variables forward to `steps` steps, the last of which have not changed the variables.
    pub fn advance<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (&'a str, &'a Var)>,
        steps: u64,
    ) -> Result<()> {
        let given: BTreeMap<&str, &Var> = variables.into_iter().collect();
        let found: Vec<_> = (self.means.iter_mut())
            .filter_map(|(name, mean)| Some((mean, *given.get(name.as_str())?)))
            .collect();
        if found.len() < given.len() {
            bail!("a parameter has no running mean");
        }
        let decay = self.decay;
        found.into_par_iter().try_for_each(|(mean, variable)| mean.advance(variable, decay, steps))
    }

    /// The mean over `steps` steps, by name; `variables` are all as they are now.
    pub fn after<'a>(
        &self,
        steps: u64,
        variables: impl IntoIterator<Item = (&'a str, &'a Var)>,
    ) -> Result<BTreeMap<String, Tensor>> {
        let copies = self.means.iter().map(|(name, mean)| {
            Ok((name.clone(), Mean { tensor: mean.tensor.copy()?.detach(), steps: mean.steps }))
        });
        let mut all = Self { decay: self.decay, means: copies.collect::<Result<_>>()? };
        all.advance(variables, steps)?;
        Ok(all.means.into_iter().map(|(name, mean)| (name, mean.tensor)).collect())
    }
}

impl Mean {
    fn advance(&mut self, variable: &Var, decay: f64, steps: u64) -> Result<()> {
        // The mean over the first steps is shorter than `decay` says, so that the initial weights are soon forgotten.
        let keep = (self.steps..steps).map(|step| decay.min((step + 1) as f64 / (step + 10) as f64));
        let keep = keep.product();
        if self.steps < steps {
            self.steps = steps;
            if variable.device().is_cpu() {
                move_towards(&self.tensor, variable, keep, 1.0)?;
            } else {
                // Else candle's graph would hold every earlier mean.
                let way = (variable.as_detached_tensor() - &self.tensor)?;
                self.tensor = (&self.tensor + (way * (1.0 - keep))?)?;
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
        let mut average = Average::start(0.999, [("w", &var)]).unwrap();
        var.set(&Tensor::new(&[1f32], &Device::Cpu).unwrap()).unwrap();
        for steps in 1..=100 {
            average.advance([("w", &var)], steps).unwrap();
        }
        let mean: Vec<f32> = average.means()["w"].tensor.to_vec1().unwrap();
        assert!(mean[0] > 0.99, "{mean:?}");
        assert!(var.to_vec1::<f32>().unwrap() == [1.0]);
    }

    #[test]
    fn what_does_not_change_stays() {
        let values: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin()).collect();
        let var = Var::new(values.as_slice(), &Device::Cpu).unwrap();
        let mut average = Average::start(0.999, [("w", &var)]).unwrap();
        for steps in [1, 2, 3, 50, 51, 10_000] {
            average.advance([("w", &var)], steps).unwrap();
            assert_eq!(average.means()["w"].tensor.to_vec1::<f32>().unwrap(), values);
        }
    }

    #[test]
    fn steps_may_be_taken_in_at_once() {
        let values: Vec<f32> = (0..40).map(|step| (step / 8) as f32).collect();
        let var = Var::new(&[0f32], &Device::Cpu).unwrap();
        let mut each = Average::start(0.9, [("w", &var)]).unwrap();
        let mut seldom = each.clone();
        seldom.means.get_mut("w").unwrap().tensor = var.copy().unwrap();
        for (step, value) in values.iter().enumerate() {
            if *value != var.to_vec1::<f32>().unwrap()[0] {
                seldom.advance([("w", &var)], step as u64).unwrap();
                var.set(&Tensor::new(&[*value], &Device::Cpu).unwrap()).unwrap();
            }
            each.advance([("w", &var)], step as u64 + 1).unwrap();
        }
        assert!(seldom.means()["w"].steps < 40);
        let [each, seldom] = [each, seldom]
            .map(|average| average.after(40, [("w", &var)]).unwrap()["w"].to_vec1::<f32>().unwrap()[0]);
        assert!((each - seldom).abs() < 1e-6 && each > 3.0, "{each} {seldom}");
    }
}

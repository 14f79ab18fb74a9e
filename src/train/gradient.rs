//! The gradient as a thing of its own, between backward and optimizer: named, ordered, and so
//! ready to be summed over micro-batches (or, later, over machines), measured and clipped.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;

use super::update::add;
use crate::ops::{Gradients, cpu};

/// Elements summed by one thread; fixed, so that the sum is the same for any number of threads.
const BLOCK: usize = 1 << 16;

/// The gradient of every parameter that the loss reached, by the parameter's name.
///
/// A parameter that the loss did not reach (another task's head) is absent, which is not the same
/// as zero: the optimizer leaves it and its moments alone.
#[derive(Debug, Default)]
pub struct Gradient(BTreeMap<String, Tensor>);

impl Gradient {
    /// Takes the gradients of `variables` out of what backward computed.
    pub fn take<'a>(
        gradients: &mut Gradients,
        variables: impl IntoIterator<Item = (&'a str, &'a Var)>,
    ) -> Result<Self> {
        let mut named = BTreeMap::new();
        for (name, variable) in variables {
            if let Some(gradient) = gradients.take(variable) {
                named.insert(name.to_string(), gradient.detach().contiguous()?);
            }
        }
        Ok(Self(named))
    }

    /// The gradient of one parameter, if the loss reached it.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// Names and gradients, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, gradient)| (name.as_str(), gradient))
    }

    /// Replaces every tensor; a sum over machines goes here.
    pub fn try_map(self, mut f: impl FnMut(&str, Tensor) -> Result<Tensor>) -> Result<Self> {
        let mapped = self.0.into_iter().map(|(name, gradient)| {
            let gradient = f(&name, gradient)?;
            Ok((name, gradient))
        });
        Ok(Self(mapped.collect::<Result<_>>()?))
    }

    /// Adds another gradient; a parameter absent from one counts as zero there.
    pub fn add(&mut self, other: Gradient) -> Result<()> {
        for (name, gradient) in other.0 {
            match self.0.get_mut(&name) {
                Some(own) if own.device().is_cpu() => add(own, &gradient, 1.0)?,
                Some(own) => *own = (&*own + gradient)?,
                None => {
                    self.0.insert(name, gradient);
                }
            }
        }
        Ok(())
    }

    /// The Euclidean norm of all gradients together; the same for any number of threads.
    pub fn norm(&self) -> Result<f64> {
        let mut sum = 0.0;
        let mut elsewhere = Vec::new();
        for gradient in self.0.values() {
            match gradient.device().is_cpu() {
                true => sum += cpu::with_values([gradient], |[values]| square_sum(values))?,
                false => elsewhere.push(gradient.sqr()?.sum_all()?),
            }
        }
        if !elsewhere.is_empty() {
            // One copy from the device for all.
            let parts: Vec<f32> = Tensor::stack(&elsewhere, 0)?.to_vec1()?;
            sum += parts.into_iter().map(f64::from).sum::<f64>();
        }
        Ok(sum.sqrt())
    }
}

impl FromIterator<(String, Tensor)> for Gradient {
    fn from_iter<T: IntoIterator<Item = (String, Tensor)>>(named: T) -> Self {
        Self(named.into_iter().collect())
    }
}

/// The sum of squares.
fn square_sum(values: &[f32]) -> f64 {
    /// Sums side by side, each of which need not wait for the others.
    const LANES: usize = 16;
    let square = |x: &f32| f64::from(*x) * f64::from(*x);
    let block = |block: &[f32]| {
        let (whole, rest) = block.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for values in whole {
            sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += square(x));
        }
        sums.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>()
    };
    let parts: Vec<f64> = values.par_chunks(BLOCK).map(block).collect();
    parts.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::{self, Pass, Precision, Tape};

    #[test]
    fn reached_parameters_only() {
        let a = Var::new(&[3f32, 4.0], &Device::Cpu).unwrap();
        let b = Var::new(&[1f32], &Device::Cpu).unwrap();
        let variables = [("a", &a), ("b", &b)];
        let backward = || {
            let tape = Tape::default();
            let pass = Pass::recorded(Precision::F32, &tape);
            let double = ops::scale(&a, 2.0, pass).unwrap();
            tape.backward([(double, Tensor::new(&[1.5f32, 2.0], &Device::Cpu).unwrap())]).unwrap()
        };
        let mut gradient = Gradient::take(&mut backward(), variables).unwrap();
        assert_eq!(gradient.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a"]);
        assert_eq!(gradient.norm().unwrap(), 5.0);
        gradient.add(Gradient::take(&mut backward(), variables).unwrap()).unwrap();
        assert_eq!(gradient.norm().unwrap(), 10.0);
    }
}

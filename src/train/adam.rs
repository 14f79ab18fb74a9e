//! Adam (Kingma and Ba 2015) whose moments have names and can be saved, and the running mean of
//! the weights that is what a run hands on.
//!
//! On the CPU each tensor is updated in place, in parallel and element by element, so the result
//! does not depend on the number of threads. Elsewhere the same arithmetic goes through tensors.

use std::collections::BTreeMap;

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::gradient::{Gradient, values, values_mut};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Elements updated by one thread at a time.
const BLOCK: usize = 1 << 16;

/// The optimizer's memory of one parameter.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Running mean of the gradient.
    pub first: Tensor,
    /// Running mean of the squared gradient.
    pub second: Tensor,
    /// Updates of this parameter so far; a task's head has fewer than the body.
    pub steps: u64,
}

/// Adam with (0.9, 0.999), ε = 1e-8 and bias correction.
#[derive(Debug, Default)]
pub struct Adam(BTreeMap<String, Moments>);

impl Adam {
    /// An optimizer with these moments; a parameter without any starts from zero.
    pub fn new(moments: BTreeMap<String, Moments>) -> Self {
        Self(moments)
    }

    /// The moments of every parameter updated so far.
    pub fn moments(&self) -> &BTreeMap<String, Moments> {
        &self.0
    }

    /// Updates every variable that has a gradient, with `scale` times that gradient.
    pub fn step<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (&'a str, &'a Var)>,
        gradient: &Gradient,
        scale: f64,
        rate: f64,
    ) -> Result<()> {
        for (name, variable) in variables {
            let Some(gradient) = gradient.get(name) else { continue };
            if !self.0.contains_key(name) {
                let zeros = || Tensor::zeros(variable.shape(), variable.dtype(), variable.device());
                let moments = Moments { first: zeros()?, second: zeros()?, steps: 0 };
                self.0.insert(name.to_string(), moments);
            }
            if let Some(moments) = self.0.get_mut(name) {
                moments.step(variable, gradient, scale, rate)?;
            }
        }
        Ok(())
    }
}

impl Moments {
    fn step(&mut self, variable: &Var, gradient: &Tensor, scale: f64, rate: f64) -> Result<()> {
        self.steps += 1;
        // A running mean from zero is too small by this factor.
        let correct1 = 1.0 - BETA1.powf(self.steps as f64);
        let correct2 = 1.0 - BETA2.powf(self.steps as f64);
        let by = rate / correct1;
        let root = 1.0 / correct2.sqrt();
        if variable.device().is_cpu() {
            self.first.inplace_op2(gradient, &Towards { keep: BETA1, scale, square: false })?;
            self.second.inplace_op2(gradient, &Towards { keep: BETA2, scale, square: true })?;
            variable.inplace_op3(&self.first, &self.second, &Descend { by, root })
        } else {
            self.first = ((&self.first * BETA1)? + (gradient * ((1.0 - BETA1) * scale))?)?;
            self.second = ((&self.second * BETA2)? + (gradient.sqr()? * ((1.0 - BETA2) * scale * scale))?)?;
            let divisor = ((self.second.sqrt()? * root)? + EPSILON)?;
            variable.set(&(variable.as_tensor() - (self.first.div(&divisor)? * by)?)?)
        }
    }
}

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

/// a ← keep · a + (1 − keep) · (scale · b), or of its square.
struct Towards {
    keep: f64,
    scale: f64,
    square: bool,
}

impl InplaceOp2 for Towards {
    fn name(&self) -> &'static str {
        "towards"
    }

    fn cpu_fwd(&self, a: &mut CpuStorage, al: &Layout, b: &CpuStorage, bl: &Layout) -> Result<()> {
        let (a, b) = (values_mut(a, al)?, values(b, bl)?);
        let (keep, scale) = (self.keep as f32, self.scale as f32);
        let rest = (1.0 - self.keep) as f32;
        let square = self.square;
        a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK)).for_each(|(a, b)| {
            if square {
                a.iter_mut().zip(b).for_each(|(a, b)| *a = keep * *a + rest * (scale * b) * (scale * b));
            } else {
                a.iter_mut().zip(b).for_each(|(a, b)| *a = keep * *a + rest * (scale * b));
            }
        });
        Ok(())
    }
}

/// p ← p − by · m / (root · √v + ε).
struct Descend {
    by: f64,
    root: f64,
}

impl InplaceOp3 for Descend {
    fn name(&self) -> &'static str {
        "descend"
    }

    fn cpu_fwd(
        &self,
        p: &mut CpuStorage,
        pl: &Layout,
        m: &CpuStorage,
        ml: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<()> {
        let (p, m, v) = (values_mut(p, pl)?, values(m, ml)?, values(v, vl)?);
        let (by, root, epsilon) = (self.by as f32, self.root as f32, EPSILON as f32);
        p.par_chunks_mut(BLOCK).zip(m.par_chunks(BLOCK)).zip(v.par_chunks(BLOCK)).for_each(|((p, m), v)| {
            p.iter_mut().zip(m).zip(v).for_each(|((p, m), v)| *p -= by * m / (root * v.sqrt() + epsilon));
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::Tape;

    fn gradient(of: &Var, values: &[f32]) -> Gradient {
        let values = Tensor::new(values, &Device::Cpu).unwrap();
        let mut gradients = Tape::default().backward([(of.as_tensor().clone(), values)]).unwrap();
        Gradient::take(&mut gradients, [("w", of)]).unwrap()
    }

    /// Against `torch.optim.Adam(lr=0.1)`:
    /// ```python
    /// w = torch.tensor([1., -2., 3.], requires_grad=True); o = torch.optim.Adam([w], lr=0.1)
    /// for g in ([.5, -1., 0.], [.25, 2., 1e-3], [-4., .1, 1e-3]): w.grad = torch.tensor(g); o.step()
    /// ```
    /// computed in f64 here by the same formula, written out once more.
    #[test]
    fn follows_the_formula() {
        let var = Var::new(&[1f32, -2.0, 3.0], &Device::Cpu).unwrap();
        let (mut w, mut m, mut v) = ([1f64, -2.0, 3.0], [0f64; 3], [0f64; 3]);
        let mut adam = Adam::default();
        let steps = [[0.5f32, -1.0, 0.0], [0.25, 2.0, 1e-3], [-4.0, 0.1, 1e-3]];
        for (t, g) in steps.iter().enumerate() {
            adam.step([("w", &var)], &gradient(&var, g), 0.5, 0.1).unwrap();
            for i in 0..3 {
                let g = 0.5 * f64::from(g[i]);
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let t = t as i32 + 1;
                let (mh, vh) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
                w[i] -= 0.1 * mh / (vh.sqrt() + 1e-8);
            }
        }
        let got: Vec<f32> = var.to_vec1().unwrap();
        for (got, want) in got.iter().zip(w) {
            assert!((f64::from(*got) - want).abs() < 1e-5, "{got} {want}");
        }
        assert_eq!(adam.moments()["w"].steps, 3);
    }

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

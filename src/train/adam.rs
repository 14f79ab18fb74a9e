//! Adam (Kingma and Ba 2015).
//!
//! On the CPU in place, elsewhere the same arithmetic through tensors.

use candle_core::{Result, Tensor, Var};

use super::update::update_three;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The memory of one parameter.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Running mean of the gradient.
    pub first: Tensor,
    /// Running mean of the squared gradient.
    pub second: Tensor,
    /// Updates of this parameter so far; a task's head has fewer than the body.
    pub steps: u64,
}

impl Moments {
    /// Of a parameter that has not been updated.
    pub fn start(variable: &Var) -> Result<Self> {
        Ok(Self { first: variable.zeros_like()?, second: variable.zeros_like()?, steps: 0 })
    }

    /// Updates the variable with `scale` times its gradient, by (0.9, 0.999), ε = 1e-8 and bias
    /// correction.
    pub fn step(&mut self, variable: &Var, gradient: &Tensor, scale: f64, rate: f64) -> Result<()> {
        self.steps += 1;
        // A running mean from zero is too small by this factor.
        let correct1 = 1.0 - BETA1.powf(self.steps as f64);
        let correct2 = 1.0 - BETA2.powf(self.steps as f64);
        let by = rate / correct1;
        let root = 1.0 / correct2.sqrt();
        if variable.device().is_cpu() {
            let [rest1, rest2] = [BETA1, BETA2].map(|keep| (1.0 - keep) as f32);
            let [scale, by, root, epsilon] = [scale, by, root, EPSILON].map(|x| x as f32);
            let tensors = [variable.as_tensor(), &self.first, &self.second];
            update_three(tensors, gradient, |[weight, first, second], gradient| {
                let gradient = scale * gradient;
                *first += rest1 * (gradient - *first);
                *second += rest2 * (gradient * gradient - *second);
                *weight -= by * *first / (root * second.sqrt() + epsilon);
            })
        } else {
            self.first = ((&self.first * BETA1)? + (gradient * ((1.0 - BETA1) * scale))?)?;
            self.second = ((&self.second * BETA2)? + (gradient.sqr()? * ((1.0 - BETA2) * scale * scale))?)?;
            let divisor = ((self.second.sqrt()? * root)? + EPSILON)?;
            variable.set(&(variable.as_tensor() - (self.first.div(&divisor)? * by)?)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

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
        let mut moments = Moments::start(&var).unwrap();
        let steps = [[0.5f32, -1.0, 0.0], [0.25, 2.0, 1e-3], [-4.0, 0.1, 1e-3]];
        for (t, g) in steps.iter().enumerate() {
            let gradient = Tensor::new(g, &Device::Cpu).unwrap();
            moments.step(&var, &gradient, 0.5, 0.1).unwrap();
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
        assert_eq!(moments.steps, 3);
    }
}

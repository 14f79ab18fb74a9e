//! Muon (K. Jordan et al., 2024): momentum whose step is the orthogonal matrix nearest to it, so that
//! all directions of a weight matrix learn equally fast, and not only those with large gradients.

use candle_core::{Result, Tensor, Var};

use super::update::{add, move_towards};
use crate::ops::{self, Precision};

const MOMENTUM: f64 = 0.95;

/// Updates the variable, a stack of `matrices` matrices of `[outputs, ..]`, with `scale` times its
/// gradient. `momentum` is the memory: the running mean of the gradient.
///
/// The step of a matrix has singular values of about `rate`, more where it has more outputs than
/// inputs, so that a step changes outputs by much the same in every layer.
pub fn step(
    momentum: &mut Tensor,
    variable: &Var,
    matrices: usize,
    gradient: &Tensor,
    scale: f64,
    rate: f64,
    precision: Precision,
) -> Result<()> {
    let ahead = if variable.device().is_cpu() {
        move_towards(momentum, gradient, MOMENTUM, scale)?;
        // Nesterov's: the gradient counts once more.
        let ahead = momentum.copy()?;
        move_towards(&ahead, gradient, MOMENTUM, scale)?;
        ahead
    } else {
        let news = (gradient * ((1.0 - MOMENTUM) * scale))?;
        *momentum = ((&*momentum * MOMENTUM)? + &news)?;
        ((&*momentum * MOMENTUM)? + news)?
    };
    let parts = ahead.flatten_from(1)?.chunk(matrices, 0)?;
    let (outputs, inputs) = parts[0].dims2()?;
    let by = rate * (outputs as f64 / inputs as f64).max(1.0).sqrt();
    let steps = parts.iter().map(|matrix| ops::orthogonal(matrix, precision));
    let step = Tensor::cat(&steps.collect::<Result<Vec<_>>>()?, 0)?.reshape(variable.shape())?;
    if variable.device().is_cpu() {
        add(variable, &step, -by)
    } else {
        variable.set(&(variable.as_tensor() - (step * by)?)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn run(weight: &[[f32; 2]], gradient: &[[f32; 2]], matrices: usize) -> Vec<Vec<f32>> {
        let tensor = |values: &[[f32; 2]]| Tensor::new(values.as_flattened(), &Device::Cpu)?.reshape(((), 2));
        let variable = Var::from_tensor(&tensor(weight).unwrap()).unwrap();
        let mut momentum = variable.zeros_like().unwrap();
        step(&mut momentum, &variable, matrices, &tensor(gradient).unwrap(), 1.0, 0.1, Precision::F32)
            .unwrap();
        variable.to_vec2().unwrap()
    }

    /// Of a diagonal gradient the nearest orthogonal matrix is that of its signs.
    #[test]
    fn small_and_large_gradients_go_the_same_way() {
        let moved = run(&[[1.0, 0.0], [0.0, 1.0]], &[[5.0, 0.0], [0.0, -0.5]], 1);
        for (i, sign) in [(0, -1.0), (1, 1.0)] {
            let by = sign * (moved[i][i] - 1.0);
            assert!((0.06..0.125).contains(&by), "{moved:?}");
            assert!(moved[i][1 - i].abs() < 1e-6, "{moved:?}");
        }
    }

    /// One over the other they would be one 4×2 matrix, whose two columns share the step.
    #[test]
    fn stacked_matrices_are_apart() {
        let gradient = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        let apart = run(&[[0.0; 2]; 4], &gradient, 2);
        let alone = run(&[[0.0; 2]; 2], &gradient[..2], 1);
        assert_eq!(apart, [alone.clone(), alone].concat());
        // As one matrix it is 1/√2 of that to each, and the step √2 times larger for its more outputs.
        let one = run(&[[0.0; 2]; 4], &gradient, 1);
        assert!((one[0][0] - apart[0][0]).abs() < 0.03 && one != apart, "{one:?} {apart:?}");
    }

    #[test]
    fn goes_downhill() {
        // |w·x - y|² with x = (1, 2), y = (3, -1): the gradient is 2 (w·x - y) xᵀ.
        let x = Tensor::new(&[[1f32], [2.0]], &Device::Cpu).unwrap();
        let y = Tensor::new(&[[3f32], [-1.0]], &Device::Cpu).unwrap();
        let w = Var::zeros((2, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let mut momentum = w.zeros_like().unwrap();
        let off = || (w.matmul(&x).unwrap() - &y).unwrap();
        let loss = || off().sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        let before = loss();
        for i in 0..60 {
            let gradient = (off().matmul(&x.t().unwrap()).unwrap() * 2.0).unwrap();
            let rate = 0.1 * (1.0 - i as f64 / 60.0);
            step(&mut momentum, &w, 1, &gradient, 1.0, rate, Precision::F32).unwrap();
        }
        assert!(loss() < 0.05 * before, "{before} {}", loss());
    }
}

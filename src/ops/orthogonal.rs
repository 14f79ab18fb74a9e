//! The orthogonal matrix nearest to a matrix, nearly.

use candle_core::{Result, Tensor};

use super::Precision;
use super::cpu::{tensor, with_values};
use super::linear::Product;
use crate::kernels::elementwise::scale;

/// The quintic `a·x + b·x³ + c·x⁵` that, five times over, takes all of 0.01..1 to about 1
/// (K. Jordan et al., "Muon", 2024).
const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];
const TIMES: usize = 5;

/// The smallest norm to divide by.
const TINY: f32 = 1e-30;

/// The matrix `x` with all singular values made about 1 (0.7 to 1.2; those under a hundredth of the
/// matrix's norm less), by Newton–Schulz iteration: products only, and no sharper than bf16 allows.
///
/// A matrix of zeros stays one.
pub fn orthogonal(x: &Tensor, precision: Precision) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    if x.device().is_cpu() {
        let values = with_values([x], |[x]| Shape { rows, columns, precision }.orthogonal(x))?;
        return tensor(values, (rows, columns));
    }
    let norm = x.sqr()?.sum_all()?.sqrt()?.maximum(TINY)?;
    let mut x = x.broadcast_div(&norm)?;
    for _ in 0..TIMES {
        x = composed(&x)?;
    }
    Ok(x)
}

/// One step of candle's operators, for any device.
fn composed(x: &Tensor) -> Result<Tensor> {
    let [a, b, c] = QUINTIC;
    let (rows, columns) = x.dims2()?;
    let gram = if rows <= columns { x.matmul(&x.t()?)? } else { x.t()?.matmul(x)? };
    let even = ((&gram * b)? + (gram.matmul(&gram)? * c)?)?;
    let product = if rows <= columns { even.matmul(x)? } else { x.matmul(&even)? };
    product + (x * a)?
}

struct Shape {
    rows: usize,
    columns: usize,
    precision: Precision,
}

impl Shape {
    fn orthogonal(&self, x: &[f32]) -> Vec<f32> {
        let by = 1.0 / norm(x).max(TINY);
        let x = scale(x, by);
        (0..TIMES).fold(x, |x: Vec<f32>, _| self.raise(&x))
    }

    /// One step: `(a + b·G + c·G²)·x`, where G is the smaller of the two products of x with itself.
    fn raise(&self, x: &[f32]) -> Vec<f32> {
        let &Self { rows, columns, precision } = self;
        let product = |inputs, outputs| Product { inputs, outputs, precision };
        let [a, b, c] = QUINTIC.map(|factor| factor as f32);
        let wide = rows <= columns;
        let side = rows.min(columns);
        let gram = if wide {
            product(columns, rows).plain(x, x)
        } else {
            product(columns, columns).for_weight(x, x)
        };
        let mut even = product(side, side).plain(&gram, &gram);
        even.iter_mut().zip(&gram).for_each(|(square, gram)| *square = b * gram + c * *square);
        let scaled = scale(x, a);
        // The even part is symmetric, and so its own transpose.
        match wide {
            true => product(columns, rows).for_x(&even, x, Some(&scaled)),
            false => product(columns, columns).for_x(x, &even, Some(&scaled)),
        }
    }
}

/// The Frobenius norm, summed in lanes that a processor can take at once.
fn norm(x: &[f32]) -> f32 {
    let mut sums = [0.0f64; 8];
    for chunk in x.chunks(sums.len()) {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*x) * f64::from(*x);
        }
    }
    sums.iter().sum::<f64>().sqrt() as f32
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// Three singular vectors with known values.
    fn matrix(rows: usize, columns: usize) -> (Tensor, Tensor) {
        let wave = |length: usize, times: usize| {
            let angle = |i: usize| (i as f64 + 0.5) * times as f64 * std::f64::consts::PI / length as f64;
            let values: Vec<f32> =
                (0..length).map(|i| (angle(i).cos() * (2.0 / length as f64).sqrt()) as f32).collect();
            Tensor::new(values, &Device::Cpu).unwrap()
        };
        let sum = |sizes: [f64; 3]| {
            let parts = sizes.iter().enumerate().map(|(i, size)| {
                let left = wave(rows, i + 1).reshape((rows, 1)).unwrap();
                let right = wave(columns, i + 1).reshape((1, columns)).unwrap();
                (left.matmul(&right).unwrap() * *size).unwrap()
            });
            parts.reduce(|a, b| (a + b).unwrap()).unwrap()
        };
        (sum([30.0, 4.0, 0.9]), sum([1.0, 1.0, 1.0]))
    }

    #[test]
    fn singular_values_become_one() {
        for (rows, columns) in [(16, 40), (40, 16), (33, 33), (128, 130)] {
            let (x, nearest) = matrix(rows, columns);
            for precision in [Precision::F32, Precision::Bf16] {
                let found = orthogonal(&x, precision).unwrap();
                assert_eq!(found.dims(), [rows, columns]);
                let off = (found - &nearest).unwrap().sqr().unwrap().sum_all().unwrap();
                let off = f64::from(off.to_scalar::<f32>().unwrap()).sqrt();
                // Each of the three may be 0.3 off.
                assert!(off < 0.3 * 3f64.sqrt(), "{rows}×{columns} {precision:?}: {off}");
            }
        }
    }

    #[test]
    fn both_ways_agree_and_zero_stays() {
        let (x, _) = matrix(20, 12);
        let x = (&x / 40.0).unwrap();
        let own =
            with_values([&x], |[x]| Shape { rows: 20, columns: 12, precision: Precision::F32 }.raise(x));
        let own = tensor(own.unwrap(), (20, 12)).unwrap();
        let most = (own - composed(&x).unwrap()).unwrap().abs().unwrap().max_all().unwrap();
        assert!(most.to_scalar::<f32>().unwrap() < 1e-6);
        let zero = orthogonal(&x.zeros_like().unwrap(), Precision::F32).unwrap();
        assert_eq!(zero.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap(), 0.0);
    }
}

//! Layer normalisation of rows, and its gradients.

use rayon::prelude::*;

use super::output::{Target, filled};
use super::rows::sum_parts;

/// Sums that are taken side by side.
const LANES: usize = 16;

/// Rows of one piece of work.
const ROWS: usize = 64;

/// (x − mean) / sqrt(variance + eps) · gamma + beta for each row, as long as gamma and beta.
///
/// # Panics
/// If the lengths do not fit.
pub fn forward(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> Vec<f32> {
    let width = gamma.len();
    assert!(width > 0 && beta.len() == width && x.len().is_multiple_of(width));
    let fill = |out: Target| {
        x.par_chunks(ROWS * width).enumerate().for_each(|(piece, x)| {
            // SAFETY: the piece is as long as its part of x, and the pieces do not overlap.
            unsafe { normalise(x, gamma, beta, eps, out.at(piece * ROWS * width)) }
        });
    };
    // SAFETY: the pieces cover x, which is as long as the result.
    unsafe { filled(x.len(), fill) }
}

/// The gradients of x, added to `earlier`, of gamma and of beta from that of the result.
///
/// # Panics
/// If the lengths do not fit.
pub fn backward(
    x: &[f32],
    gamma: &[f32],
    eps: f32,
    gradient: &[f32],
    earlier: Option<&[f32]>,
) -> [Vec<f32>; 3] {
    let width = gamma.len();
    assert!(width > 0 && x.len() == gradient.len() && x.len().is_multiple_of(width));
    assert!(earlier.is_none_or(|earlier| earlier.len() == x.len()));
    let pieces = x.len().div_ceil(ROWS * width);
    // The sums for gamma and beta of one piece, side by side.
    let mut sums = vec![0.0; pieces * 2 * width];
    let fill = |out: Target| {
        let inputs = x.par_chunks(ROWS * width).zip(gradient.par_chunks(ROWS * width));
        sums.par_chunks_mut(2 * width).zip(inputs).enumerate().for_each(|(piece, (sums, (x, gradient)))| {
            let earlier = earlier.map(|earlier| &earlier[piece * ROWS * width..][..x.len()]);
            // SAFETY: the piece is as long as its part of x, and the pieces do not overlap.
            unsafe { differentiate(x, gamma, eps, gradient, earlier, sums, out.at(piece * ROWS * width)) }
        });
    };
    // SAFETY: the pieces cover x, which is as long as the result.
    let dx = unsafe { filled(x.len(), fill) };
    let mut dgamma = sum_parts(sums, 2 * width);
    let dbeta = dgamma.split_off(width);
    [dx, dgamma, dbeta]
}

/// The sum of f(i) over a row, in fixed lanes.
#[inline(always)]
fn sum(len: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    for i in whole..len {
        lanes[i - whole] += f(i);
    }
    lanes.iter().sum()
}

/// Mean and 1 / sqrt(variance + eps) of a row.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let scale = 1.0 / x.len() as f32;
    let mean = sum(x.len(), |i| x[i]) * scale;
    let squares = sum(x.len(), |i| (x[i] - mean) * (x[i] - mean));
    (mean, 1.0 / (squares * scale + eps).sqrt())
}

dispatch! {
    /// # Safety
    /// As many elements as `x` has are ours at `out`.
    unsafe fn normalise(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, out: Target) {
        let width = gamma.len();
        for (row, x) in x.chunks_exact(width).enumerate() {
            let (mean, factor) = moments(x, eps);
            // SAFETY: the caller's promise.
            let out = unsafe { out.at(row * width).uninit(width) };
            for (((out, x), gamma), beta) in out.iter_mut().zip(x).zip(gamma).zip(beta) {
                out.write((x - mean) * factor * gamma + beta);
            }
        }
    }
}

dispatch! {
    /// `sums` gets the gradients of gamma and beta, side by side.
    ///
    /// # Safety
    /// As many elements as `x` has are ours at `out`.
    unsafe fn differentiate(
        x: &[f32],
        gamma: &[f32],
        eps: f32,
        gradient: &[f32],
        earlier: Option<&[f32]>,
        sums: &mut [f32],
        out: Target,
    ) {
        let width = gamma.len();
        let (for_gamma, for_beta) = sums.split_at_mut(width);
        for (row, (x, gradient)) in x.chunks_exact(width).zip(gradient.chunks_exact(width)).enumerate() {
            let (x, gradient) = (&x[..width], &gradient[..width]);
            let (mean, factor) = moments(x, eps);
            let scale = 1.0 / width as f32;
            let direct = scale * sum(width, |i| gradient[i] * gamma[i]);
            let along = scale * factor * factor * sum(width, |i| gradient[i] * gamma[i] * (x[i] - mean));
            // SAFETY: the caller's promise.
            let out = unsafe { out.at(row * width).uninit(width) };
            let own = |i: usize| (gradient[i] * gamma[i] - direct - (x[i] - mean) * along) * factor;
            match earlier {
                Some(earlier) => {
                    let earlier = &earlier[row * width..][..width];
                    (0..width).for_each(|i| { out[i].write(own(i) + earlier[i]); });
                }
                None => (0..width).for_each(|i| { out[i].write(own(i)); }),
            }
            for ((sum, g), x) in for_gamma.iter_mut().zip(gradient).zip(x) {
                *sum += g * ((x - mean) * factor);
            }
            for (sum, g) in for_beta.iter_mut().zip(gradient) {
                *sum += g;
            }
        }
    }
}

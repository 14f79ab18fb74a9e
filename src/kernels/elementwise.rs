//! Arithmetic element by element.

use rayon::prelude::*;

use super::output::{Target, filled};

/// Elements in one piece of work.
const PIECE: usize = 1 << 15;

/// `a + b`.
///
/// # Panics
/// If the lengths differ.
pub fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    // SAFETY: `sum` writes every element.
    unsafe { zip(a, b, |a, b, out| sum(a, b, out)) }
}

/// `x` plus `values`, again and again.
///
/// # Panics
/// If `values` is empty.
pub fn add_repeated(x: &[f32], values: &[f32]) -> Vec<f32> {
    let piece = (PIECE / values.len()).max(1) * values.len();
    let fill = |out: Target| {
        x.par_chunks(piece).enumerate().for_each(|(index, x)| {
            for (row, x) in x.chunks(values.len()).enumerate() {
                // SAFETY: the rows do not overlap, and `sum` writes as many elements as its first argument has.
                unsafe { sum(x, values, out.at(index * piece + row * values.len())) };
            }
        });
    };
    // SAFETY: the rows cover the result.
    unsafe { filled(x.len(), fill) }
}

/// `gradient` where `result` is positive, else 0: the gradient at the input of a ReLU with that result.
///
/// # Panics
/// If the lengths differ.
pub fn relu_gradient(gradient: &[f32], result: &[f32]) -> Vec<f32> {
    // SAFETY: `mask` writes every element.
    unsafe { zip(gradient, result, |gradient, result, out| mask(gradient, result, out)) }
}

/// `factor · x`.
pub fn scale(x: &[f32], factor: f32) -> Vec<f32> {
    // SAFETY: `multiples` writes every element.
    unsafe { zip(x, x, |x, _, out| multiples(x, factor, out)) }
}

/// Σ |a − b|, and `weight` times its gradient by a.
///
/// # Panics
/// If the lengths differ.
pub fn absolute_error(a: &[f32], b: &[f32], weight: f32) -> (f64, Vec<f32>) {
    assert_eq!(a.len(), b.len());
    let mut sums = vec![0.0; a.len().div_ceil(PIECE)];
    let fill = |out: Target| {
        let pieces = sums.par_iter_mut().zip(a.par_chunks(PIECE).zip(b.par_chunks(PIECE))).enumerate();
        pieces.for_each(|(piece, (sum, (a, b)))| {
            // SAFETY: the pieces do not overlap.
            *sum = f64::from(unsafe { errors(a, b, weight, out.at(piece * PIECE)) });
        });
    };
    // SAFETY: the pieces cover the result, and `errors` writes all of its own.
    let gradient = unsafe { filled(a.len(), fill) };
    (sums.iter().sum(), gradient)
}

/// What `f` makes of pieces of two slices.
///
/// # Safety
/// `f` writes as many elements as its first argument has, and reads none of them before.
unsafe fn zip(a: &[f32], b: &[f32], f: impl Fn(&[f32], &[f32], Target) + Sync) -> Vec<f32> {
    assert_eq!(a.len(), b.len());
    let fill = |out: Target| {
        a.par_chunks(PIECE).zip(b.par_chunks(PIECE)).enumerate().for_each(|(piece, (a, b))| {
            // SAFETY: the pieces do not overlap.
            f(a, b, unsafe { out.at(piece * PIECE) });
        });
    };
    // SAFETY: the pieces cover the result, and the caller promises to write each.
    unsafe { filled(a.len(), fill) }
}

dispatch! {
    /// # Safety
    /// As many elements as `a` has are ours at `out`.
    unsafe fn sum(a: &[f32], b: &[f32], out: Target) {
        // SAFETY: the caller's promise.
        let out = unsafe { out.uninit(a.len()) };
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            out.write(a + b);
        }
    }
}

dispatch! {
    /// # Safety
    /// As many elements as `gradient` has are ours at `out`.
    unsafe fn mask(gradient: &[f32], result: &[f32], out: Target) {
        // SAFETY: the caller's promise.
        let out = unsafe { out.uninit(gradient.len()) };
        for ((out, gradient), result) in out.iter_mut().zip(gradient).zip(result) {
            out.write(if *result > 0.0 { *gradient } else { 0.0 });
        }
    }
}

dispatch! {
    /// # Safety
    /// As many elements as `x` has are ours at `out`.
    unsafe fn multiples(x: &[f32], factor: f32, out: Target) {
        // SAFETY: the caller's promise.
        let out = unsafe { out.uninit(x.len()) };
        for (out, x) in out.iter_mut().zip(x) {
            out.write(factor * x);
        }
    }
}

dispatch! {
    /// # Safety
    /// As many elements as `a` has are ours at `out`.
    unsafe fn errors(a: &[f32], b: &[f32], weight: f32, out: Target) -> f32 {
        /// Sums that are taken side by side, in an order that does not depend on the processor.
        const LANES: usize = 16;
        // SAFETY: the caller's promise.
        let out = unsafe { out.uninit(a.len()) };
        let mut sums = [0.0f32; LANES];
        let pairs = a.chunks(LANES).zip(b.chunks(LANES));
        for (out, (a, b)) in out.chunks_mut(LANES).zip(pairs) {
            for (((sum, out), a), b) in sums.iter_mut().zip(out).zip(a).zip(b) {
                let error = a - b;
                *sum += error.abs();
                out.write(if error > 0.0 { weight } else if error < 0.0 { -weight } else { 0.0 });
            }
        }
        sums.iter().sum()
    }
}

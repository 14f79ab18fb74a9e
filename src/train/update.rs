//! In-place arithmetic of the optimizers on the CPU: in parallel and element by element, so the
//! result does not depend on the number of threads.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::ops::cpu::{with_values, with_values_mut};

/// Elements updated by one thread at a time.
const BLOCK: usize = 1 << 16;

/// a ← a + times · b.
pub(super) fn add(a: &Tensor, b: &Tensor, times: f64) -> Result<()> {
    let times = times as f32;
    update(a, b, |a, b| *a += times * b)
}

/// a ← a + (1 − keep) · (scale · b − a). Where a is scale · b it stays as it is to the last bit, which a sum of two
/// products does not promise.
pub(super) fn move_towards(a: &Tensor, b: &Tensor, keep: f64, scale: f64) -> Result<()> {
    let (rest, scale) = ((1.0 - keep) as f32, scale as f32);
    update(a, b, |a, b| *a += rest * (scale * b - *a))
}

fn update(a: &Tensor, b: &Tensor, f: impl Fn(&mut f32, f32) + Sync) -> Result<()> {
    let all = |a: &mut [f32], b: &[f32]| {
        let pieces = a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK));
        pieces.for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| f(a, *b)));
    };
    with_values_mut(a, |a| with_values([b], |[b]| all(a, b)))
}

/// Calls `f` with each element of three tensors and of `b`. What belongs together is changed at once, since memory is what this
/// waits for.
pub(super) fn update_three(
    [x, y, z]: [&Tensor; 3],
    b: &Tensor,
    f: impl Fn([&mut f32; 3], f32) + Sync,
) -> Result<()> {
    let all = |x: &mut [f32], y: &mut [f32], z: &mut [f32], b: &[f32]| {
        let others = y.par_chunks_mut(BLOCK).zip(z.par_chunks_mut(BLOCK));
        let pieces = x.par_chunks_mut(BLOCK).zip(others).zip(b.par_chunks(BLOCK));
        pieces.for_each(|((x, (y, z)), b)| {
            x.iter_mut().zip(y.iter_mut().zip(z)).zip(b).for_each(|((x, (y, z)), b)| f([x, y, z], *b));
        });
    };
    with_values_mut(x, |x| {
        with_values_mut(y, |y| with_values_mut(z, |z| with_values([b], |[b]| all(x, y, z, b))))
    })
}

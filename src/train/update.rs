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

/// Adam's step. All that belongs to an element is done at once, since memory is what it waits for.
pub(super) struct Adam {
    /// The share of either mean that stays.
    pub keep: [f64; 2],
    /// What the gradient is multiplied with first.
    pub scale: f64,
    pub by: f64,
    pub root: f64,
    pub epsilon: f64,
}

impl Adam {
    /// With g = scale · gradient: m ← m + (1 − keep) · (g − m), the same for v with g², and p ← p − by · m / (root · √v + epsilon).
    pub(super) fn apply(&self, p: &Tensor, m: &Tensor, v: &Tensor, gradient: &Tensor) -> Result<()> {
        let [rest1, rest2] = self.keep.map(|keep| (1.0 - keep) as f32);
        let [scale, by, root, epsilon] = [self.scale, self.by, self.root, self.epsilon].map(|x| x as f32);
        let element = |p: &mut f32, m: &mut f32, v: &mut f32, gradient: f32| {
            let g = scale * gradient;
            *m += rest1 * (g - *m);
            *v += rest2 * (g * g - *v);
            *p -= by * *m / (root * v.sqrt() + epsilon);
        };
        let all = |p: &mut [f32], m: &mut [f32], v: &mut [f32], gradient: &[f32]| {
            let means = m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK));
            let pieces = p.par_chunks_mut(BLOCK).zip(means).zip(gradient.par_chunks(BLOCK));
            pieces.for_each(|((p, (m, v)), gradient)| {
                let means = m.iter_mut().zip(v);
                p.iter_mut().zip(means).zip(gradient).for_each(|((p, (m, v)), g)| element(p, m, v, *g));
            });
        };
        with_values_mut(p, |p| {
            with_values_mut(m, |m| with_values_mut(v, |v| with_values([gradient], |[g]| all(p, m, v, g))))
        })
    }
}

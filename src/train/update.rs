//! In-place arithmetic of the optimizers on the CPU: in parallel and element by element, so the
//! result does not depend on the number of threads.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result};
use rayon::prelude::*;

use crate::ops::cpu::{values, values_mut};

/// Elements updated by one thread at a time.
const BLOCK: usize = 1 << 16;

/// a ← a + (1 − keep) · (scale · b − a), or the same with the square of scale · b. Where both are equal, a
/// stays as it is to the last bit, which a sum of two products does not promise.
pub(super) struct Towards {
    pub keep: f64,
    pub scale: f64,
    pub square: bool,
}

impl InplaceOp2 for Towards {
    fn name(&self) -> &'static str {
        "towards"
    }

    fn cpu_fwd(&self, a: &mut CpuStorage, al: &Layout, b: &CpuStorage, bl: &Layout) -> Result<()> {
        let (a, b) = (values_mut(a, al)?, values(b, bl)?);
        let (rest, scale) = ((1.0 - self.keep) as f32, self.scale as f32);
        let square = self.square;
        a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK)).for_each(|(a, b)| {
            if square {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += rest * ((scale * b) * (scale * b) - *a));
            } else {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += rest * (scale * b - *a));
            }
        });
        Ok(())
    }
}

/// a ← a + times · b.
pub(super) struct Add {
    pub times: f64,
}

impl InplaceOp2 for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(&self, a: &mut CpuStorage, al: &Layout, b: &CpuStorage, bl: &Layout) -> Result<()> {
        let (a, b) = (values_mut(a, al)?, values(b, bl)?);
        let times = self.times as f32;
        let pieces = a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK));
        pieces.for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| *a += times * b));
        Ok(())
    }
}

/// p ← p − by · m / (root · √v + epsilon).
pub(super) struct Descend {
    pub by: f64,
    pub root: f64,
    pub epsilon: f64,
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
        let (by, root, epsilon) = (self.by as f32, self.root as f32, self.epsilon as f32);
        p.par_chunks_mut(BLOCK).zip(m.par_chunks(BLOCK)).zip(v.par_chunks(BLOCK)).for_each(|((p, m), v)| {
            p.iter_mut().zip(m).zip(v).for_each(|((p, m), v)| *p -= by * m / (root * v.sqrt() + epsilon));
        });
        Ok(())
    }
}

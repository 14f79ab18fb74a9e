//! Blocks of 6 rows on the sixteen 256-bit registers of AVX2.

use std::arch::x86_64::*;

use super::tile::{Factors, Kernel, Register, Row, run_blocks};

pub(super) static KERNEL: Kernel<f32> =
    Kernel { name: "avx2", rows: 6, row_group: 1, enter: || (), leave: || (), run };

#[derive(Clone, Copy)]
struct Lanes(__m256);

impl Register for Lanes {
    type Element = f32;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: only used where AVX2 is enabled.
        Self(unsafe { _mm256_setzero_ps() })
    }

    #[inline(always)]
    unsafe fn splat(a: *const f32) -> Self {
        // SAFETY: as above, and the caller's promise.
        Self(unsafe { _mm256_set1_ps(*a) })
    }

    #[inline(always)]
    unsafe fn load(b: *const f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_loadu_ps(b) })
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {
        // The processor sees by itself what comes next, and the instructions are missed elsewhere.
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn run(factors: &Factors<'_, f32>, rows: usize, columns: usize, sums: &mut [Row]) {
    run_blocks!(Lanes, factors, rows, columns, sums, [1 2 3 4 5 6]);
}

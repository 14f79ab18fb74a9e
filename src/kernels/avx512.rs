//! Blocks of 12 rows on the thirty-two 512-bit registers of AVX-512, for f32 and for bf16 pairs.

use std::arch::x86_64::*;

use super::element::Bf16;
use super::tile::{Factors, Kernel, Register, Tile, run_blocks};

pub(super) static SINGLE: Kernel<f32> =
    Kernel { name: "avx512", rows: 12, row_group: 1, enter: || (), leave: || (), run: run_single };

pub(super) static HALF: Kernel<Bf16> =
    Kernel { name: "avx512bf16", rows: 12, row_group: 1, enter: || (), leave: || (), run: run_half };

#[derive(Clone, Copy)]
struct Single(__m512);

impl Register for Single {
    type Element = f32;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: only used where AVX-512 is enabled.
        Self(unsafe { _mm512_setzero_ps() })
    }

    #[inline(always)]
    unsafe fn splat(a: *const f32) -> Self {
        // SAFETY: as above, and the caller's promise.
        Self(unsafe { _mm512_set1_ps(*a) })
    }

    #[inline(always)]
    unsafe fn load(b: *const f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_loadu_ps(b) })
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn prefetch(b: *const f32) {
        // SAFETY: a prefetch never faults.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(b.cast());
            _mm_prefetch::<_MM_HINT_T0>(b.wrapping_byte_add(64).cast());
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
}

/// Sixteen sums, or sixteen pairs of bf16 factors.
#[derive(Clone, Copy)]
struct Half(__m512);

impl Register for Half {
    type Element = Bf16;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: only used where AVX-512 with bf16 is enabled.
        Self(unsafe { _mm512_setzero_ps() })
    }

    #[inline(always)]
    unsafe fn splat(a: *const Bf16) -> Self {
        // SAFETY: as above, and the caller's promise; the pair may be unaligned.
        Self(unsafe { _mm512_castsi512_ps(_mm512_set1_epi32(a.cast::<i32>().read_unaligned())) })
    }

    #[inline(always)]
    unsafe fn load(b: *const Bf16) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_loadu_ps(b.cast()) })
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above; __m512 and __m512bh are both 64 plain bytes.
        Self(unsafe { _mm512_dpbf16_ps(self.0, std::mem::transmute(a.0), std::mem::transmute(b.0)) })
    }

    #[inline(always)]
    unsafe fn prefetch(b: *const Bf16) {
        // SAFETY: a prefetch never faults.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(b.cast());
            _mm_prefetch::<_MM_HINT_T0>(b.wrapping_byte_add(64).cast());
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn run_single(factors: &Factors<'_, f32>, rows: usize, columns: usize, tile: &mut Tile) {
    run_blocks!(Single, factors, rows, columns, tile, [1 2 3 4 5 6 7 8 9 10 11 12]);
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn run_half(factors: &Factors<'_, Bf16>, rows: usize, columns: usize, tile: &mut Tile) {
    run_blocks!(Half, factors, rows, columns, tile, [1 2 3 4 5 6 7 8 9 10 11 12]);
}

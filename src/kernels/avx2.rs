//! Blocks of 6 rows on the sixteen 256-bit registers of AVX2.

use std::arch::x86_64::*;

use super::tile::{Factors, Kernel, Register, Sums, run_blocks};
use super::transpose::{Block, SIDE};

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
unsafe fn run(factors: &Factors<'_, f32>, rows: usize, columns: usize, sums: Sums) {
    run_blocks!(Lanes, factors, rows, columns, sums, [1 2 3 4 5 6]);
}

/// Words of a register.
const WORDS: usize = 8;

/// Exchanges rows and columns, a quarter of the block at a time.
#[target_feature(enable = "avx2")]
pub(super) fn transpose(block: &mut Block) {
    let from = *block;
    for y in (0..SIDE).step_by(WORDS) {
        for x in (0..SIDE).step_by(WORDS) {
            let mut rows = [_mm256_setzero_ps(); WORDS];
            for (row, words) in rows.iter_mut().zip(&from[y..]) {
                // SAFETY: a row has eight words from either multiple of eight on.
                *row = unsafe { _mm256_loadu_ps(words[x..].as_ptr().cast()) };
            }
            for (row, words) in quarter(rows).into_iter().zip(&mut block[x..]) {
                // SAFETY: as above.
                unsafe { _mm256_storeu_ps(words[y..].as_mut_ptr().cast(), row) };
            }
        }
    }
}

/// Exchanges rows and columns: within halves, and then the halves of different rows.
#[target_feature(enable = "avx2")]
fn quarter([a, b, c, d, e, f, g, h]: [__m256; WORDS]) -> [__m256; WORDS] {
    let (upper, lower) = (halves(a, b, c, d), halves(e, f, g, h));
    let mut rows = [a; WORDS];
    for (i, (upper, lower)) in upper.into_iter().zip(lower).enumerate() {
        rows[i] = _mm256_permute2f128_ps::<0x20>(upper, lower);
        rows[WORDS / 2 + i] = _mm256_permute2f128_ps::<0x31>(upper, lower);
    }
    rows
}

/// Exchanges rows and columns in either half of four rows.
#[target_feature(enable = "avx2")]
fn halves(a: __m256, b: __m256, c: __m256, d: __m256) -> [__m256; WORDS / 2] {
    let (left, right) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
    let (left_end, right_end) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
    [
        _mm256_shuffle_ps::<0x44>(left, right),
        _mm256_shuffle_ps::<0xee>(left, right),
        _mm256_shuffle_ps::<0x44>(left_end, right_end),
        _mm256_shuffle_ps::<0xee>(left_end, right_end),
    ]
}

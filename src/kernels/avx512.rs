//! Blocks of 12 rows on the thirty-two 512-bit registers of AVX-512, for f32 and for bf16 pairs.

use std::arch::x86_64::*;
use std::mem::transmute;

use super::element::Bf16;
use super::output::Gate;
use super::tile::{Factors, Kernel, PANEL, Register, Sums, Tile, run_blocks};
use super::transpose::Block;

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
        Self(unsafe {
            _mm512_dpbf16_ps(self.0, transmute::<__m512, __m512bh>(a.0), transmute::<__m512, __m512bh>(b.0))
        })
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

/// Where the lanes of a row come from when squares of a side are exchanged; 16 and on are the other row's.
const fn exchanged(side: i32, offset: i32) -> [i32; 16] {
    let mut lanes = [0; 16];
    let mut j = 0;
    while j < 16 {
        lanes[j as usize] = offset + if j & side == 0 { j } else { 16 + j - side };
        j += 1;
    }
    lanes
}

/// Exchanges rows and columns: swaps the off-diagonal squares of side 1, 2, 4 and 8 in turn.
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(block: &mut Block) {
    let mut rows = [_mm512_setzero_si512(); 16];
    for (row, from) in rows.iter_mut().zip(&*block) {
        // SAFETY: a row is 64 bytes.
        *row = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
    }
    macro_rules! exchange {
        ($side:literal) => {
            const UPPER: [i32; 16] = exchanged($side, 0);
            const LOWER: [i32; 16] = exchanged($side, $side);
            // SAFETY: both are 64 bytes.
            let (upper, lower) = unsafe {
                (_mm512_loadu_si512(UPPER.as_ptr().cast()), _mm512_loadu_si512(LOWER.as_ptr().cast()))
            };
            for i in 0..16 {
                if i & $side == 0 {
                    let (a, b) = (rows[i], rows[i + $side]);
                    rows[i] = _mm512_permutex2var_epi32(a, upper, b);
                    rows[i + $side] = _mm512_permutex2var_epi32(a, lower, b);
                }
            }
        };
    }
    {
        exchange!(1);
    }
    {
        exchange!(2);
    }
    {
        exchange!(4);
    }
    {
        exchange!(8);
    }
    for (to, row) in block.iter_mut().zip(rows) {
        // SAFETY: a row is 64 bytes.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), row) };
    }
}

/// Rounds 32 numbers at a time; returns how many were done.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn convert(from: &[f32], to: &mut [Bf16]) -> usize {
    let chunks = from.chunks_exact(32).zip(to.chunks_exact_mut(32));
    let done = 32 * chunks.len();
    for (from, to) in chunks {
        // SAFETY: 128 bytes are read and 64 written; both vector types are 64 plain bytes.
        unsafe {
            let (low, high) = (_mm512_loadu_ps(from.as_ptr()), _mm512_loadu_ps(from[16..].as_ptr()));
            let both = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
            _mm512_storeu_si512(to.as_mut_ptr().cast(), both);
        }
    }
    done
}

/// Rounds 16 numbers of two rows at a time and interleaves them; returns how many of a row were done.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn interleave(first: &[f32], second: &[f32], to: &mut [Bf16]) -> usize {
    const ORDER: [u16; 32] = {
        let mut order = [0; 32];
        let mut i = 0;
        while i < 32 {
            order[i] = (i / 2 + i % 2 * 16) as u16;
            i += 1;
        }
        order
    };
    let chunks = first.chunks_exact(16).zip(second.chunks_exact(16)).zip(to.chunks_exact_mut(32));
    let done = 16 * chunks.len();
    for ((first, second), to) in chunks {
        // SAFETY: 64 bytes are read from each and 64 written; both vector types are 64 plain bytes.
        unsafe {
            let (low, high) = (_mm512_loadu_ps(first.as_ptr()), _mm512_loadu_ps(second.as_ptr()));
            let both = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
            let order = _mm512_loadu_si512(ORDER.as_ptr().cast());
            _mm512_storeu_si512(to.as_mut_ptr().cast(), _mm512_permutexvar_epi16(order, both));
        }
    }
    done
}

/// As [`super::output::write_gated`], for whole panels.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(super) fn write_gated(tile: &Tile, rows: usize, to: &mut [Bf16], stride: usize, gate: &Gate<'_, Bf16>) {
    // SAFETY: halves of rows are 64 bytes, rows of bf16 too; the vector types are 64 plain bytes.
    let load = |values: &[f32]| unsafe { _mm512_loadu_ps(values[..16].as_ptr()) };
    let zero = _mm512_setzero_ps();
    let bias = match gate {
        Gate::Relu(bias) => [load(bias), load(&bias[16..])],
        Gate::Where(_) => [zero; 2],
    };
    for (i, sums) in tile.0[..rows].iter().enumerate() {
        let [mut low, mut high] = [load(sums), load(&sums[16..])];
        let mut kept = u32::MAX;
        match gate {
            // The second operand is what comes out where the sum is not a number.
            Gate::Relu(_) => {
                low = _mm512_max_ps(zero, _mm512_add_ps(low, bias[0]));
                high = _mm512_max_ps(zero, _mm512_add_ps(high, bias[1]));
            }
            Gate::Where(mask) => {
                // SAFETY: as above.
                let mask = unsafe { _mm512_loadu_si512(mask[i * stride..][..PANEL].as_ptr().cast()) };
                kept = _mm512_cmpgt_epi16_mask(mask, _mm512_setzero_si512());
            }
        }
        // SAFETY: as above.
        unsafe {
            let both = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
            let both = _mm512_maskz_mov_epi16(kept, both);
            _mm512_storeu_si512(to[i * stride..][..PANEL].as_mut_ptr().cast(), both);
        }
    }
}

/// Interleaves two rows of 32.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn pair(first: &[Bf16; 32], second: &[Bf16; 32], to: &mut [Bf16; 64]) {
    const fn order(start: u16) -> [u16; 32] {
        let mut order = [0; 32];
        let mut i = 0;
        while i < 32 {
            order[i] = start + (i / 2 + i % 2 * 32) as u16;
            i += 1;
        }
        order
    }
    const LOW: [u16; 32] = order(0);
    const HIGH: [u16; 32] = order(16);
    // SAFETY: rows are 64 bytes, the result is 128, the orders are 64.
    unsafe {
        let [first, second] = [first, second].map(|row| _mm512_loadu_si512(row.as_ptr().cast()));
        for (half, order) in [LOW, HIGH].iter().enumerate() {
            let order = _mm512_loadu_si512(order.as_ptr().cast());
            let words = _mm512_permutex2var_epi16(first, order, second);
            _mm512_storeu_si512(to[32 * half..].as_mut_ptr().cast(), words);
        }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn run_single(factors: &Factors<'_, f32>, rows: usize, columns: usize, sums: Sums) {
    run_blocks!(Single, factors, rows, columns, sums, [1 2 3 4 5 6 7 8 9 10 11 12]);
}

#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn run_half(factors: &Factors<'_, Bf16>, rows: usize, columns: usize, sums: Sums) {
    run_blocks!(Half, factors, rows, columns, sums, [1 2 3 4 5 6 7 8 9 10 11 12]);
}

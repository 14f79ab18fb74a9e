//! Blocks in plain Rust, for any processor: four lanes fit the vector registers that every 64-bit target has.

use super::tile::{Factors, Kernel, Register, Sums, run_blocks};

pub(super) static KERNEL: Kernel<f32> =
    Kernel { name: "portable", rows: 4, row_group: 1, enter: || (), leave: || (), run };

#[derive(Clone, Copy)]
struct Lanes([f32; 4]);

impl Register for Lanes {
    type Element = f32;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; 4])
    }

    #[inline(always)]
    unsafe fn splat(a: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self([unsafe { a.read() }; 4])
    }

    #[inline(always)]
    unsafe fn load(b: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { b.cast::<[f32; 4]>().read() })
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 4]>().write(self.0) }
    }
}

unsafe fn run(factors: &Factors<'_, f32>, rows: usize, columns: usize, sums: Sums) {
    run_blocks!(Lanes, factors, rows, columns, sums, [1 2 3 4]);
}

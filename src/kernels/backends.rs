//! Which kernels this machine has, best first.

use std::sync::LazyLock;

use super::element::Bf16;
use super::portable;
use super::tile::Kernel;
#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, avx512, isa, isa::Level};

/// Kernels for f32 factors; never empty.
pub(super) fn single() -> &'static [&'static Kernel<f32>] {
    static LIST: LazyLock<Vec<&Kernel<f32>>> = LazyLock::new(|| {
        let mut list = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if isa::level() >= Level::Avx512 {
                list.push(&avx512::SINGLE);
            }
            if isa::level() >= Level::Avx2 {
                list.push(&avx2::KERNEL);
            }
        }
        list.push(&portable::KERNEL);
        list
    });
    &LIST
}

/// Kernels for bf16 factors; empty where f32 is as fast.
pub(super) fn half() -> &'static [&'static Kernel<Bf16>] {
    static LIST: LazyLock<Vec<&Kernel<Bf16>>> = LazyLock::new(|| {
        #[allow(unused_mut)]
        let mut list = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if isa::amx_bf16() {
                list.push(&amx::KERNEL);
            }
            if isa::avx512_bf16() {
                list.push(&avx512::HALF);
            }
        }
        list
    });
    &LIST
}

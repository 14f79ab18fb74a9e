//! What the processor can do, asked once and at run time: one binary serves every machine.

use std::sync::OnceLock;

/// The widest vector instructions at hand, for code that the compiler vectorises by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the target guarantees (SSE2 on x86-64).
    Portable,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

/// The level of this processor.
pub fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(detect::level)
}

/// Whether bf16 dot products on 512-bit registers (`vdpbf16ps`) are at hand.
pub fn avx512_bf16() -> bool {
    static FLAG: OnceLock<bool> = OnceLock::new();
    *FLAG.get_or_init(detect::avx512_bf16)
}

/// Whether bf16 tile products (AMX) are at hand and the operating system lets us use them.
pub fn amx_bf16() -> bool {
    static FLAG: OnceLock<bool> = OnceLock::new();
    *FLAG.get_or_init(detect::amx_bf16)
}

#[cfg(target_arch = "x86_64")]
mod detect {
    use super::Level;

    pub fn level() -> Level {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            Level::Avx512
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            Level::Avx2
        } else {
            Level::Portable
        }
    }

    pub fn avx512_bf16() -> bool {
        level() == Level::Avx512 && is_x86_feature_detected!("avx512bf16")
    }

    pub fn amx_bf16() -> bool {
        /// CPUID.(EAX=7,ECX=0):EDX, Intel SDM volume 2A.
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        if std::arch::x86_64::__cpuid(0).eax < 7 {
            return false;
        }
        let features = std::arch::x86_64::__cpuid_count(7, 0).edx;
        features & AMX_BF16 != 0 && features & AMX_TILE != 0 && level() == Level::Avx512 && permitted()
    }

    /// Asks Linux for the tile registers, which it hands out on request only.
    #[cfg(target_os = "linux")]
    fn permitted() -> bool {
        const SYS_ARCH_PRCTL: i64 = 158;
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const XFEATURE_XTILEDATA: u64 = 18;
        let answer: i64;
        // SAFETY: arch_prctl with this request reads and writes no user memory; the kernel clobbers rcx and r11 only.
        unsafe {
            std::arch::asm!(
                "syscall",
                inlateout("rax") SYS_ARCH_PRCTL => answer,
                in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") XFEATURE_XTILEDATA,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        answer == 0
    }

    #[cfg(not(target_os = "linux"))]
    fn permitted() -> bool {
        false
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod detect {
    use super::Level;

    pub fn level() -> Level {
        Level::Portable
    }

    pub fn avx512_bf16() -> bool {
        false
    }

    pub fn amx_bf16() -> bool {
        false
    }
}

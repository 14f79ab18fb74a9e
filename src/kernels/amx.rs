//! Blocks of 32 rows on the eight tile registers of AMX: four tiles of sums, two of A and two of B.
//!
//! The compiler's tile intrinsics are not stable, so the loop is assembly. A tile has 16 rows of 64 bytes: 16 sums,
//! or 32 bf16 factors (Intel SDM volume 1, chapter 18).

use std::arch::asm;

use super::element::Bf16;
use super::tile::{Factors, Kernel, PANEL, Row, Sums};

pub(super) static KERNEL: Kernel<Bf16> =
    Kernel { name: "amx", rows: 32, row_group: 16, enter: configure, leave: release, run };

/// The operand of `ldtilecfg`: palette 1, every tile 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Config([u8; 64]);

const CONFIG: Config = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Config(bytes)
};

fn configure() {
    static LIVE: Config = CONFIG;
    // SAFETY: this kernel is listed only where AMX is present and permitted; the operand is a valid configuration.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &LIVE, options(nostack, readonly, preserves_flags)) }
}

fn release() {
    // SAFETY: as above; no tile is in use.
    unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
}

/// The loop over shifts and over steps of 32 factors. `$zero`, `$load` (the tiles of A and B), `$dot` and `$store`
/// are the instructions of the shape at hand.
macro_rules! sum {
    ($factors:expr, $sums:expr, zero [$($zero:literal)*] load [$($load:literal)*] dot [$($dot:literal)*] store [$($store:literal)*]) => {
        asm!(
            $($zero,)*
            "2:",
            "mov {a0}, [{shift}]",
            "lea {a0}, [{a} + 2*{a0}]",
            "mov {a1}, {stride}",
            "shl {a1}, 4",
            "add {a1}, {a0}",
            "mov {step}, {steps}",
            "3:",
            $($load,)*
            $($dot,)*
            "add {a0}, 64",
            "add {a1}, 64",
            "add {b}, 2048",
            "dec {step}",
            "jnz 3b",
            "add {shift}, 8",
            "dec {shifts}",
            "jnz 2b",
            $($store,)*
            a = in(reg) $factors.a,
            stride = in(reg) 2 * $factors.row_stride,
            steps = in(reg) $factors.length / 32,
            shift = inout(reg) $factors.shifts.as_ptr() => _,
            shifts = inout(reg) $factors.shifts.len() => _,
            b = inout(reg) $factors.b => _,
            width = in(reg) 4 * PANEL,
            out = in(reg) $sums.first,
            a0 = out(reg) _,
            a1 = out(reg) _,
            step = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

unsafe fn run(factors: &Factors<'_, Bf16>, rows: usize, columns: usize, sums: Sums) {
    if factors.shifts.is_empty() || factors.length == 0 {
        // SAFETY: the caller has so many rows of sums.
        unsafe { std::slice::from_raw_parts_mut(sums.first.cast::<Row>(), rows) }.fill([0.0; PANEL]);
        return;
    }
    // SAFETY: this thread is configured (Session); the caller promises that rows rounded up to 16 of A are readable
    // for every shift, and the panel, and has so many rows of sums; panel rows and rows of sums are both 128 bytes.
    unsafe {
        match (rows > 16, columns > 16) {
            (true, true) => sum!(factors, sums,
                zero ["tilezero tmm0" "tilezero tmm1" "tilezero tmm2" "tilezero tmm3"]
                load ["tileloadd tmm4, [{a0} + {stride}*1]" "tileloadd tmm6, [{b} + {width}*1]"
                      "tileloadd tmm5, [{a1} + {stride}*1]" "tileloadd tmm7, [{b} + {width}*1 + 64]"]
                dot ["tdpbf16ps tmm0, tmm4, tmm6" "tdpbf16ps tmm1, tmm5, tmm6"
                     "tdpbf16ps tmm2, tmm4, tmm7" "tdpbf16ps tmm3, tmm5, tmm7"]
                store ["tilestored [{out} + {width}*1], tmm0" "tilestored [{out} + {width}*1 + 2048], tmm1"
                       "tilestored [{out} + {width}*1 + 64], tmm2" "tilestored [{out} + {width}*1 + 2112], tmm3"]),
            (true, false) => sum!(factors, sums,
                zero ["tilezero tmm0" "tilezero tmm1"]
                load ["tileloadd tmm6, [{b} + {width}*1]" "tileloadd tmm4, [{a0} + {stride}*1]"
                      "tileloadd tmm5, [{a1} + {stride}*1]"]
                dot ["tdpbf16ps tmm0, tmm4, tmm6" "tdpbf16ps tmm1, tmm5, tmm6"]
                store ["tilestored [{out} + {width}*1], tmm0" "tilestored [{out} + {width}*1 + 2048], tmm1"]),
            (false, true) => sum!(factors, sums,
                zero ["tilezero tmm0" "tilezero tmm2"]
                load ["tileloadd tmm4, [{a0} + {stride}*1]" "tileloadd tmm6, [{b} + {width}*1]"
                      "tileloadd tmm7, [{b} + {width}*1 + 64]"]
                dot ["tdpbf16ps tmm0, tmm4, tmm6" "tdpbf16ps tmm2, tmm4, tmm7"]
                store ["tilestored [{out} + {width}*1], tmm0" "tilestored [{out} + {width}*1 + 64], tmm2"]),
            (false, false) => sum!(factors, sums,
                zero ["tilezero tmm0"]
                load ["tileloadd tmm4, [{a0} + {stride}*1]" "tileloadd tmm6, [{b} + {width}*1]"]
                dot ["tdpbf16ps tmm0, tmm4, tmm6"]
                store ["tilestored [{out} + {width}*1], tmm0"]),
        }
    }
}

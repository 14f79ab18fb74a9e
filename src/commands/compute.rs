//! From the arguments about devices to a device.

use candle_core::Device;

use crate::cli::compute::{Compute, Numbers};
use crate::ops::Precision;

/// The device, and the numbers that suit it where the choice is left to us.
pub fn choose(args: &Compute) -> anyhow::Result<(Device, Precision)> {
    let device = args.device.device()?;
    let precision = match args.precision {
        Numbers::F32 => Precision::F32,
        Numbers::Bf16 => Precision::Bf16,
        // What a GPU loses in digits does not show in eight bits; a CPU seldom gains.
        Numbers::Auto if device.is_cuda() => Precision::Bf16,
        Numbers::Auto => Precision::F32,
    };
    Ok((device, precision))
}

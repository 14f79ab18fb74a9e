//! From the arguments about devices to a device.

use candle_core::Device;

use crate::cli::compute::{Compute, Numbers};
use crate::ops::Precision;

/// The device, and the numbers that suit it where the choice is left to us.
pub fn choose(args: &Compute) -> anyhow::Result<(Device, Precision)> {
    let device = args.device.device()?;
    let precision = match args.precision {
        Numbers::F32 => Precision::F32,
        Numbers::Bf16 if device.is_cpu() && !Precision::Bf16.supported() => {
            anyhow::bail!("this processor does not multiply bf16; take --precision f32 or auto")
        }
        Numbers::Bf16 => Precision::Bf16,
        Numbers::Auto if device.is_cpu() => Precision::auto(),
        Numbers::Auto => Precision::F32,
    };
    Ok((device, precision))
}

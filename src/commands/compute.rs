//! From the arguments about devices to a device.

use candle_core::Device;

use crate::cli::compute::Compute;
use crate::ops::Precision;

/// The device, and the numbers that suit it where the choice is left to us.
pub fn choose(args: &Compute) -> anyhow::Result<(Device, Precision)> {
    let device = args.device.device()?;
    let precision = args.precision.on(&device, Precision::F32)?;
    Ok((device, precision))
}

//! Where the model computes.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use crate::error::{Error, Result};

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// The first GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of this number.
    Cuda(usize),
}

impl Placement {
    /// The device itself.
    ///
    /// # Errors
    /// When a GPU was asked for by name and cannot be had; `Auto` takes the CPU then.
    pub fn device(self) -> Result<Device> {
        match self {
            Placement::Cpu => Ok(Device::Cpu),
            Placement::Cuda(number) => cuda(number),
            Placement::Auto => Ok(cuda(0).unwrap_or(Device::Cpu)),
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Device> {
    // cudarc panics where a library is missing, so look for them first.
    for library in ["libcuda.so.1", "libcublas.so.13", "libcurand.so.10"] {
        // SAFETY: the initialisers of NVIDIA's own libraries run, which are written for this; the
        // handle is dropped at once and nothing of the library is used here.
        unsafe { libloading::Library::new(library) }
            .map_err(|error| Error::Usage(format!("no GPU: {library} cannot be loaded: {error}")))?;
    }
    let device =
        Device::new_cuda(number).map_err(|error| Error::Usage(format!("no GPU {number}: {error}")))?;
    candle_core::cuda::set_gemm_reduced_precision_f32(true);
    Ok(device)
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Device> {
    Err(Error::Usage("this ipt was built without CUDA; see 'just cuda'".into()))
}

impl FromStr for Placement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Placement::Auto),
            "cpu" => Ok(Placement::Cpu),
            "cuda" => Ok(Placement::Cuda(0)),
            _ => (text.strip_prefix("cuda:").and_then(|number| number.parse().ok()))
                .map(Placement::Cuda)
                .ok_or_else(|| Error::Usage(format!("no device '{text}': auto, cpu, cuda or cuda:N"))),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Placement::Auto => f.write_str("auto"),
            Placement::Cpu => f.write_str("cpu"),
            Placement::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<Placement>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse::<Placement>().unwrap(), Placement::Cuda(0));
        assert!("gpu".parse::<Placement>().is_err() && "cuda:x".parse::<Placement>().is_err());
    }

    #[test]
    fn auto_always_finds_one() {
        Placement::Auto.device().unwrap();
    }
}

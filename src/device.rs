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
    keep_memory(number).map_err(|error| Error::Usage(format!("no memory of GPU {number}: {error}")))?;
    Ok(device)
}

/// Memory that was freed stays with the program: else the pool gives all of it back to the driver
/// whenever the GPU is waited for, which is once a step.
#[cfg(feature = "cuda")]
fn keep_memory(number: usize) -> std::result::Result<(), impl fmt::Display> {
    use candle_core::cuda_backend::cudarc::driver::{result, sys};
    let mut most = u64::MAX;
    let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    let device = result::device::get(number as i32)?;
    // SAFETY: the device exists, its default pool lives as long as the driver, and this attribute is
    // a 64-bit number, which the driver copies.
    unsafe {
        let pool = result::device::get_default_mem_pool(device)?;
        result::mem_pool::set_attribute(pool, attribute, (&raw mut most).cast())
    }
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

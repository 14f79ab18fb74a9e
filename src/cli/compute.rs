//! Where and how to compute, the same for every command that runs a model.

use clap::{Args, ValueEnum};

use super::values::DeviceName;
use crate::device::Placement;

/// Where and in which numbers the model computes.
#[derive(Debug, Clone, Args)]
pub struct Compute {
    /// Where to compute: auto takes a GPU where there is one; cuda:N is the GPU of number N
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = DeviceName)]
    pub device: Placement,
    /// Numbers to multiply in: bf16 is faster and a little less exact; auto takes bf16 where the
    /// processor multiplies it
    #[arg(long, value_name = "NUMBERS", default_value = "auto")]
    pub precision: Numbers,
}

/// A choice of [`Precision`](crate::ops::Precision).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Numbers {
    Auto,
    F32,
    Bf16,
}

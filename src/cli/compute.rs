//! Where and how to compute, the same for every command that runs a model.

use clap::Args;

use super::values::name;
use crate::device::Placement;
use crate::ops::Numbers;

/// Where and in which numbers the model computes.
#[derive(Debug, Clone, Args)]
pub struct Compute {
    /// Where to compute: auto takes a GPU where there is one; cuda:1 is the second GPU
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = name::<Placement>())]
    pub device: Placement,
    /// Number format of products: bf16 is faster and a little less exact; auto takes it where the processor has it
    #[arg(long, value_name = "NUMBERS", default_value = "auto", value_parser = name::<Numbers>())]
    pub precision: Numbers,
}

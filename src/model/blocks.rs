//! Residual blocks, x + conv(relu(conv(x))): those of a head, and those that all tasks share.

use std::ops::Range;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::layers::Conv2d;
use crate::ops::{self, Pass};

/// Whether a parameter of this name is of the last convolution of a head's residual block. With zeros
/// there the block changes nothing.
pub fn closes_block(name: &str) -> bool {
    name.starts_with("head.") && name.contains(".body.2.")
}

/// Blocks one after another, of kernels as the configuration has them.
pub(super) struct ResidualBlocks(Vec<[Conv2d; 2]>);

impl ResidualBlocks {
    /// A block for each of `names`.
    pub fn new(config: &Config, names: Range<usize>, vb: VarBuilder) -> Result<Self> {
        let Config { channels, kernel, .. } = *config;
        let conv = |block: usize, part: usize| {
            Conv2d::new(channels, channels, kernel, vb.pp(block).pp("body").pp(part))
        };
        names.map(|i| Ok([conv(i, 0)?, conv(i, 2)?])).collect::<Result<_>>().map(Self)
    }

    /// `[B, H, W, C]` → `[B, H, W, C]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let blocks: Vec<_> = self.0.iter().map(|block| block.each_ref().map(Conv2d::parameters)).collect();
        ops::residual_blocks(x, &blocks, pass)
    }
}

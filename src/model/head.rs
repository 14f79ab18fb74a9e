//! The head: a picture to features.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::layers::Conv2d;
use crate::ops::{self, Activation, Pass};

/// Whether a parameter of this name is of the last convolution of a residual block. With zeros there
/// the block changes nothing.
pub fn closes_block(name: &str) -> bool {
    name.starts_with("head.") && name.contains(".body.2.")
}

/// Conv3×3 3→C, then residual blocks (published: two, of 5×5 convolutions).
pub(super) struct Head {
    first: Conv2d,
    blocks: Vec<[Conv2d; 2]>,
}

impl Head {
    pub fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        let Config { channels, kernel, .. } = *config;
        let first = Conv2d::new(3, channels, 3, vb.pp(0))?;
        let conv = |block: usize, part: usize| {
            Conv2d::new(channels, channels, kernel, vb.pp(block).pp("body").pp(part))
        };
        let blocks = (1..=config.blocks).map(|i| Ok([conv(i, 0)?, conv(i, 2)?])).collect::<Result<_>>()?;
        Ok(Self { first, blocks })
    }

    /// `[B, H, W, 3]` → `[B, H, W, C]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let x = self.first.forward(x, Activation::None, None, pass)?;
        let blocks: Vec<_> =
            self.blocks.iter().map(|block| block.each_ref().map(Conv2d::parameters)).collect();
        ops::residual_blocks(&x, &blocks, pass)
    }
}

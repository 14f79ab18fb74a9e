//! The head: a picture to features.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::blocks::ResidualBlocks;
use super::layers::Conv2d;
use crate::ops::{Activation, Pass};

/// Conv3×3 3→C, then residual blocks (published: two, of 5×5 convolutions).
pub(super) struct Head {
    first: Conv2d,
    blocks: ResidualBlocks,
}

impl Head {
    pub fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            first: Conv2d::new(3, config.channels, 3, vb.pp(0))?,
            blocks: ResidualBlocks::new(config, 1..config.blocks + 1, vb)?,
        })
    }

    /// `[B, H, W, 3]` → `[B, H, W, C]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        self.blocks.forward(&self.first.forward(x, Activation::None, None, pass)?, pass)
    }
}

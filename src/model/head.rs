//! The head: a picture to features.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::layers::Conv2d;
use crate::ops::{Activation, Pass};

/// Conv3×3 3→C, then residual blocks (published: two, of 5×5 convolutions).
pub(super) struct Head {
    first: Conv2d,
    blocks: Vec<ResidualBlock>,
}

impl Head {
    pub fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        let first = Conv2d::new(3, config.channels, 3, vb.pp(0))?;
        let blocks = (1..=config.blocks)
            .map(|i| ResidualBlock::new(config, vb.pp(i).pp("body")))
            .collect::<Result<_>>()?;
        Ok(Self { first, blocks })
    }

    /// `[B, H, W, 3]` → `[B, H, W, C]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let mut x = self.first.forward(x, Activation::None, None, pass)?;
        for block in &self.blocks {
            x = block.forward(&x, pass)?;
        }
        Ok(x)
    }
}

struct ResidualBlock {
    first: Conv2d,
    second: Conv2d,
}

impl ResidualBlock {
    fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        let Config { channels, kernel, .. } = *config;
        let conv = |name| Conv2d::new(channels, channels, kernel, vb.pp(name));
        Ok(Self { first: conv(0)?, second: conv(2)? })
    }

    fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let inner = self.first.forward(x, Activation::Relu, None, pass)?;
        self.second.forward(&inner, Activation::None, Some(x), pass)
    }
}

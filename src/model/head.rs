//! The head: a picture to features.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::blocks::ResidualBlocks;
use super::layers::Conv2d;
use crate::ops::{self, Activation, Pass};
use crate::task::Task;

/// Conv3×3 3→C, then residual blocks (published: two, of 5×5 convolutions). Where pixels are unshuffled by u, the
/// convolution is 3·u²→C.
pub(super) struct Head {
    unshuffle: usize,
    first: Conv2d,
    blocks: ResidualBlocks,
}

impl Head {
    pub fn new(config: &Config, task: Task, vb: VarBuilder) -> Result<Self> {
        let unshuffle = config.unshuffle_by(task);
        Ok(Self {
            unshuffle,
            first: Conv2d::new(3 * unshuffle * unshuffle, config.channels, 3, vb.pp(0))?,
            blocks: ResidualBlocks::new(config, 1..config.blocks_of(task) + 1, vb)?,
        })
    }

    /// `[B, H·u, W·u, 3]` → `[B, H, W, C]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let x = ops::pixel_unshuffle(x, self.unshuffle, pass)?;
        self.blocks.forward(&self.first.forward(&x, Activation::None, None, pass)?, pass)
    }
}

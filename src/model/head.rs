//! The head: a picture to features.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::blocks::ResidualBlocks;
use super::coarse::Coarse;
use super::layers::Conv2d;
use crate::ops::{self, Activation, Pass};
use crate::task::Task;

/// Conv3×3 3→C, then residual blocks (published: two, of 5×5 convolutions), among them, if there is one, the coarse
/// level. Where pixels are unshuffled by u, the convolution is 3·u²→C.
pub(super) struct Head {
    unshuffle: usize,
    first: Conv2d,
    before: ResidualBlocks,
    coarse: Option<Coarse>,
    after: ResidualBlocks,
}

impl Head {
    pub fn new(config: &Config, task: Task, vb: VarBuilder) -> Result<Self> {
        let unshuffle = config.unshuffle_by(task);
        let (blocks, level) = (config.blocks_of(task), config.coarse.get(&task));
        let middle = level.map_or(blocks, |level| level.after);
        let coarse = level.map(|level| Coarse::new(config, level.blocks, vb.pp("coarse")));
        Ok(Self {
            unshuffle,
            first: Conv2d::new(3 * unshuffle * unshuffle, config.channels, 3, vb.pp(0))?,
            before: ResidualBlocks::new(config, 1..middle + 1, vb.clone())?,
            coarse: coarse.transpose()?,
            after: ResidualBlocks::new(config, middle + 1..blocks + 1, vb)?,
        })
    }

    /// `[B, H·u, W·u, 3]` → `[B, H, W, C]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let x = ops::pixel_unshuffle(x, self.unshuffle, pass)?;
        let x = self.before.forward(&self.first.forward(&x, Activation::None, None, pass)?, pass)?;
        let x = match &self.coarse {
            Some(coarse) => coarse.forward(&x, pass)?,
            None => x,
        };
        self.after.forward(&x, pass)
    }
}

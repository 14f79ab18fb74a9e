//! The coarse level of a head: residual blocks that see squares of 2×2 features as one.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::blocks::ResidualBlocks;
use super::layers::Linear;
use crate::ops::{self, Activation, Pass};

/// Features, a side, that are one on the coarse level.
pub(super) const SQUARE: usize = 2;

/// x + up(blocks(down(x))), as in a U-Net: Ronneberger et al., 2015; for noise DRUNet: Zhang et al., 2021. `down` gathers
/// squares and mixes what they have, 4·C→C, and `up`, C→4·C, spreads what came of it. `up` begins with zeros: the level
/// changes nothing until it has learned.
pub(super) struct Coarse {
    down: Linear,
    blocks: ResidualBlocks,
    up: Linear,
}

impl Coarse {
    pub fn new(config: &Config, blocks: usize, vb: VarBuilder) -> Result<Self> {
        let (channels, gathered) = (config.channels, config.channels * SQUARE * SQUARE);
        Ok(Self {
            down: Linear::new(gathered, channels, vb.pp("down"))?,
            blocks: ResidualBlocks::new(config, 0..blocks, vb.pp("blocks"))?,
            up: Linear::zero(channels, gathered, vb.pp("up"))?,
        })
    }

    /// `[B, H, W, C]` → `[B, H, W, C]`; H and W are even.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let gathered = ops::pixel_unshuffle(x, SQUARE, pass)?;
        let coarse = self.down.forward(&gathered, Activation::None, None, pass)?;
        let coarse = self.blocks.forward(&coarse, pass)?;
        let gathered = self.up.forward(&coarse, Activation::None, Some(&gathered), pass)?;
        ops::pixel_shuffle(&gathered, SQUARE, pass)
    }
}

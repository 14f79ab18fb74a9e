//! The encoder (paper, eq. 1): pre-norm self-attention and feed-forward layers.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::layers::{FeedForward, LayerNorm, Linear, MultiHeadAttention};
use crate::ops::Pass;

pub(super) struct EncoderLayer {
    attention: MultiHeadAttention,
    feed_forward: FeedForward,
    norm1: LayerNorm,
    norm2: LayerNorm,
}

impl EncoderLayer {
    pub fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            attention: MultiHeadAttention::new(config, vb.pp("self_attn"))?,
            feed_forward: feed_forward(config.width, &vb)?,
            norm1: LayerNorm::new(config.width, vb.pp("norm1"))?,
            norm2: LayerNorm::new(config.width, vb.pp("norm2"))?,
        })
    }

    /// `[B, N, D]` → `[B, N, D]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let normal = self.norm1.forward(x, pass)?;
        let x = self.attention.forward(&normal, &normal, &normal, x, pass)?;
        self.feed_forward.forward(&self.norm2.forward(&x, pass)?, Some(&x), pass)
    }
}

/// The two linear layers that end encoder and decoder layers alike.
pub(super) fn feed_forward(width: usize, vb: &VarBuilder) -> Result<FeedForward> {
    Ok(FeedForward::new(
        Linear::new(width, 4 * width, vb.pp("linear1"))?,
        Linear::new(4 * width, width, vb.pp("linear2"))?,
    ))
}

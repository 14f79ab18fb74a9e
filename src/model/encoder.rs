//! The encoder (paper, eq. 1): pre-norm self-attention and feed-forward layers.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::layers::{FeedForward, LayerNorm, Linear, MultiHeadAttention};
use crate::ops::Precision;

pub(super) struct EncoderLayer {
    attention: MultiHeadAttention,
    feed_forward: FeedForward,
    norm1: LayerNorm,
    norm2: LayerNorm,
}

impl EncoderLayer {
    pub fn new(config: &Config, precision: Precision, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            attention: MultiHeadAttention::new(config, precision, vb.pp("self_attn"))?,
            feed_forward: feed_forward(config.width, precision, &vb)?,
            norm1: LayerNorm::new(config.width, vb.pp("norm1"))?,
            norm2: LayerNorm::new(config.width, vb.pp("norm2"))?,
        })
    }

    /// `[B, N, D]` → `[B, N, D]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normal = self.norm1.forward(x)?;
        let x = self.attention.forward(&normal, &normal, &normal, x)?;
        self.feed_forward.forward(&self.norm2.forward(&x)?, Some(&x))
    }
}

/// The two linear layers that end encoder and decoder layers alike.
pub(super) fn feed_forward(width: usize, precision: Precision, vb: &VarBuilder) -> Result<FeedForward> {
    Ok(FeedForward::new(
        Linear::new(width, 4 * width, precision, vb.pp("linear1"))?,
        Linear::new(4 * width, width, precision, vb.pp("linear2"))?,
    ))
}

//! The decoder (paper, eq. 2): as the encoder, told the task and looking at the encoder's output.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::encoder::feed_forward;
use super::layers::{FeedForward, LayerNorm, MultiHeadAttention};
use crate::ops::Precision;

pub(super) struct DecoderLayer {
    self_attention: MultiHeadAttention,
    cross_attention: MultiHeadAttention,
    feed_forward: FeedForward,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm3: LayerNorm,
}

impl DecoderLayer {
    pub fn new(config: &Config, precision: Precision, vb: VarBuilder) -> Result<Self> {
        let attention = |name| MultiHeadAttention::new(config, precision, vb.pp(name));
        let norm = |name| LayerNorm::new(config.width, vb.pp(name));
        Ok(Self {
            self_attention: attention("self_attn")?,
            cross_attention: attention("multihead_attn")?,
            feed_forward: feed_forward(config.width, precision, &vb)?,
            norm1: norm("norm1")?,
            norm2: norm("norm2")?,
            norm3: norm("norm3")?,
        })
    }

    /// `z` and `memory` are `[B, N, D]`; `task` is the task embedding, `[N, D]` or `[D]`.
    pub fn forward(&self, z: &Tensor, memory: &Tensor, task: &Tensor) -> Result<Tensor> {
        let normal = self.norm1.forward(z)?;
        let told = normal.broadcast_add(task)?;
        let z = self.self_attention.forward(&told, &told, &normal, z)?;
        let told = self.norm2.forward(&z)?.broadcast_add(task)?;
        let z = self.cross_attention.forward(&told, memory, memory, &z)?;
        self.feed_forward.forward(&self.norm3.forward(&z)?, Some(&z))
    }
}

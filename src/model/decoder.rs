//! The decoder (paper, eq. 2): as the encoder, told the task and looking at the encoder's output.

use std::ops::Range;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::encoder::feed_forward;
use super::layers::{FeedForward, LayerNorm, MultiHeadAttention};
use crate::ops::{self, Pass};

/// The embedding of one task, if tasks have one: `N·D` values or `D`, in the table of all.
pub(super) struct Embedding<'a> {
    pub table: Option<&'a Tensor>,
    pub part: Range<usize>,
}

impl Embedding<'_> {
    fn add_to(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        match self.table {
            Some(table) => ops::add_repeated(x, table, self.part.clone(), pass),
            None => Ok(x.clone()),
        }
    }
}

pub(super) struct DecoderLayer {
    self_attention: MultiHeadAttention,
    cross_attention: MultiHeadAttention,
    feed_forward: FeedForward,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm3: LayerNorm,
}

impl DecoderLayer {
    pub fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        let attention = |name| MultiHeadAttention::new(config, vb.pp(name));
        let norm = |name| LayerNorm::new(config.width, vb.pp(name));
        Ok(Self {
            self_attention: attention("self_attn")?,
            cross_attention: attention("multihead_attn")?,
            feed_forward: feed_forward(config.width, &vb)?,
            norm1: norm("norm1")?,
            norm2: norm("norm2")?,
            norm3: norm("norm3")?,
        })
    }

    /// `z` and `memory` are `[B, N, D]`.
    pub fn forward(&self, z: &Tensor, memory: &Tensor, task: &Embedding, pass: Pass) -> Result<Tensor> {
        let normal = self.norm1.forward(z, pass)?;
        let told = task.add_to(&normal, pass)?;
        let z = self.self_attention.forward(&told, &told, &normal, z, pass)?;
        let told = task.add_to(&self.norm2.forward(&z, pass)?, pass)?;
        let z = self.cross_attention.forward(&told, memory, memory, &z, pass)?;
        self.feed_forward.forward(&self.norm3.forward(&z, pass)?, Some(&z), pass)
    }
}

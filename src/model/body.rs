//! The body: features through the transformer, shared by all tasks.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::blocks::ResidualBlocks;
use super::decoder::{DecoderLayer, Embedding};
use super::encoder::EncoderLayer;
use super::layers::{FeedForward, LayerNorm, Linear};
use super::windows::Windows;
use super::{Config, INPUT, TaskEmbedding};
use crate::ops::{self, Activation, Pass};

/// How far the learned tables start from zero.
const EMBEDDING: Init = Init::Randn { mean: 0.0, stdev: 0.02 };

/// The table of the body that belongs to tasks: a row each.
pub const TASK_EMBEDDING: &str = "body.query_embed.weight";

/// Whether all tasks share the parameter of this name.
pub fn is_shared(name: &str) -> bool {
    name.starts_with("body.") && name != TASK_EMBEDDING
}

pub(super) struct Body {
    patch: usize,
    /// Whether tokens and transformer are equally wide, so that the linear encoding and the mlp
    /// head are residual.
    residual: bool,
    linear_encoding: Linear,
    position: Tensor,
    encoder: Vec<EncoderLayer>,
    memory_norm: Option<LayerNorm>,
    decoder: Vec<DecoderLayer>,
    decoder_norm: Option<LayerNorm>,
    /// One row a task.
    tasks: Option<Tensor>,
    mlp_head: FeedForward,
    blocks: ResidualBlocks,
}

impl Body {
    pub fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        let (tokens, values, width) = (config.tokens(), config.token_values(), config.width);
        let vb_encoder = vb.pp("encoder").pp("layers");
        let vb_decoder = vb.pp("decoder").pp("layers");
        let table = |values: usize| {
            let shape = (config.tasks.len(), values);
            vb.pp("query_embed").get_with_hints(shape, "weight", EMBEDDING).map(Some)
        };
        let tasks = match config.task_embedding {
            TaskEmbedding::PerPosition => table(tokens * width)?,
            TaskEmbedding::PerTask => table(width)?,
            TaskEmbedding::None => None,
        };
        let norm = |there: bool, name: &str| match there {
            true => LayerNorm::new(width, vb.pp(name).pp("norm")).map(Some),
            false => Ok(None),
        };
        Ok(Self {
            patch: config.patch,
            residual: values == width,
            linear_encoding: Linear::new(values, width, vb.pp("linear_encoding"))?,
            position: vb.pp("position_encoding.pe").get_with_hints((tokens, width), "weight", EMBEDDING)?,
            encoder: (0..config.layers)
                .map(|i| EncoderLayer::new(config, vb_encoder.pp(i)))
                .collect::<Result<_>>()?,
            memory_norm: norm(config.memory_norm, "encoder")?,
            decoder: (0..config.layers)
                .map(|i| DecoderLayer::new(config, vb_decoder.pp(i)))
                .collect::<Result<_>>()?,
            decoder_norm: norm(config.decoder_norm, "decoder")?,
            tasks,
            mlp_head: FeedForward::new(
                Linear::new(width, 4 * width, vb.pp("mlp_head").pp(0))?,
                Linear::new(4 * width, values, vb.pp("mlp_head").pp(3))?,
            ),
            blocks: ResidualBlocks::new(config, 0..config.shared_blocks, vb.pp("blocks"))?,
        })
    }

    /// Features `[B, H, W, C]` of the task at `index` → the tokens that come out, `[B, N, C·P²]`. The transformer takes
    /// windows of 48×48 features; gradients go through a single one only.
    pub fn forward(&self, features: &Tensor, index: usize, pass: Pass) -> Result<Tensor> {
        let x = ops::unfold(features, self.patch, pass)?;
        let x = self.linear_encoding.forward(&x, Activation::None, self.residual.then_some(&x), pass)?;
        let (_, height, width, _) = features.dims4()?;
        let windows = Windows::new((height / self.patch, width / self.patch), INPUT / self.patch);
        let z = match windows.is_one() {
            true => self.transformed(&x, index, pass)?,
            false => windows.join(&self.transformed(&windows.cut(&x)?, index, pass)?)?,
        };
        self.mlp_head.forward(&z, self.residual.then_some(&z), pass)
    }

    /// Windows of tokens, `[B, 48²/P², D]`, through encoder and decoder.
    fn transformed(&self, x: &Tensor, index: usize, pass: Pass) -> Result<Tensor> {
        let mut x = ops::add_repeated(x, &self.position, 0..self.position.elem_count(), pass)?;
        for layer in &self.encoder {
            x = layer.forward(&x, pass)?;
        }
        let memory = match &self.memory_norm {
            Some(norm) => norm.forward(&x, pass)?,
            None => x.clone(),
        };
        let table = self.tasks.as_ref();
        let values = table.map_or(Ok(0), |table| table.dim(1))?;
        let task = Embedding { table, part: index * values..(index + 1) * values };
        let mut z = x;
        for layer in &self.decoder {
            z = layer.forward(&z, &memory, &task, pass)?;
        }
        match &self.decoder_norm {
            Some(norm) => norm.forward(&z, pass),
            None => Ok(z),
        }
    }

    /// The tokens as features again, `[B, height, width, C]`.
    pub fn fold(&self, tokens: &Tensor, (height, width): (usize, usize), pass: Pass) -> Result<Tensor> {
        ops::fold(tokens, self.patch, height, width, pass)
    }

    /// Features `[B, H, W, C]` through the shared blocks.
    pub fn refine(&self, features: &Tensor, pass: Pass) -> Result<Tensor> {
        self.blocks.forward(features, pass)
    }
}

//! The body: features through the transformer, shared by all tasks.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::decoder::DecoderLayer;
use super::encoder::EncoderLayer;
use super::layers::{FeedForward, LayerNorm, Linear};
use super::{Config, INPUT, TaskEmbedding};
use crate::ops::{self, Activation, Precision};

/// How far the learned tables start from zero.
const EMBEDDING: Init = Init::Randn { mean: 0.0, stdev: 0.02 };

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
    tasks: Vec<Tensor>,
    mlp_head: FeedForward,
}

impl Body {
    pub fn new(config: &Config, precision: Precision, vb: VarBuilder) -> Result<Self> {
        let (tokens, values, width) = (config.tokens(), config.token_values(), config.width);
        let vb_encoder = vb.pp("encoder").pp("layers");
        let vb_decoder = vb.pp("decoder").pp("layers");
        let embedding: &[usize] = match config.task_embedding {
            TaskEmbedding::PerPosition => &[tokens, width],
            TaskEmbedding::PerTask => &[width],
        };
        let tasks = config.tasks.len();
        let table =
            vb.pp("query_embed").get_with_hints((tasks, embedding.iter().product()), "weight", EMBEDDING)?;
        Ok(Self {
            patch: config.patch,
            residual: values == width,
            linear_encoding: Linear::new(values, width, precision, vb.pp("linear_encoding"))?,
            position: vb.pp("position_encoding.pe").get_with_hints((tokens, width), "weight", EMBEDDING)?,
            encoder: (0..config.layers)
                .map(|i| EncoderLayer::new(config, precision, vb_encoder.pp(i)))
                .collect::<Result<_>>()?,
            memory_norm: match config.memory_norm {
                true => Some(LayerNorm::new(width, vb.pp("encoder").pp("norm"))?),
                false => None,
            },
            decoder: (0..config.layers)
                .map(|i| DecoderLayer::new(config, precision, vb_decoder.pp(i)))
                .collect::<Result<_>>()?,
            tasks: (0..tasks).map(|i| table.get(i)?.reshape(embedding)).collect::<Result<_>>()?,
            mlp_head: FeedForward::new(
                Linear::new(width, 4 * width, precision, vb.pp("mlp_head").pp(0))?,
                Linear::new(4 * width, values, precision, vb.pp("mlp_head").pp(3))?,
            ),
        })
    }

    /// Features `[B, 48, 48, C]` of the task at `index` → the tokens that come out, `[B, N, C·P²]`.
    pub fn forward(&self, features: &Tensor, index: usize) -> Result<Tensor> {
        let x = ops::unfold(features, self.patch)?;
        let x = self.linear_encoding.forward(&x, Activation::None, self.residual.then_some(&x))?;
        let mut x = x.broadcast_add(&self.position)?;
        for layer in &self.encoder {
            x = layer.forward(&x)?;
        }
        let memory = match &self.memory_norm {
            Some(norm) => norm.forward(&x)?,
            None => x.clone(),
        };
        let mut z = x;
        for layer in &self.decoder {
            z = layer.forward(&z, &memory, &self.tasks[index])?;
        }
        self.mlp_head.forward(&z, self.residual.then_some(&z))
    }

    /// The tokens as features again, `[B, 48, 48, C]`.
    pub fn fold(&self, tokens: &Tensor) -> Result<Tensor> {
        ops::fold(tokens, self.patch, INPUT, INPUT)
    }
}

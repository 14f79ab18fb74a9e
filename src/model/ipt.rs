//! The whole model: mean shift, head, body, tail.

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;

use super::body::Body;
use super::head::Head;
use super::residual::Bicubic;
use super::tail::Tail;
use super::{Config, INPUT};
use crate::error::{Error, Result};
use crate::ops::Precision;
use crate::task::Task;

/// Mean colour of the DIV2K training set, white being 1 (the published `sub_mean` and `add_mean`).
pub const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];

/// The Image Processing Transformer.
pub struct Ipt {
    config: Config,
    mean: Tensor,
    heads: Vec<Head>,
    body: Body,
    tails: Vec<Tail>,
    bicubics: Vec<Bicubic>,
}

/// What one pass gives.
pub struct Output {
    /// Restored pictures, `[B, 48·scale, 48·scale, 3]`, 0..255 but not clipped.
    pub pictures: Tensor,
    /// The features that the contrastive loss compares, `[B, N, C·P²]` (paper, eq. 5).
    pub features: Tensor,
}

impl Ipt {
    /// Builds the model from the parameters that `vb` holds.
    ///
    /// # Errors
    /// When the configuration contradicts itself, or `vb` lacks a parameter or has it in another
    /// shape.
    pub fn new(config: &Config, precision: Precision, vb: VarBuilder) -> Result<Self> {
        config.check()?;
        let heads = (0..config.tasks.len())
            .map(|i| Head::new(config, precision, vb.pp("head").pp(i)))
            .collect::<candle_core::Result<_>>()?;
        let tails = (config.tasks.iter().enumerate())
            .map(|(i, &task)| Tail::new(config, task, precision, vb.pp("tail").pp(i)))
            .collect::<candle_core::Result<_>>()?;
        let bicubics = match config.bicubic_residual {
            true => (config.tasks.iter())
                .map(|task| Bicubic::new(task.scale(), vb.device()))
                .collect::<candle_core::Result<_>>()?,
            false => Vec::new(),
        };
        Ok(Self {
            config: config.clone(),
            mean: Tensor::new(&MEAN, vb.device())?.affine(255.0, 0.0)?,
            heads,
            body: Body::new(config, precision, vb.pp("body"))?,
            tails,
            bicubics,
        })
    }

    /// The model's shape and tasks.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the parameters are, and where inputs must be.
    pub fn device(&self) -> &Device {
        self.mean.device()
    }

    /// Restores `x`, `[B, 48, 48, 3]` with values 0..255, which `task` has degraded.
    ///
    /// # Errors
    /// When the model lacks the task, or `x` has another shape.
    pub fn forward(&self, x: &Tensor, task: Task) -> Result<Output> {
        let index = self.config.task_index(task)?;
        if x.dims().get(1..) != Some(&[INPUT, INPUT, 3]) {
            return Err(Error::Model(format!(
                "the model takes [B, {INPUT}, {INPUT}, 3], not {:?}",
                x.dims()
            )));
        }
        let inner = x.broadcast_sub(&self.mean)?.affine(self.config.white / 255.0, 0.0)?;
        let features = self.heads[index].forward(&inner)?;
        let tokens = self.body.forward(&features, index)?;
        let inner = self.tails[index].forward(&(self.body.fold(&tokens)? + features)?)?;
        let outer = inner.affine(255.0 / self.config.white, 0.0)?;
        let pictures = match self.bicubics.get(index) {
            Some(bicubic) => (outer + bicubic.forward(x)?)?,
            None => outer.broadcast_add(&self.mean)?,
        };
        Ok(Output { pictures, features: tokens })
    }
}

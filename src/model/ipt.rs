//! The whole model: mean shift, head, body, tail.

use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::body::Body;
use super::head::Head;
use super::residual::bicubic;
use super::tail::Tail;
use crate::error::{Error, Result};
use crate::ops::{self, PackedWeights, Pass, Precision, Tape};
use crate::task::Task;

/// Mean colour of the DIV2K training set, white being 1 (the published `sub_mean` and `add_mean`).
pub const MEAN: [f32; 3] = [0.4488, 0.4371, 0.4040];

/// The Image Processing Transformer.
pub struct Ipt {
    config: Config,
    precision: Precision,
    mean: Tensor,
    minus_mean: Tensor,
    /// For parameters that do not change.
    packed: Option<PackedWeights>,
    heads: Vec<Head>,
    body: Body,
    skips_transformer: bool,
    tails: Vec<Tail>,
}

/// What one pass gives.
pub struct Output {
    /// Restored pictures, `[B, H·scale, W·scale, 3]`, 0..255 but not clipped.
    pub pictures: Tensor,
    /// The features that the contrastive loss compares, `[B, N, C·P²]` (paper, eq. 5); without the transformer the head's,
    /// `[B, H, W, C]`.
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
        let heads = (config.tasks.iter())
            .map(|&task| Ok(Head::new(config, task, vb.pp("head").pp(config.head_index(task)?))?))
            .collect::<Result<_>>()?;
        let tails = (config.tasks.iter().enumerate())
            .map(|(i, &task)| Tail::new(config, task, vb.pp("tail").pp(i)))
            .collect::<candle_core::Result<_>>()?;
        Ok(Self {
            config: config.clone(),
            precision,
            mean: Tensor::new(&MEAN, vb.device())?.affine(255.0, 0.0)?,
            minus_mean: Tensor::new(&MEAN, vb.device())?.affine(-255.0, 0.0)?,
            packed: None,
            heads,
            body: Body::new(config, vb.pp("body"))?,
            skips_transformer: false,
            tails,
        })
    }

    /// The same for parameters that do not change any more: what is made of them is kept.
    pub fn frozen(self) -> Self {
        Self { packed: Some(PackedWeights::default()), ..self }
    }

    /// The same without the transformer: it adds nothing to the features of the head.
    pub fn without_transformer(self) -> Self {
        Self { skips_transformer: true, ..self }
    }

    /// The model's shape and tasks.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the parameters are, and where inputs must be.
    pub fn device(&self) -> &Device {
        self.mean.device()
    }

    /// Restores `x`, `[B, H, W, 3]` with values 0..255, which `task` has degraded. H and W are multiples of
    /// [`Config::unit`] and not less than [`Config::input`].
    ///
    /// # Errors
    /// When the model lacks the task, or `x` has another shape.
    pub fn forward(&self, x: &Tensor, task: Task) -> Result<Output> {
        self.compute(x, task, Pass { packed: self.packed.as_ref(), ..Pass::forward(self.precision) })
    }

    /// As [`Ipt::forward`], with a way back: gradients of the output's tensors go through `tape`. H and W are
    /// [`Config::input`].
    ///
    /// # Errors
    /// As there.
    pub fn record(&self, x: &Tensor, task: Task, tape: &Tape) -> Result<Output> {
        let side = self.config.input(task);
        if x.dims().get(1..) != Some(&[side, side, 3]) {
            return Err(Error::Model(format!(
                "a model learns from [B, {side}, {side}, 3], not {:?}",
                x.dims()
            )));
        }
        self.compute(x, task, Pass::recorded(self.precision, tape))
    }

    fn compute(&self, x: &Tensor, task: Task, pass: Pass) -> Result<Output> {
        let index = self.config.task_index(task)?;
        let (least, unit) = (self.config.input(task), self.config.unit(task));
        let fits = |side: usize| side >= least && side.is_multiple_of(unit);
        match x.dims() {
            &[_, height, width, 3] if fits(height) && fits(width) => (),
            other => {
                let message =
                    format!("the model takes [B, H, W, 3], H and W {least} or more by {unit}, not {other:?}");
                return Err(Error::Model(message));
            }
        }
        let centred = ops::add_repeated(x, &self.minus_mean, 0..3, pass)?;
        let inner = ops::scale(&centred, self.config.white / 255.0, pass)?;
        let shallow = self.heads[index].forward(&inner, pass)?;
        let (sum, features) = match self.skips_transformer {
            true => (shallow.clone(), shallow),
            false => {
                let tokens = self.body.forward(&shallow, index, pass)?;
                let (_, height, width, _) = shallow.dims4()?;
                let folded = self.body.fold(&tokens, (height, width), pass)?;
                (ops::add(&folded, &shallow, pass)?, tokens)
            }
        };
        let deep = self.body.refine(&sum, pass)?;
        let inner = self.tails[index].forward(&deep, pass)?;
        let outer = ops::scale(&inner, 255.0 / self.config.white, pass)?;
        let pictures = match self.config.bicubic_residual {
            true => ops::add(&outer, &bicubic(x, task.scale())?, pass)?,
            false => ops::add_repeated(&outer, &self.mean, 0..3, pass)?,
        };
        Ok(Output { pictures, features })
    }
}

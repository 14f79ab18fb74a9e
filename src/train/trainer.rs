//! The model in training: one step, made of parts that a run over several machines could put a
//! reduction between.

use candle_core::{Device, Tensor};

use super::adam::{Adam, Average};
use super::checkpoint::Checkpoint;
use super::gradient::Gradient;
use super::loss;
use super::options::Options;
use crate::dataset::Batch;
use crate::error::{Error, Result};
use crate::model::Ipt;
use crate::ops::Precision;
use crate::task::Task;
use crate::weights::Parameters;

/// Weights, their running mean and the optimizer, at some step.
pub struct Trainer {
    options: Options,
    parameters: Parameters,
    model: Ipt,
    adam: Adam,
    average: Average,
    device: Device,
    step: u64,
}

/// The loss of a step, over all its batches.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Losses {
    /// L1 + λ · contrastive.
    pub total: f64,
    /// Mean absolute error in 8-bit levels.
    pub l1: f64,
    /// The contrastive term before its weight; 0 where λ is 0.
    pub contrastive: f64,
}

impl Trainer {
    /// A run's beginning, from the given parameters (on their device).
    pub fn start(options: &Options, parameters: Parameters, precision: Precision) -> Result<Self> {
        let model = parameters.model(&options.model, precision)?;
        let device = model.device().clone();
        let average = Average::start(parameters.iter())?;
        let options = options.clone();
        Ok(Self { options, parameters, model, adam: Adam::default(), average, device, step: 0 })
    }

    /// The run that `checkpoint` was made of, on `device`, with `options` from here on.
    ///
    /// # Errors
    /// When the options are of another model than the checkpoint.
    pub fn resume(
        options: &Options,
        checkpoint: Checkpoint,
        precision: Precision,
        device: &Device,
    ) -> Result<Self> {
        if options.model != checkpoint.options.model {
            return Err(Error::Usage("the checkpoint is of a model of another shape or other tasks".into()));
        }
        if options.seed != checkpoint.options.seed {
            return Err(Error::Usage(format!("the run has seed {}", checkpoint.options.seed)));
        }
        let parameters = Parameters::from_tensors(&options.model, checkpoint.weights, device)?;
        let mut trainer = Self::start(options, parameters, precision)?;
        let averages: Vec<&String> = checkpoint.average.keys().collect();
        if !averages.into_iter().eq(trainer.average.tensors().keys()) {
            return Err(Error::Model("the checkpoint lacks running means".into()));
        }
        let there = |tensor: &Tensor| tensor.to_device(device);
        let average = checkpoint.average.into_iter();
        let average = average.map(|(name, tensor)| Ok((name, there(&tensor)?))).collect::<Result<_>>()?;
        let mut moments = checkpoint.moments;
        for moments in moments.values_mut() {
            moments.first = there(&moments.first)?;
            moments.second = there(&moments.second)?;
        }
        trainer.average = Average::new(average);
        trainer.adam = Adam::new(moments);
        trainer.step = checkpoint.step;
        Ok(trainer)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The weights in training.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The running mean of the weights, as parameters of their own.
    pub fn averaged(&self) -> Result<Parameters> {
        Parameters::from_tensors(&self.options.model, self.average.tensors().clone(), &self.device)
    }

    /// The gradient of the loss by every parameter that one batch reaches, and the loss.
    ///
    /// # Errors
    /// When the loss is not a finite number: the message names the task and the step.
    pub fn gradient(&self, batch: &Batch) -> Result<(Gradient, Losses)> {
        let task = batch.task;
        let (input, target) = self.tensors(batch)?;
        let output = self.model.forward(&input, task)?;
        let l1 = loss::l1(&output.pictures, &target)?;
        let mut total = l1.clone();
        let mut losses = Losses::default();
        if self.options.lambda > 0.0 {
            let (seed, step, count) = (self.options.seed, self.step, self.options.contrastive_patches);
            let tokens = self.options.model.tokens();
            let sample = loss::sample_patches(seed, step, tokens, count);
            let features = if sample.len() < tokens {
                output.features.index_select(&Tensor::new(sample, &self.device)?, 1)?
            } else {
                output.features
            };
            let (value, handle) = loss::contrastive(&features, self.options.contrastive)?;
            losses.contrastive = f64::from(value.to_scalar::<f32>()?);
            total = (total + (handle * self.options.lambda)?)?;
        }
        losses.l1 = f64::from(l1.to_scalar::<f32>()?);
        losses.total = losses.l1 + self.options.lambda * losses.contrastive;
        self.finite("loss", losses.total, task)?;
        let mut store = total.backward()?;
        Ok((Gradient::take(&mut store, self.trained())?, losses))
    }

    /// Takes the step: the summed gradient of `batches` batches of `task`, clipped, through Adam.
    /// Returns the norm of the mean gradient before clipping.
    ///
    /// # Errors
    /// When the gradient is not finite; the weights are as before then.
    pub fn apply(&mut self, gradient: &Gradient, batches: usize, task: Task, rate: f64) -> Result<f64> {
        let mean = 1.0 / batches as f64;
        let norm = gradient.norm()? * mean;
        self.finite("gradient", norm, task)?;
        // The threshold is meant for the L1 on the scale 0..1; the loss is in levels.
        let most = 255.0 * self.options.clip;
        let clip = if self.options.clip > 0.0 && norm > most { most / norm } else { 1.0 };
        self.adam.step(self.parameters.iter(), gradient, mean * clip, rate)?;
        self.average.update(self.parameters.iter(), self.options.ema, self.step)?;
        self.step += 1;
        Ok(norm)
    }

    /// The state to be saved.
    pub fn checkpoint(&self, milliseconds: u64) -> Checkpoint {
        Checkpoint {
            step: self.step,
            milliseconds,
            options: self.options.clone(),
            weights: self.parameters.tensors(),
            average: self.average.tensors().clone(),
            moments: self.adam.moments().clone(),
        }
    }

    /// Where the numbers are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    fn finite(&self, what: &str, value: f64, task: Task) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        Err(Error::Model(format!("the {what} is {value} at step {}, task {task}", self.step + 1)))
    }

    /// The variables that training changes.
    fn trained(&self) -> impl Iterator<Item = (&str, &candle_core::Var)> {
        let frozen = self.options.tune.as_ref().is_some_and(|tune| tune.freeze_body);
        let stays = move |name: &str| frozen && name.starts_with("body.") && name != TASK_EMBEDDING;
        self.parameters.iter().filter(move |(name, _)| !stays(name))
    }

    fn tensors(&self, batch: &Batch) -> Result<(Tensor, Tensor)> {
        let side = |values: &[f32]| ((values.len() / (3 * batch.size.max(1))) as f64).sqrt() as usize;
        let tensor = |values: &Vec<f32>| {
            let side = side(values);
            Tensor::from_slice(values, (batch.size, side, side, 3), &self.device)
        };
        Ok((tensor(&batch.input)?, tensor(&batch.target)?))
    }
}

/// The one table of the body that belongs to tasks.
pub const TASK_EMBEDDING: &str = "body.query_embed.weight";

impl Losses {
    /// Adds `weight` times another batch's losses.
    pub fn add(&mut self, other: Losses, weight: f64) {
        self.total += weight * other.total;
        self.l1 += weight * other.l1;
        self.contrastive += weight * other.contrastive;
    }
}

//! The model in training: one step, made of parts that a run over several machines could put a
//! reduction between.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::average::Average;
use super::checkpoint::Checkpoint;
use super::gradient::Gradient;
use super::loss;
use super::optimizer::{Memory, Optimizer};
use super::options::Options;
use crate::dataset::Batch;
use crate::error::{Error, Result};
use crate::model::{Ipt, is_shared};
use crate::ops::{Precision, Tape};
use crate::task::Task;
use crate::weights::Parameters;

/// Weights, their running mean and the optimizer, at some step.
pub struct Trainer {
    options: Options,
    parameters: Parameters,
    model: Ipt,
    optimizer: Optimizer,
    average: Average,
    device: Device,
    step: u64,
    patches: u64,
}

/// The loss of a step, over all its batches.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Losses {
    /// What is made small: [`loss::Comparison`] + λ · contrastive.
    pub total: f64,
    /// Mean absolute error in 8-bit levels, whether or not it is in the loss.
    pub l1: f64,
    /// The contrastive term before its weight; 0 where λ is 0.
    pub contrastive: f64,
}

impl Trainer {
    /// A run's beginning, from the given parameters (on their device).
    pub fn start(options: &Options, parameters: Parameters, precision: Precision) -> Result<Self> {
        let model = parameters.partly_trained(&options.model, precision, |name| is_trained(options, name))?;
        let model = if options.skip_transformer { model.without_transformer() } else { model };
        let device = model.device().clone();
        let average = Average::start(options.ema, parameters.iter())?;
        let options = options.clone();
        let optimizer = Optimizer::new(options.optimizer, precision, Default::default());
        Ok(Self { options, parameters, model, optimizer, average, device, step: 0, patches: 0 })
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
        if options.optimizer != checkpoint.options.optimizer {
            return Err(Error::Usage("the run has another optimizer".into()));
        }
        let parameters = Parameters::from_tensors(&options.model, checkpoint.weights, device)?;
        let mut trainer = Self::start(options, parameters, precision)?;
        let averages: Vec<&String> = checkpoint.average.keys().collect();
        if !averages.into_iter().eq(trainer.average.means().keys()) {
            return Err(Error::Model("the checkpoint lacks running means".into()));
        }
        let there = |tensor: &Tensor| tensor.to_device(device);
        let mut means = checkpoint.average;
        for mean in means.values_mut() {
            mean.tensor = there(&mean.tensor)?;
        }
        let mut memory = checkpoint.memory;
        for memory in memory.values_mut() {
            match memory {
                Memory::Moments(moments) => {
                    moments.first = there(&moments.first)?;
                    moments.second = there(&moments.second)?;
                }
                Memory::Momentum(momentum) => *momentum = there(momentum)?,
            }
        }
        trainer.average = Average::new(options.ema, means);
        trainer.optimizer = Optimizer::new(options.optimizer, precision, memory);
        trainer.step = checkpoint.step;
        trainer.patches = checkpoint.patches;
        Ok(trainer)
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Patches learned from.
    pub fn patches(&self) -> u64 {
        self.patches
    }

    /// The weights in training.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The running mean of the weights, as parameters of their own.
    pub fn averaged(&self) -> Result<Parameters> {
        let means = self.average.after(self.step, self.parameters.iter())?;
        Parameters::from_tensors(&self.options.model, means, &self.device)
    }

    /// The gradient of the loss by every parameter that one batch reaches, and the loss.
    ///
    /// # Errors
    /// When the loss is not a finite number: the message names the task and the step.
    pub fn gradient(&self, batch: &Batch) -> Result<(Gradient, Losses)> {
        let task = batch.task;
        let lanes = self.lanes(batch)?;
        let passes = each(&lanes, |lane| {
            let tape = Tape::default();
            let output = self.model.record(&lane.input, task, &tape)?;
            Ok((output, tape))
        })?;
        let features: Vec<&Tensor> = passes.iter().map(|(output, _)| &output.features).collect();
        let (contrastive, by_features) = self.contrastive(&features, &lanes)?;
        let work: Vec<_> = lanes.iter().zip(passes).zip(by_features).collect();
        let parts = each(work, |((lane, (output, tape)), by_features)| {
            let share = lane.size as f64 / batch.size as f64;
            let compared = self.options.loss.of(&output.pictures, &lane.target, share)?;
            let mut results = vec![(output.pictures, compared.gradient)];
            results.extend(by_features.map(|gradient| (output.features, gradient)));
            let gradient = Gradient::take(&mut tape.backward(results)?, self.trained())?;
            Ok((compared.loss, compared.l1, gradient))
        })?;
        // A GPU is waited for when numbers are read: not before it has all of the work.
        let number = |value: Tensor| Ok::<_, Error>(f64::from(value.to_scalar::<f32>()?));
        let contrastive = contrastive.map_or(Ok(0.0), number)?;
        let mut losses = Losses { contrastive, ..Losses::default() };
        let mut sum = Gradient::default();
        for (loss, l1, gradient) in parts {
            losses.total += number(loss)?;
            losses.l1 += number(l1)?;
            sum.add(gradient)?;
        }
        losses.total += self.options.lambda * losses.contrastive;
        self.finite("loss", losses.total, task)?;
        Ok((sum, losses))
    }

    /// The contrastive loss of all lanes' features, and its gradient by each lane's, times λ.
    fn contrastive(
        &self,
        features: &[&Tensor],
        lanes: &[Lane],
    ) -> Result<(Option<Tensor>, Vec<Option<Tensor>>)> {
        if self.options.lambda == 0.0 {
            return Ok((None, vec![None; lanes.len()]));
        }
        let (seed, count) = (self.options.seed, self.options.contrastive_patches);
        let tokens = self.options.model.tokens();
        let sample = loss::sample_patches(seed, self.step, tokens, count);
        let sample = (sample.len() < tokens).then(|| Tensor::new(sample, &self.device)).transpose()?;
        let picked = features.iter().map(|features| match &sample {
            Some(sample) => features.index_select(sample, 1),
            None => Ok((*features).clone()),
        });
        let picked = Tensor::cat(&picked.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
        let (value, gradient) = loss::contrastive(&picked, self.options.contrastive)?;
        let gradient = (gradient * self.options.lambda)?;
        let mut first = 0;
        let parts = features.iter().zip(lanes).map(|(features, lane)| {
            let part = gradient.narrow(0, first, lane.size)?.contiguous()?;
            first += lane.size;
            Ok(Some(match &sample {
                Some(sample) => features.zeros_like()?.index_add(sample, &part, 1)?,
                None => part,
            }))
        });
        Ok((Some(value), parts.collect::<Result<_>>()?))
    }

    /// The batch in parts that are computed side by side.
    ///
    /// On the CPU a thread takes a few pictures through the whole model and back, which keeps their
    /// activations in its caches and needs no meeting of threads after every operator. The size is
    /// a constant, so that the sum of the gradients does not depend on the number of threads.
    fn lanes(&self, batch: &Batch) -> Result<Vec<Lane>> {
        const PICTURES: usize = 4;
        let most = if self.device.is_cpu() { PICTURES } else { batch.size };
        let side = self.options.model.input(batch.task);
        let tensor = |values: &[f32], side: usize, first: usize, size: usize| {
            let picture = side * side * 3;
            let values = &values[first * picture..][..size * picture];
            Tensor::from_slice(values, (size, side, side, 3), &self.device)
        };
        let lane = |first: usize| {
            let size = most.min(batch.size - first);
            Ok(Lane {
                size,
                input: tensor(&batch.input, side, first, size)?,
                target: tensor(&batch.target, side * batch.task.scale(), first, size)?,
            })
        };
        (0..batch.size).step_by(most.max(1)).map(lane).collect()
    }

    /// Takes the step: the summed gradient of `batches` batches of `task`, clipped, through the optimizer.
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
        let reached = || self.parameters.iter().filter(|(name, _)| gradient.get(name).is_some());
        self.average.advance(reached(), self.step)?;
        self.optimizer.step(self.parameters.iter(), gradient, mean * clip, rate)?;
        self.step += 1;
        self.patches += (batches * self.options.batch) as u64;
        self.average.advance(reached(), self.step)?;
        Ok(norm)
    }

    /// The state to be saved.
    pub fn checkpoint(&self, milliseconds: u64) -> Checkpoint {
        Checkpoint {
            step: self.step,
            patches: self.patches,
            milliseconds,
            options: self.options.clone(),
            weights: self.parameters.tensors(),
            average: self.average.means().clone(),
            memory: self.optimizer.memory().clone(),
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
        self.parameters.iter().filter(|(name, _)| is_trained(&self.options, name))
    }
}

/// Whether a run learns the parameter of this name, if it reaches it.
fn is_trained(options: &Options, name: &str) -> bool {
    !(options.freeze_body && is_shared(name))
}

/// A part of a batch.
struct Lane {
    /// Pictures.
    size: usize,
    /// `[size, H, W, 3]`.
    input: Tensor,
    /// The same, times the scale.
    target: Tensor,
}

/// Maps in parallel, in order.
fn each<I: IntoParallelIterator<Iter: IndexedParallelIterator>, T: Send>(
    items: I,
    f: impl Fn(I::Item) -> Result<T> + Sync + Send,
) -> Result<Vec<T>> {
    items.into_par_iter().with_max_len(1).map(f).collect()
}

impl Losses {
    /// Adds `weight` times another batch's losses.
    pub fn add(&mut self, other: Losses, weight: f64) {
        self.total += weight * other.total;
        self.l1 += weight * other.l1;
        self.contrastive += weight * other.contrastive;
    }
}

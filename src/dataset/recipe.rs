//! How the batch of a step is made.

use std::sync::Arc;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt};

use super::patch::Cut;
use super::source::{Pictures, Source};
use crate::degrade::{self, StreakSet};
use crate::error::{Error, Result};
use crate::model::Config;
use crate::picture::Picture;
use crate::rng;
use crate::task::Task;

/// Everything that decides what the batches hold.
#[derive(Debug)]
pub struct Recipe {
    /// Where patches come from.
    pub source: Source,
    /// The run's seed.
    pub seed: u64,
    /// The tasks and how often each is drawn, relative to the others.
    pub tasks: Vec<(Task, f64)>,
    /// The model that learns, which has it how large inputs are.
    pub model: Config,
    /// Patches in a batch.
    pub batch: usize,
    /// Batches whose gradients make one step; all of one task.
    pub accumulate: usize,
    /// Real streak layers; half of the rainy patches take one of these where there are any.
    pub streaks: Option<Arc<StreakSet>>,
}

/// Patches of one task, ready to be tensors: f32, 0..255, `[batch, row, column, channel]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// What was done to the patches.
    pub task: Task,
    /// Patches.
    pub size: usize,
    /// Degraded, [`Config::input`] pixels a side.
    pub input: Vec<f32>,
    /// As they were, scale times as many.
    pub target: Vec<f32>,
}

impl Recipe {
    /// The task of a step.
    pub fn task(&self, step: u64) -> Task {
        let total: f64 = self.tasks.iter().map(|(_, weight)| weight).sum();
        let mut at = rng::stream(self.seed, &[b"task", &step.to_le_bytes()]).random_range(0.0..total);
        for &(task, weight) in &self.tasks {
            at -= weight;
            if at < 0.0 {
                return task;
            }
        }
        // Only rounding can lead here.
        self.tasks[self.tasks.len() - 1].0
    }

    /// Batch `number`, counted from 0 over the whole run: the batches of step s are
    /// s · accumulate and those after it.
    ///
    /// # Errors
    /// When no photograph is sound and large enough for the task.
    pub fn batch(&self, number: u64) -> Result<Batch> {
        let (step, part) = (number / self.accumulate as u64, number as usize % self.accumulate);
        let task = self.task(step);
        let side = self.model.input(task);
        let mut input = Vec::with_capacity(self.batch * side.pow(2) * 3);
        let mut target = Vec::with_capacity(self.batch * (side * task.scale()).pow(2) * 3);
        for index in part * self.batch..(part + 1) * self.batch {
            let mut random =
                rng::stream(self.seed, &[b"sample", &step.to_le_bytes(), &(index as u64).to_le_bytes()]);
            let (degraded, clean) = self.sample(task, &mut random)?;
            extend(&mut input, &degraded)?;
            extend(&mut target, &clean)?;
        }
        Ok(Batch { task, size: self.batch, input, target })
    }

    /// A patch as it is and as it should be.
    fn sample(&self, task: Task, random: &mut ChaCha8Rng) -> Result<(Picture, Picture)> {
        let (mut degraded, mut clean) = self.cut(task, random)?;
        // A smooth patch says little of how to enlarge; noise and rain are seen on it all the better.
        if task.scale() > 1 {
            let other = self.cut(task, random)?;
            if detail(&other.1) > detail(&clean) {
                (degraded, clean) = other;
            }
        }
        match degraded {
            Some(degraded) => Ok((degraded, clean)),
            None => Ok((self.degrade(&clean, task, random)?, clean)),
        }
    }

    /// A random patch as it should be, and as it is where that is known.
    fn cut(&self, task: Task, random: &mut ChaCha8Rng) -> Result<(Option<Picture>, Picture)> {
        let (scale, side) = (task.scale(), self.model.input(task));
        let pictures = self.source.of(task);
        let pictures = pictures.ok_or_else(|| Error::Usage(format!("no pictures for {task}")))?;
        match pictures {
            Pictures::Photos(photos) => {
                let side = side * scale;
                let photo = draw(task, pictures.len(), random, |index| photos.get(index, side))?;
                Ok((None, Cut::random(&photo, side, random).of(&photo, 1)?))
            }
            Pictures::Pairs(pairs) => {
                let get = |index| pairs.get(index, side, scale);
                let (degraded, clean) = draw(task, pictures.len(), random, get)?;
                let cut = Cut::random(&degraded, side, random);
                Ok((Some(cut.of(&degraded, 1)?), cut.of(&clean, scale)?))
            }
        }
    }

    fn degrade(&self, clean: &Picture, task: Task, random: &mut ChaCha8Rng) -> Result<Picture> {
        // Half recorded, half procedural: the former are few, the latter do not look quite the same.
        let streaks = match &self.streaks {
            Some(streaks) if task == Task::Derain && random.random() => Some(streaks.as_ref()),
            _ => None,
        };
        degrade::degrade(clean, task, random, streaks)
    }
}

/// A random one of the `count` that `get` gives.
fn draw<T>(task: Task, count: usize, random: &mut impl Rng, get: impl Fn(usize) -> Result<T>) -> Result<T> {
    // Drawing anew instead of drawing from a list of the good ones: which are good is not
    // known before they are read, and reading all may take longer than training.
    for _ in 0..32 {
        if let Ok(found) = get(random.random_range(0..count)) {
            return Ok(found);
        }
    }
    let start = random.random_range(0..count);
    let mut last = String::new();
    for index in (start..count).chain(0..start) {
        match get(index) {
            Ok(found) => return Ok(found),
            Err(error) => last = error.to_string(),
        }
    }
    Err(Error::Usage(format!("no picture can be used for {task}, such as {last}")))
}

/// How much neighbouring pixels of a patch differ, in all.
fn detail(patch: &Picture) -> u64 {
    let (samples, line) = (patch.as_rgb8().unwrap_or_default(), 3 * patch.width());
    let differ = |step: usize| -> u64 {
        samples.iter().zip(&samples[step.min(samples.len())..]).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
    };
    differ(3) + differ(line)
}

fn extend(values: &mut Vec<f32>, picture: &Picture) -> Result<()> {
    let samples = picture.as_rgb8().ok_or_else(|| Error::Picture("patches are 8-bit RGB".into()))?;
    values.extend(samples.iter().map(|&sample| f32::from(sample)));
    Ok(())
}

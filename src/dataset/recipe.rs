//! How the batch of a step is made.

use std::sync::Arc;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt};

use super::pairs::Pairs;
use super::patch::Cut;
use super::photos::Photos;
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

/// Where patches come from.
#[derive(Debug)]
pub enum Source {
    /// Good pictures, degraded here as the task asks.
    Photos(Photos),
    /// Pairs of one task.
    Pairs(Box<Pairs>),
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
        let (scale, side) = (task.scale(), self.model.input(task));
        match &self.source {
            Source::Photos(photos) => {
                let side = side * scale;
                let mut cut = || {
                    let photo = self.draw(task, random, |index| photos.get(index, side))?;
                    Cut::random(&photo, side, random).of(&photo, 1)
                };
                let mut clean = cut()?;
                // A smooth patch says little of how to enlarge; noise and rain are seen on it all the better.
                if scale > 1 {
                    let other = cut()?;
                    if detail(&other) > detail(&clean) {
                        clean = other;
                    }
                }
                Ok((self.degrade(&clean, task, random)?, clean))
            }
            Source::Pairs(pairs) => {
                let (degraded, clean) = self.draw(task, random, |index| pairs.get(index, side, scale))?;
                let cut = Cut::random(&degraded, side, random);
                Ok((cut.of(&degraded, 1)?, cut.of(&clean, scale)?))
            }
        }
    }

    /// A random one of those that `get` gives.
    fn draw<T>(&self, task: Task, random: &mut impl Rng, get: impl Fn(usize) -> Result<T>) -> Result<T> {
        let count = self.source.len();
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

    fn degrade(&self, clean: &Picture, task: Task, random: &mut ChaCha8Rng) -> Result<Picture> {
        // Half recorded, half procedural: the former are few, the latter do not look quite the same.
        let streaks = match &self.streaks {
            Some(streaks) if task == Task::Derain && random.random() => Some(streaks.as_ref()),
            _ => None,
        };
        degrade::degrade(clean, task, random, streaks)
    }
}

impl Source {
    /// How many pictures or pairs there are, sound or not.
    #[allow(clippy::len_without_is_empty)] // There always are some.
    pub fn len(&self) -> usize {
        match self {
            Source::Photos(photos) => photos.len(),
            Source::Pairs(pairs) => pairs.len(),
        }
    }

    /// What stands for the data: BLAKE3 of the sorted BLAKE3 of the files. Their names and places
    /// do not matter; all files are read, once.
    pub fn digest(&self) -> blake3::Hash {
        let mut hashes = match self {
            Source::Photos(photos) => photos.hashes(),
            Source::Pairs(pairs) => pairs.hashes().concat(),
        };
        hashes.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        let mut hasher = blake3::Hasher::new();
        hashes.iter().for_each(|hash| {
            hasher.update(hash.as_bytes());
        });
        hasher.finalize()
    }

    /// What there is to say of the files since the last call.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Source::Photos(photos) => photos.notes(),
            Source::Pairs(pairs) => pairs.notes(),
        }
    }
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

//! How the batch of a step is made.

use std::sync::Arc;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt};

use super::patch;
use super::photos::Photos;
use crate::degrade::{self, StreakSet};
use crate::error::{Error, Result};
use crate::model::INPUT;
use crate::picture::Picture;
use crate::rng;
use crate::task::Task;

/// Everything that decides what the batches hold.
#[derive(Debug)]
pub struct Recipe {
    /// Where patches come from.
    pub photos: Photos,
    /// The run's seed.
    pub seed: u64,
    /// The tasks and how often each is drawn, relative to the others.
    pub tasks: Vec<(Task, f64)>,
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
    /// Degraded, 48 pixels a side.
    pub input: Vec<f32>,
    /// As they were, 48 · scale pixels a side.
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
        let side = INPUT * task.scale();
        let mut input = Vec::with_capacity(self.batch * INPUT * INPUT * 3);
        let mut target = Vec::with_capacity(self.batch * side * side * 3);
        for index in part * self.batch..(part + 1) * self.batch {
            let mut random =
                rng::stream(self.seed, &[b"sample", &step.to_le_bytes(), &(index as u64).to_le_bytes()]);
            let photo = self.photo(task, side, &mut random)?;
            let clean = patch::random(&photo, side, &mut random)?;
            let degraded = self.degrade(&clean, task, &mut random)?;
            extend(&mut input, &degraded)?;
            extend(&mut target, &clean)?;
        }
        Ok(Batch { task, size: self.batch, input, target })
    }

    /// A random photograph among those that are sound and large enough.
    fn photo(&self, task: Task, side: usize, random: &mut impl Rng) -> Result<Arc<Picture>> {
        let count = self.photos.len();
        // Drawing anew instead of drawing from a list of the good ones: which are good is not
        // known before they are read, and reading all may take longer than training.
        for _ in 0..32 {
            if let Some(photo) = self.photos.get(random.random_range(0..count), side) {
                return Ok(photo);
            }
        }
        let start = random.random_range(0..count);
        (start..count).chain(0..start).find_map(|index| self.photos.get(index, side)).ok_or_else(|| {
            let notes = self.photos.notes().join("\n");
            Error::Usage(format!("{notes}\nno photograph can be used for {task}").trim_start().to_string())
        })
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

fn extend(values: &mut Vec<f32>, picture: &Picture) -> Result<()> {
    let samples = picture.as_rgb8().ok_or_else(|| Error::Picture("patches are 8-bit RGB".into()))?;
    values.extend(samples.iter().map(|&sample| f32::from(sample)));
    Ok(())
}

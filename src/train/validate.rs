//! How good the running mean of the weights is, on pictures that are never trained on.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::log::TaskScore;
use super::run::Machine;
use crate::dataset::Files;
use crate::degrade::{self, StreakSet};
use crate::error::{AtPath, Error, Result};
use crate::model::INPUT;
use crate::picture::{Picture, decode};
use crate::restore::tiles::Tiling;
use crate::restore::{self, Restorer};
use crate::score::{self, Protocol, Score};
use crate::task::Task;
use crate::weights::Model;

/// The seed of the degradations: the same in every run, so that figures compare.
const SEED: u64 = 0;

/// Good pictures and, for each task, what is left of them to be restored.
#[derive(Debug)]
pub struct Validation {
    tasks: Vec<(Task, Vec<Case>)>,
    hashes: HashSet<blake3::Hash>,
}

#[derive(Debug)]
struct Case {
    name: String,
    degraded: Picture,
    /// The degraded picture in the truth's size.
    given: Picture,
    truth: Arc<Picture>,
    score: Score,
}

/// A restored picture beside what it was made of and what it should be; all of one size.
#[derive(Debug)]
pub struct Sample<'a> {
    /// The picture's file name without extension.
    pub name: &'a str,
    /// The task.
    pub task: Task,
    /// The degraded picture, enlarged where it is smaller.
    pub given: &'a Picture,
    /// The restored picture.
    pub restored: &'a Picture,
    /// The good picture.
    pub truth: &'a Picture,
}

impl Validation {
    /// Degrades the pictures in `folder` for each task; `note` hears of those that cannot be used.
    ///
    /// # Errors
    /// When the folder cannot be read or no picture in it can be used.
    pub fn load(
        folder: &Path,
        tasks: &[Task],
        streaks: Option<&StreakSet>,
        mut note: impl FnMut(&str),
    ) -> Result<Self> {
        let mut hashes = HashSet::new();
        let mut pictures = Vec::new();
        for path in Files::find(&[folder.to_path_buf()])?.iter() {
            let bytes = std::fs::read(path).at(path)?;
            hashes.insert(blake3::hash(&bytes));
            match decode(&bytes) {
                Ok(decoded) => pictures.push((path.to_path_buf(), Arc::new(decoded.picture.to_rgb8()))),
                Err(error) => note(&format!("{}: not measured on", error.at(path))),
            }
        }
        let mut cases = Vec::new();
        for &task in tasks {
            let mut of_task = Vec::new();
            for (path, picture) in &pictures {
                match Case::new(path, picture, task, streaks) {
                    Ok(case) => of_task.push(case),
                    Err(error) => note(&format!("{}: not measured on for {task}", error.at(path))),
                }
            }
            if of_task.is_empty() {
                return Err(Error::Usage(format!("no picture to measure {task} on")).at(folder));
            }
            cases.push((task, of_task));
        }
        Ok(Self { tasks: cases, hashes })
    }

    /// BLAKE3 of every file in the folder: what must not be trained on.
    pub fn hashes(&self) -> &HashSet<blake3::Hash> {
        &self.hashes
    }

    /// Restores and compares; `show` sees each picture.
    pub fn measure(
        &self,
        model: &Model,
        machine: &Machine,
        mut show: impl FnMut(Sample) -> Result<()>,
    ) -> Result<Vec<TaskScore>> {
        let mut scores = Vec::new();
        for (task, cases) in &self.tasks {
            let options = restore::Options {
                device: machine.device.clone(),
                precision: machine.precision,
                self_ensemble: false,
                tiling: Tiling::paper(INPUT),
            };
            let restorer = Restorer::new(model, &[*task], options)?;
            let mut restored = Vec::new();
            for case in cases {
                let picture = restorer.restore(&case.degraded)?;
                restored.push(score::compare(&picture, &case.truth, Protocol::new(Some(*task), None))?);
                let Case { name, given, truth, .. } = case;
                show(Sample { name, task: *task, given, restored: &picture, truth })?;
            }
            let mean = |of: &dyn Fn(usize) -> f64| (0..cases.len()).map(of).sum::<f64>() / cases.len() as f64;
            scores.push(TaskScore {
                task: *task,
                psnr_y: mean(&|i| restored[i].psnr_y),
                psnr_rgb: mean(&|i| restored[i].psnr_rgb),
                input_psnr_y: mean(&|i| cases[i].score.psnr_y),
                input_psnr_rgb: mean(&|i| cases[i].score.psnr_rgb),
            });
        }
        Ok(scores)
    }
}

impl Case {
    fn new(path: &Path, picture: &Arc<Picture>, task: Task, streaks: Option<&StreakSet>) -> Result<Self> {
        // By the name alone, so that the folder may lie elsewhere.
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut random = degrade::stream(SEED, task, &name);
        let truth = match picture.crop_to_multiple(task.scale())? {
            cropped if cropped == **picture => picture.clone(),
            cropped => Arc::new(cropped),
        };
        let degraded = degrade::degrade(&truth, task, &mut random, streaks)?;
        let given = restore::baseline(&degraded, task.scale());
        let score = score::compare(&given, &truth, Protocol::new(Some(task), None))?;
        Ok(Self { name, degraded, given, truth, score })
    }
}

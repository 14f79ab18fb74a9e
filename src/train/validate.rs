//! How good the running mean of the weights is, on pictures that are never trained on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::TaskScore;
use super::run::Machine;
use crate::dataset::{Files, Pairs};
use crate::degrade::{self, StreakSet};
use crate::error::{Error, Result};
use crate::picture::{Picture, decode};
use crate::restore::{self, Cutting, Restorer};
use crate::score::{self, Figure, Metric, Protocol, Score};
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
    /// Degrades the pictures in `folder`, but for those in the folder `run`, for each task; `note` hears
    /// of those that cannot be used.
    ///
    /// # Errors
    /// When the folder cannot be read or no picture in it can be used.
    pub fn load(
        folder: &Path,
        run: &Path,
        tasks: &[Task],
        streaks: Option<&StreakSet>,
        mut note: impl FnMut(&str),
    ) -> Result<Self> {
        let mut hashes = HashSet::new();
        let mut pictures = Vec::new();
        let files = Files::find(&[folder.to_path_buf()])?.outside(run);
        files.notes().iter().for_each(|text| note(text));
        for path in files.iter() {
            let read = std::fs::read(path).map_err(Error::from).and_then(|bytes| {
                hashes.insert(blake3::hash(&bytes));
                decode(&bytes)
            });
            match read {
                Ok(decoded) => pictures.push((path.to_path_buf(), Arc::new(decoded.picture.to_rgb8()))),
                Err(error) => note(&format!("{}: not measured on", error.at(path))),
            }
        }
        let mut cases = Vec::new();
        for &task in tasks {
            let mut of_task = Vec::new();
            for (path, picture) in &pictures {
                match Case::degraded(path, picture, task, streaks) {
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

    /// Takes the pictures of two folders, but for those in the folder `run`, as they are: degraded, and
    /// clean of the same names. `note` hears of those that cannot be used.
    ///
    /// # Errors
    /// When a degraded picture has no partner, or no pair can be used.
    pub fn of_pairs(
        folders: &[PathBuf; 2],
        run: &Path,
        task: Task,
        mut note: impl FnMut(&str),
    ) -> Result<Self> {
        let pairs = Pairs::find(std::slice::from_ref(folders), run, 0, HashSet::new())?;
        let scale = task.scale();
        let mut cases = Vec::new();
        for index in 0..pairs.len() {
            let Ok((degraded, clean)) = pairs.get(index, 1, scale) else { continue };
            let truth = clean.crop(0, 0, degraded.width() * scale, degraded.height() * scale)?;
            match Case::new(pairs.name(index), Arc::unwrap_or_clone(degraded), Arc::new(truth), task) {
                Ok(case) => cases.push(case),
                Err(error) => note(&format!("{}: not measured on", error.at(pairs.path(index)))),
            }
        }
        pairs.notes().iter().for_each(|text| note(text));
        if cases.is_empty() {
            return Err(Error::Usage(format!("no pair to measure {task} on")).at(&folders[0]));
        }
        let [_, clean] = pairs.hashes();
        Ok(Self { tasks: vec![(task, cases)], hashes: clean.into_iter().collect() })
    }

    /// BLAKE3 of every good picture's file: what must not be trained on.
    pub fn hashes(&self) -> &HashSet<blake3::Hash> {
        &self.hashes
    }

    /// Restores and compares; `show` sees each picture. Before each, `stop` is asked; if it is to stop,
    /// there is no result.
    pub fn measure(
        &self,
        model: &Model,
        machine: &Machine,
        mut stop: impl FnMut() -> bool,
        mut show: impl FnMut(Sample) -> Result<()>,
    ) -> Result<Option<Vec<TaskScore>>> {
        let mut scores = Vec::new();
        for (task, cases) in &self.tasks {
            let options = restore::Options {
                device: machine.device.clone(),
                precision: machine.precision,
                self_ensemble: false,
                skip_transformer: false,
                cutting: Cutting::ByTask,
            };
            let restorer = Restorer::new(model, &[*task], options)?;
            let mut restored = Vec::new();
            for case in cases {
                if stop() {
                    return Ok(None);
                }
                let picture = restorer.restore(&case.degraded)?;
                restored.push(measure(&picture, &case.truth, *task)?);
                let Case { name, given, truth, .. } = case;
                show(Sample { name, task: *task, given, restored: &picture, truth })?;
            }
            let mean = |of: &dyn Fn(usize) -> f64| (0..cases.len()).map(of).sum::<f64>() / cases.len() as f64;
            scores.push(TaskScore {
                task: *task,
                psnr_y: mean(&|i| restored[i][Figure::PSNR_Y]),
                psnr_rgb: mean(&|i| restored[i][Figure::PSNR_RGB]),
                input_psnr_y: mean(&|i| cases[i].score[Figure::PSNR_Y]),
                input_psnr_rgb: mean(&|i| cases[i].score[Figure::PSNR_RGB]),
            });
        }
        Ok(Some(scores))
    }
}

impl Case {
    /// The picture, degraded here.
    fn degraded(
        path: &Path,
        picture: &Arc<Picture>,
        task: Task,
        streaks: Option<&StreakSet>,
    ) -> Result<Self> {
        // By the name alone, so that the folder may lie elsewhere.
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut random = degrade::stream(SEED, task, &name);
        let truth = match picture.crop_to_multiple(task.scale())? {
            cropped if cropped == **picture => picture.clone(),
            cropped => Arc::new(cropped),
        };
        let degraded = degrade::degrade(&truth, task, &mut random, streaks)?;
        Self::new(name, degraded, truth, task)
    }

    fn new(name: String, degraded: Picture, truth: Arc<Picture>, task: Task) -> Result<Self> {
        let given = restore::baseline(&degraded, task.scale());
        let score = measure(&given, &truth, task)?;
        Ok(Self { name, degraded, given, truth, score })
    }
}

/// PSNR by the task's usual protocol.
fn measure(restored: &Picture, truth: &Picture, task: Task) -> Result<Score> {
    score::compare(restored, truth, &Protocol::of(task), &[Metric::Psnr])
}

//! Where a run's weights come from: a trained model, whose body stays while heads and tails go to
//! the tasks of the run.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::options::Options;
use crate::error::{AtPath, Error, Result, visible};
use crate::model::{CoarseLevel, Config, TASK_EMBEDDING, closes_block, head_blocks, shared_heads};
use crate::task::Task;
use crate::weights::{Model, Parameters};

/// A trained model that a run begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Its file; none for the embedded model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// BLAKE3 of the file, noted when the run begins; another file is refused then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// Hours of training behind the model, if it tells; noted when the run begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<f64>,
}

impl Origin {
    /// The model in this file, or the embedded one.
    pub fn new(model: Option<PathBuf>) -> Self {
        Self { model, blake3: None, hours: None }
    }

    /// The model, which a run for `tasks` begins with.
    fn open(&self, tasks: &[Task]) -> Result<Model> {
        match &self.model {
            Some(path) => Model::open_for(path, unnamed(tasks)),
            None => Model::embedded(),
        }
    }

    /// BLAKE3 of the model's file.
    fn digest(&self) -> Result<String> {
        let digest = match &self.model {
            Some(path) => {
                let mut hasher = blake3::Hasher::new();
                let file = File::open(path).at(path)?;
                hasher.update_reader(file).at(path)?;
                hasher.finalize()
            }
            None => blake3::hash(Model::EMBEDDED),
        };
        Ok(digest.to_hex().to_string())
    }

    /// The parameters that a run of `options` begins with, and this origin with what is to be noted
    /// of it.
    ///
    /// The body stays. Each task of the run has the head and the embedding of the model's task
    /// nearest to it (tasks that share a head have that of the first of them), and the tail where that
    /// enlarges by the same factor; the rest is fresh, and so is the first convolution of a head that
    /// unshuffles by another factor. Where the run's heads are deeper, each further block begins with
    /// a second convolution of zeros, and so with what the trained head gives (Net2Net: Chen et al.,
    /// ICLR 2016; here by the residual). So does a coarse level that the trained head has not.
    ///
    /// # Errors
    /// When the model cannot be read, is not the one that was noted, or has another shape than the
    /// run's.
    pub(super) fn begin(&self, options: &Options, device: &Device) -> Result<(Parameters, Self)> {
        let digest = self.digest()?;
        if self.blake3.as_ref().is_some_and(|noted| *noted != digest) {
            return Err(Error::Usage(format!("{} is no longer what the run began with", self.name())));
        }
        let model = self.open(&options.model.tasks)?;
        let alike = config(&model.config, &options.model.tasks);
        for &task in &options.model.tasks {
            let (blocks, trained) = (options.model.blocks_of(task), alike.blocks_of(task));
            if blocks < trained {
                let name = self.name();
                return Err(Error::Usage(format!(
                    "{name} has a head of {trained} blocks for {task}, and the run one of {blocks}"
                )));
            }
            if let Some(trained) = alike.coarse.get(&task)
                && (options.model.coarse.get(&task))
                    .is_none_or(|level| level.after != trained.after || level.blocks < trained.blocks)
            {
                let CoarseLevel { after, blocks } = trained;
                return Err(Error::Usage(format!(
                    "{} has {blocks} coarse blocks for {task} after block {after}, and the run has not",
                    self.name()
                )));
            }
        }
        let Config { blocks, head_blocks, coarse, unshuffle, shared_heads, .. } = options.model.clone();
        let shape = Config { blocks, head_blocks, coarse, unshuffle, shared_heads, ..alike };
        if options.model != shape {
            return Err(Error::Usage(format!("{} has another shape than the run's model", self.name())));
        }
        let tensors = assemble(&model, options)?;
        let noted = Self { blake3: Some(digest), hours: model.hours(), model: self.model.clone() };
        Ok((Parameters::from_tensors(&options.model, tensors, device)?, noted))
    }

    /// What to call the model.
    fn name(&self) -> String {
        self.model.as_ref().map_or("the embedded model".into(), visible)
    }
}

/// What a run that is resumed began with: what its checkpoint says, which `named` must not contradict.
pub(super) fn resume(named: Option<Origin>, begun: Option<Origin>) -> Result<Option<Origin>> {
    match named {
        Some(named) if begun.as_ref().is_none_or(|begun| begun.model != named.model) => {
            Err(Error::Usage(format!("the run to be resumed did not begin with {}", named.name())))
        }
        _ => Ok(begun),
    }
}

/// The shape of `of` for other tasks, each as the nearest that `of` has.
pub fn config(of: &Config, tasks: &[Task]) -> Config {
    let like = |task: Task| of.tasks.get(nearest(&of.tasks, task));
    let in_squares = |task: &Task| like(*task).is_some_and(|nearest| of.unshuffle.contains(nearest));
    let unshuffle = tasks.iter().copied().filter(|task| task.scale() == 1 && in_squares(task)).collect();
    let blocks = tasks.iter().filter_map(|&task| Some((task, of.blocks_of(*like(task)?))));
    let head_blocks = head_blocks(of.blocks, blocks);
    let coarse = tasks.iter().filter_map(|&task| Some((task, *of.coarse.get(like(task)?)?))).collect();
    let sharing = |group: &Vec<Task>| tasks.iter().copied().filter(|task| group.contains(task)).collect();
    let shared_heads = shared_heads(of.shared_heads.iter().map(sharing));
    Config { tasks: tasks.to_vec(), head_blocks, coarse, unshuffle, shared_heads, ..of.clone() }
}

/// What to call the one task of published weights that do not name it, where a run for `tasks`
/// begins with them: the first of those that keeps the picture's size, else any that does.
pub fn unnamed(tasks: &[Task]) -> Option<Task> {
    let same_size = tasks.iter().copied().find(|task| task.scale() == 1);
    same_size.or((!tasks.is_empty()).then_some(Task::Derain))
}

/// The model's tensors, in the places that they have in the run's model.
fn assemble(model: &Model, options: &Options) -> Result<BTreeMap<String, Tensor>> {
    let trained = model.parameters.tensors();
    let mut tensors = Parameters::init(&options.model, options.seed, &Device::Cpu)?.tensors();
    // The trained blocks follow below; those further than them stay like this.
    for (_, tensor) in tensors.iter_mut().filter(|(name, _)| closes_block(name)) {
        *tensor = tensor.zeros_like()?;
    }
    for (name, tensor) in trained.iter().filter(|(name, _)| name.starts_with("body.")) {
        tensors.insert(name.clone(), tensor.clone());
    }
    let mut embeddings = Vec::new();
    for (to, &task) in options.model.tasks.iter().enumerate() {
        let from = nearest(&model.config.tasks, task);
        let mut copy = |part: &str, from: usize, to: usize| {
            for (rest, tensor) in model.parameters.part(part, from) {
                // The first convolution of a head that unshuffles by another factor has another shape.
                if let Some(fresh) = tensors.get_mut(&format!("{part}.{to}.{rest}"))
                    && fresh.shape() == tensor.shape()
                {
                    *fresh = tensor;
                }
            }
        };
        if options.model.head_index(task)? == to {
            copy("head", model.config.head_index(model.config.tasks[from])?, to);
        }
        let factors = |config: &Config, task: Task| (task.scale(), config.unshuffle_by(task));
        if factors(&model.config, model.config.tasks[from]) == factors(&options.model, task) {
            copy("tail", from, to);
        }
        if let Some(table) = trained.get(TASK_EMBEDDING) {
            embeddings.push(table.narrow(0, from, 1)?);
        }
    }
    if !embeddings.is_empty() {
        tensors.insert(TASK_EMBEDDING.into(), Tensor::cat(&embeddings, 0)?.contiguous()?);
    }
    Ok(tensors)
}

/// The task whose head serves `task` best at first: itself; for noise the nearest σ; for another
/// scale the nearest scale; else the first of the same scale; else the first.
fn nearest(tasks: &[Task], task: Task) -> usize {
    let distance = |other: Task| match (task, other) {
        _ if task == other => 0,
        (Task::Denoise(a), Task::Denoise(b)) => usize::from(a.get().abs_diff(b.get())),
        (Task::SuperResolution(_), Task::SuperResolution(_)) => task.scale().abs_diff(other.scale()),
        _ if task.scale() == other.scale() => 1000,
        _ => 2000,
    };
    (0..tasks.len()).min_by_key(|&i| distance(tasks[i])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str) -> Task {
        name.parse().unwrap()
    }

    #[test]
    fn the_nearest_task() {
        let tasks = Task::PRETRAINING;
        let name = |of: &str| tasks[nearest(&tasks, task(of))].to_string();
        for task in tasks {
            assert_eq!(name(&task.to_string()), task.to_string());
        }
        assert_eq!(name("denoise70"), "denoise50");
        assert_eq!(name("denoise10"), "denoise30");
        let name = |of: &str, among: &[&str]| {
            let tasks: Vec<Task> = among.iter().map(|name| task(name)).collect();
            tasks[nearest(&tasks, task(of))].to_string()
        };
        assert_eq!(name("sr4", &["derain", "sr2", "sr3"]), "sr3");
        assert_eq!(name("derain", &["sr2", "denoise50", "denoise30"]), "denoise50");
        assert_eq!(name("derain", &["sr2", "sr3"]), "sr2");
    }

    #[test]
    fn what_is_not_named_is_a_task_of_the_run() {
        assert_eq!(unnamed(&[task("sr2"), task("denoise70")]), Some(task("denoise70")));
        assert_eq!(unnamed(&[task("sr2")]), Some(Task::Derain));
        assert_eq!(unnamed(&[]), None);
    }
}

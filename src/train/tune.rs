//! Fine-tuning starts from a trained model: the body stays, the other tasks go.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::options::{Options, Tune};
use super::trainer::TASK_EMBEDDING;
use crate::error::{Error, Result};
use crate::model::Config;
use crate::task::Task;
use crate::weights::{Model, Parameters};

/// The shape of a model tuned to `task`: that of `of`, with one task.
pub fn config(of: &Config, task: Task) -> Config {
    Config { tasks: vec![task], ..of.clone() }
}

/// The model that `tune` names, to be tuned to `task`.
fn source(tune: &Tune, task: Task) -> Result<Model> {
    match &tune.model {
        Some(path) => Model::open_for(path, Some(unnamed(task))),
        None => Model::embedded(),
    }
}

/// What to call the one task of published weights that do not name it, to tune them to `task`:
/// that, unless it enlarges; then any that does not.
pub fn unnamed(task: Task) -> Task {
    if task.scale() == 1 { task } else { Task::Derain }
}

/// The parameters to start from: the body, and of the task nearest to the new one the head, the
/// embedding, and the tail where it enlarges by the same factor; the rest is fresh.
pub(super) fn parameters(options: &Options, tune: &Tune, device: &Device) -> Result<Parameters> {
    let [task] = options.model.tasks[..] else {
        return Err(Error::Usage("a model is tuned to one task".into()));
    };
    let model = source(tune, task)?;
    if options.model != config(&model.config, task) {
        return Err(Error::Usage("the model to tune has another shape than the run's".into()));
    }
    let from = nearest(&model.config.tasks, task);
    let same_tail = model.config.tasks[from].scale() == task.scale();
    let mut tensors = Parameters::init(&options.model, options.seed, &Device::Cpu)?.tensors();
    for (name, tensor) in kept(&model.parameters.tensors(), from)? {
        if same_tail || !name.starts_with("tail.") {
            tensors.insert(name, tensor);
        }
    }
    Parameters::from_tensors(&options.model, tensors, device)
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

/// Of a model with several tasks the parameters of the one at `index`, renamed to be the only one.
fn kept(tensors: &BTreeMap<String, Tensor>, index: usize) -> Result<BTreeMap<String, Tensor>> {
    let mut kept = BTreeMap::new();
    for (name, tensor) in tensors {
        let of_task = name.strip_prefix("head.").or_else(|| name.strip_prefix("tail."));
        let (name, tensor) = match of_task.and_then(|rest| rest.split_once('.')) {
            Some((number, rest)) if number == index.to_string() => {
                (format!("{}.0.{rest}", &name[..4]), tensor.clone())
            }
            Some(_) => continue,
            None if name == TASK_EMBEDDING => (name.clone(), tensor.narrow(0, index, 1)?.contiguous()?),
            None => (name.clone(), tensor.clone()),
        };
        kept.insert(name, tensor);
    }
    Ok(kept)
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
}

//! Fine-tuning: what is kept, what is dropped, what is fresh.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use ipt::model::{Config, Preset};
use ipt::task::Task;
use ipt::train::checkpoint::Checkpoint;
use ipt::train::options::Tune;
use ipt::train::{Options, Outcome, Place, tune};
use ipt::weights::{Model, Parameters};

use crate::{go, options, photos};

fn task(name: &str) -> Task {
    name.parse().unwrap()
}

/// A model of the six tasks with random weights, in a file.
fn pretrained(folder: &Path) -> Model {
    let config = Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec());
    let parameters = Parameters::init(&config, 77, &Device::Cpu).unwrap();
    let model = Model { config, parameters, provenance: Default::default() };
    model.save(&folder.join("model.safetensors"), DType::F32).unwrap();
    model
}

/// The weights after no step of tuning.
fn start(folder: &Path, name: &str) -> (Options, std::collections::BTreeMap<String, Tensor>) {
    let photos = photos();
    let tuned = Tune { model: Some(folder.join("model.safetensors")), freeze_body: false };
    let model = tune::config(&tune::source(&tuned).unwrap().config, task(name));
    let options = Options { model, tune: Some(tuned), ..options(photos.path(), 0) };
    let place = folder.join(name);
    assert_eq!(go(&options, &place, false, None).0, Outcome::Finished);
    let (state, _, _) = Checkpoint::newest(&Place::new(&place).checkpoints()).unwrap();
    (options, state.weights)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn one_task_is_kept_and_the_others_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let whole = pretrained(folder.path()).parameters.tensors();
    let (options, weights) = start(folder.path(), "sr3");
    assert_eq!(options.model.tasks, [task("sr3")]);
    let same = |here: &str, there: &str| assert!(values(&weights[here]) == values(&whole[there]), "{here}");
    for name in weights.keys() {
        match name.as_str() {
            "body.query_embed.weight" => {
                assert!(values(&weights[name]) == values(&whole[name].get(1).unwrap()));
            }
            name if name.starts_with("body.") => same(name, name),
            name => same(name, &name.replacen(".0.", ".1.", 1)),
        }
    }
    assert!(weights.keys().all(|name| !name.starts_with("head.1.") && !name.starts_with("tail.1.")));
}

#[test]
fn a_new_level_of_noise_starts_from_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let whole = pretrained(folder.path()).parameters.tensors();
    let (_, weights) = start(folder.path(), "denoise70");
    assert!(values(&weights["head.0.0.weight"]) == values(&whole["head.5.0.weight"]));
    assert!(values(&weights["tail.0.1.weight"]) == values(&whole["tail.5.1.weight"]));
}

#[test]
fn a_new_scale_gets_a_fresh_tail() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::preset(Preset::Tiny, vec![task("sr2"), task("derain")]);
    let parameters = Parameters::init(&config, 77, &Device::Cpu).unwrap();
    let whole = parameters.tensors();
    let model = Model { config, parameters, provenance: Default::default() };
    model.save(&folder.path().join("model.safetensors"), DType::F32).unwrap();
    let (options, weights) = start(folder.path(), "sr3");
    assert!(values(&weights["head.0.0.weight"]) == values(&whole["head.0.0.weight"]));
    let fresh = Parameters::init(&options.model, options.seed, &Device::Cpu).unwrap().tensors();
    assert!(values(&weights["tail.0.0.0.weight"]) == values(&fresh["tail.0.0.0.weight"]));
}

#[test]
fn a_frozen_body_stays() {
    let folder = tempfile::tempdir().unwrap();
    let whole = pretrained(folder.path()).parameters.tensors();
    let photos = photos();
    let tuned = Tune { model: Some(folder.path().join("model.safetensors")), freeze_body: true };
    let model = Config::preset(Preset::Tiny, vec![task("denoise30")]);
    let options = Options { model, tune: Some(tuned), ..options(photos.path(), 2) };
    let place = folder.path().join("run");
    go(&options, &place, false, None);
    let (state, _, _) = Checkpoint::newest(&Place::new(&place).checkpoints()).unwrap();
    for (name, tensor) in &state.weights {
        if name.starts_with("body.") && name != "body.query_embed.weight" {
            assert!(values(tensor) == values(&whole[name]), "{name}");
        }
    }
    assert!(values(&state.weights["tail.0.1.weight"]) != values(&whole["tail.4.1.weight"]));
}

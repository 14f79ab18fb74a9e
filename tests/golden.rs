//! What the program makes of the pictures in `fixtures/`, against golden pictures beside them.
//!
//! `IPT_BLESS=1 cargo test --release --test golden` writes the golden pictures anew.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod support;

use std::path::Path;

use candle_core::{Device, Tensor};
use ipt::Task;
use ipt::degrade::{degrade, stream};
use ipt::model::{Config, Preset};
use ipt::ops::Precision;
use ipt::picture::{Picture, Samples};
use ipt::restore::{Cutting, Options, Restorer};
use ipt::rng;
use ipt::weights::{Model, Parameters};
use rand::RngExt;
use support::{golden, pictures, read};

/// Compares what `make` gives for every picture and task with `fixtures/folder/task/picture`.
fn every_picture(
    folder: &str,
    tasks: &[Task],
    tolerance: impl Fn(&Picture) -> u16,
    make: impl Fn(&Picture, Task, &str) -> Picture,
) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let (mut checked, mut failures) = (0, Vec::new());
    for path in pictures(&fixtures.join("pictures")) {
        let file = path.file_name().unwrap().to_str().unwrap();
        let picture = read(&path);
        for &task in tasks {
            let name = format!("{folder}/{task}/{file}");
            let result = make(&picture, task, file);
            if let Err(failure) = golden::check(&name, &result, &fixtures.join(&name), tolerance(&picture)) {
                failures.push(failure);
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 5 * tasks.len(), "pictures in fixtures/pictures times tasks");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn degradations() {
    every_picture(
        "degrade",
        &Task::PRETRAINING,
        |_| 0,
        |picture, task, file| degrade(picture, task, &mut stream(7, task, file), None).unwrap(),
    );
}

#[test]
fn restorations_of_a_small_seeded_model() {
    let model = seeded_model();
    // Sums of f32 in another order (another processor) may move a value over a rounding border.
    let tolerance = |picture: &Picture| match picture.samples() {
        Samples::Eight(_) => 1,
        Samples::Sixteen(_) => 16,
    };
    every_picture("restore", &model.config.tasks, tolerance, |picture, task, _| {
        let options = Options {
            device: Device::Cpu,
            precision: Precision::F32,
            self_ensemble: false,
            skip_transformer: false,
            cutting: Cutting::ByTask,
        };
        Restorer::new(&model, &[task], options).unwrap().restore(picture).unwrap()
    });
}

/// A tiny model whose tails, which start at zero, have been given something to say.
fn seeded_model() -> Model {
    let tasks = ["sr2", "sr3", "derain"].map(|name| name.parse().unwrap()).to_vec();
    let config = Config::preset(Preset::Tiny, tasks);
    let parameters = Parameters::init(&config, 7, &Device::Cpu).unwrap();
    for (name, variable) in parameters.iter().filter(|(name, _)| name.ends_with(".1.weight")) {
        if name.starts_with("tail.") {
            let mut rng = rng::stream(7, &[name.as_bytes()]);
            let values: Vec<f32> = (0..variable.elem_count()).map(|_| rng.random_range(-0.1..0.1)).collect();
            let tensor = Tensor::from_vec(values, variable.shape(), &Device::Cpu).unwrap();
            variable.set(&tensor).unwrap();
        }
    }
    Model { config, parameters, provenance: Default::default() }
}

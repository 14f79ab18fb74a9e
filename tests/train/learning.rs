//! Whether the model learns: gradients everywhere, a loss that falls.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Device;
use ipt::dataset::{Files, Photos, Recipe, Source};
use ipt::model::{Config, Preset};
use ipt::ops::Precision;
use ipt::picture::{Layout, Picture, Samples};
use ipt::rng;
use ipt::task::Task;
use ipt::train::Options;
use ipt::train::log::{self, Entry};
use ipt::train::loss::Comparison;
use ipt::train::trainer::Trainer;
use ipt::weights::Parameters;
use rand::RngExt;

use crate::{go, options, photo, photos, save};

pub fn recipe(options: &Options) -> Recipe {
    let files = Files::find(&options.photos).unwrap();
    let photos = Photos::new(files, 1 << 30, Default::default()).unwrap();
    Recipe {
        source: Source::new(Some(photos), Vec::new()),
        seed: options.seed,
        tasks: options.weighted_tasks(),
        model: options.model.clone(),
        batch: options.batch,
        accumulate: options.accumulate,
        streaks: None,
    }
}

/// Largest gradient of each tensor over one batch of each task.
fn reached(options: &Options) -> BTreeMap<String, f32> {
    let parameters = Parameters::init(&options.model, 3, &Device::Cpu).unwrap();
    // The last convolution starts at zero, behind which nothing has a gradient yet.
    for (name, variable) in parameters.iter().filter(|(name, _)| name.starts_with("tail.")) {
        let mut random = rng::stream(9, &[name.as_bytes()]);
        let values = (0..variable.elem_count()).map(|_| random.random_range(-0.1f32..0.1)).collect();
        let values = candle_core::Tensor::from_vec(values, variable.shape(), &Device::Cpu).unwrap();
        variable.set(&values).unwrap();
    }
    let trainer = Trainer::start(options, parameters, Precision::F32).unwrap();
    let recipe = recipe(options);
    let mut largest: BTreeMap<String, f32> =
        trainer.parameters().iter().map(|(name, _)| (name.to_string(), 0.0)).collect();
    let mut open = Task::PRETRAINING.to_vec();
    for number in 0.. {
        if open.is_empty() {
            break;
        }
        let batch = recipe.batch(number).unwrap();
        open.retain(|task| *task != batch.task);
        for (name, gradient) in trainer.gradient(&batch).unwrap().0.iter() {
            let most = gradient.abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            let most: f32 = most.to_scalar().unwrap();
            let entry = largest.get_mut(name).unwrap();
            *entry = entry.max(most);
        }
    }
    largest
}

#[test]
fn every_tensor_has_a_gradient() {
    let photos = photos();
    let alone = Options { lambda: 0.0, ..options(photos.path(), 1) };
    for (name, most) in reached(&alone) {
        assert!(most > 0.0, "L1 alone does not reach {name}");
    }
    // With a λ so large that the L1 term does not count, what is left is the contrastive term's.
    let with = Options { lambda: 1e6, ..alone };
    // The blocks behind the transformer are behind the features that it compares.
    let compared = |name: &str| name.starts_with("body.") && !name.starts_with("body.blocks.");
    for (name, most) in reached(&with).iter().filter(|(name, _)| compared(name)) {
        assert!(*most > 100.0, "the contrastive term does not reach {name}: {most}");
    }
}

#[test]
fn enlargement_learns_where_there_is_detail() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("photo.png"), &photo(1, 96, 96));
    let flat = Picture::new(96, 96, Layout::Rgb, Samples::Eight(vec![90; 96 * 96 * 3])).unwrap();
    save(&folder.path().join("flat.png"), &flat);
    let flat_share = |task: &str| {
        let model = Config::preset(Preset::Tiny, vec![task.parse().unwrap()]);
        let recipe = recipe(&Options { model, batch: 16, ..options(folder.path(), 1) });
        let targets: Vec<_> = (0..8).map(|number| recipe.batch(number).unwrap().target).collect();
        let patches = targets.iter().flat_map(|target| target.chunks_exact(target.len() / 16));
        patches.filter(|patch| patch.iter().all(|value| *value == 90.0)).count() as f64 / (8.0 * 16.0)
    };
    // One of two draws is flat, and two of two draws a quarter of the time.
    assert!((flat_share("denoise30") - 0.5).abs() < 0.15, "{}", flat_share("denoise30"));
    assert!((flat_share("sr2") - 0.25).abs() < 0.1, "{}", flat_share("sr2"));
}

#[test]
fn the_loss_falls() {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("one.png"), &photo(1, 96, 96));
    let model = Config::preset(Preset::Tiny, vec!["denoise50".parse().unwrap()]);
    let options = Options { model, rate: 5e-3, warm_up: 5, batch: 4, ..options(folder.path(), 40) };
    let learn = |loss: Comparison| {
        let run = tempfile::tempdir().unwrap();
        go(&Options { loss, ..options.clone() }, run.path(), false, None);
        let l1 = losses(run.path());
        let mean = |steps: &[f64]| steps.iter().sum::<f64>() / steps.len() as f64;
        let (first, last) = (mean(&l1[..10]), mean(&l1[30..]));
        assert!(last < 0.7 * first, "{loss:?}: {first} {last}");
        l1
    };
    let (by_l1, by_psnr) = (learn(Comparison::L1), learn(Comparison::Psnr));
    assert!(by_l1[0] == by_psnr[0] && by_l1[39] != by_psnr[39], "they learn the same");
}

/// The L1 of each step of a run.
pub fn losses(run: &Path) -> Vec<f64> {
    let entries = log::read(&run.join("log.jsonl")).unwrap().into_iter();
    entries.filter_map(|entry| if let Entry::Step(step) = entry { Some(step.l1) } else { None }).collect()
}

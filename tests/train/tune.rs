//! Fine-tuning: what is kept, what is dropped, what is fresh.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use ipt::dataset::{Files, Pairs, Photos, Recipe, Source};
use ipt::model::{Config, Preset};
use ipt::picture::{Layout, Picture, Samples};
use ipt::task::Task;
use ipt::train::checkpoint::Checkpoint;
use ipt::train::log::{self, Entry};
use ipt::train::options::Tune;
use ipt::train::origin::{self, Origin};
use ipt::train::validate::Validation;
use ipt::train::{Options, Outcome, Place};
use ipt::weights::{Model, Parameters};

use crate::learning::losses;
use crate::program::{fail, succeed};
use crate::{go, options, photo, photos, save};

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
    let file = folder.join("model.safetensors");
    let model = origin::config(&Model::open(&file).unwrap().config, &[task(name)]);
    let from = Some(Origin::new(Some(file)));
    let options = Options { model, from, tune: Some(Tune::default()), ..options(photos.path(), 0) };
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
    let (tail, other) = (&weights["tail.0.1.weight"], &whole["tail.0.1.weight"]);
    assert_eq!((tail.dims(), other.dims()), (&[27, 8, 3, 3][..], &[12, 8, 3, 3][..]));
    assert!(values(tail) == values(&fresh["tail.0.1.weight"]));
}

#[test]
fn a_frozen_body_stays() {
    let folder = tempfile::tempdir().unwrap();
    let whole = pretrained(folder.path()).parameters.tensors();
    let photos = photos();
    let from = Some(Origin::new(Some(folder.path().join("model.safetensors"))));
    let tune = Some(Tune::default());
    let model = Config::preset(Preset::Tiny, vec![task("denoise30")]);
    let options = Options { model, from, tune, freeze_body: true, ..options(photos.path(), 2) };
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

#[test]
fn a_trained_body_beats_a_fresh_one() {
    let photos = photos();
    let folder = tempfile::tempdir().unwrap();
    let settings = |steps| Options { rate: 3e-3, warm_up: 5, batch: 4, ..options(photos.path(), steps) };
    let config = Config::preset(Preset::Tiny, vec![task("sr2"), task("denoise30")]);
    let place = folder.path().join("pretrained");
    go(&Options { model: config.clone(), ..settings(60) }, &place, false, None);
    let model = origin::config(&config, &[task("denoise50")]);
    let fresh = Options { model: model.clone(), ..settings(15) };
    let from = Some(Origin::new(Some(place.join("final.safetensors"))));
    let tuned = Options { from, tune: Some(Tune::default()), ..fresh.clone() };
    let end = |options: &Options, name: &str| {
        go(options, &folder.path().join(name), false, None);
        losses(&folder.path().join(name))[10..].iter().sum::<f64>() / 5.0
    };
    let (fresh, tuned) = (end(&fresh, "fresh"), end(&tuned, "tuned"));
    assert!(tuned < 0.9 * fresh, "{tuned} {fresh}");
}

#[test]
fn pairs_are_cut_at_the_same_place() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..2 {
        let clean = photo(seed, 130, 121);
        let mut random = ipt::rng::stream(seed, &[b"degrade"]);
        let degraded = ipt::degrade::degrade(&clean, task("sr2"), &mut random, None).unwrap();
        save(&folder.path().join(format!("clean/{seed}.png")), &clean);
        save(&folder.path().join(format!("degraded/{seed}.png")), &degraded);
    }
    let pairs = [folder.path().join("degraded"), folder.path().join("clean")];
    let find =
        || Pairs::find(std::slice::from_ref(&pairs), &folder.path().join("run"), 1 << 30, Default::default());
    let found = find().unwrap();
    let recipe = Recipe {
        source: Source::new(None, vec![(task("sr2"), found)]),
        seed: 1,
        tasks: vec![(task("sr2"), 1.0)],
        model: Config::preset(Preset::Tiny, vec![task("sr2")]),
        batch: 8,
        accumulate: 1,
        streaks: None,
    };
    let batch = recipe.batch(0).unwrap();
    // A pixel of the input is about the mean of its four in the target.
    let mut apart = 0.0;
    for (at, value) in batch.input.iter().enumerate() {
        let (channel, x, y, n) = (at % 3, at / 3 % 48, at / 144 % 48, at / 6912);
        let pixel = |dx, dy| batch.target[((n * 96 + 2 * y + dy) * 96 + 2 * x + dx) * 3 + channel];
        apart += (value - (pixel(0, 0) + pixel(0, 1) + pixel(1, 0) + pixel(1, 1)) / 4.0).abs();
    }
    assert!(apart / (batch.input.len() as f32) < 5.0, "{apart}");

    std::fs::remove_file(pairs[1].join("0.png")).unwrap();
    let error = find().unwrap_err().to_string();
    assert!(error.contains("degraded/0.png") && error.contains("no picture 0 in"), "{error}");
    save(&pairs[1].join("0.png"), &photo(3, 100, 100));
    let found = find().unwrap();
    assert!(found.get(0, 48, 2).is_err() && found.get(1, 48, 2).is_ok());
    assert_eq!(found.notes().len(), 1);
}

/// Degraded pictures that are white, so that they are known, for one task; photographs for the other.
#[test]
fn a_task_learns_from_its_pairs_and_others_from_photographs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for seed in 0..3 {
        let white = Picture::new(60, 60, Layout::Rgb, Samples::Eight(vec![255; 60 * 60 * 3])).unwrap();
        save(&at.join(format!("white/{seed}.png")), &white);
        save(&at.join(format!("clean/{seed}.png")), &photo(seed, 120, 120));
        save(&at.join(format!("photos/{seed}.png")), &photo(seed, 120, 120));
    }
    let files = Files::find(&[at.join("photos")]).unwrap();
    let photos = Photos::new(files, 1 << 30, Default::default()).unwrap();
    let folders = [at.join("white"), at.join("clean")];
    let pairs = Pairs::find(&[folders], &at.join("run"), 1 << 30, Default::default()).unwrap();
    let tasks = ["sr2", "denoise30"].map(task);
    let recipe = Recipe {
        source: Source::new(Some(photos), vec![(tasks[0], pairs)]),
        seed: 1,
        tasks: tasks.map(|task| (task, 1.0)).to_vec(),
        model: Config::preset(Preset::Tiny, tasks.to_vec()),
        batch: 2,
        accumulate: 1,
        streaks: None,
    };
    let mut seen = std::collections::HashSet::new();
    for number in 0..20 {
        let batch = recipe.batch(number).unwrap();
        let white = batch.input.iter().all(|&value| value == 255.0);
        assert_eq!(white, batch.task == tasks[0], "{}", batch.task);
        assert!(batch.target.iter().any(|&value| value != 255.0));
        seen.insert(batch.task);
    }
    assert_eq!(seen.len(), 2);
    assert_eq!(recipe.source.len(), 6);
    // BLAKE3 of all files, one of them thrice.
    let files: Vec<_> = ["white", "clean", "photos"].map(|name| at.join(name)).to_vec();
    let all = Photos::new(Files::find(&files).unwrap(), 0, Default::default()).unwrap();
    assert_eq!(recipe.source.digest(), Source::new(Some(all), Vec::new()).digest());

    std::fs::write(at.join("list"), "photos").unwrap();
    // On the command line, too; a run knows them when it goes on.
    let train = |more: &[&'static str]| {
        let common =
            ["train", "--preset", "tiny", "--tasks", "sr2,denoise30", "--steps", "2", "--batch", "1"];
        [&common[..], &["--lambda", "0"], more].concat()
    };
    let pairs = ["--pairs", "sr2", "white", "clean"];
    succeed(&train(&[&pairs[..], &["photos", "--out", "run"]].concat()), at);
    succeed(&["train", "--out", "run", "--resume", "--steps", "3"], at);
    let noise = ["--pairs", "denoise30", "photos", "clean"];
    succeed(&train(&[&pairs[..], &noise, &["--out", "without"]].concat()), at);
    succeed(&train(&[&pairs[..], &["--task-weights", "1,0", "--out", "weightless"]].concat()), at);
    for (more, reason) in [
        ([&pairs[..], &["--out", "bad"]].concat(), "no photographs, which denoise30 needs"),
        ([&pairs[..], &noise, &["photos", "--out", "bad"]].concat(), "every task that is trained has pairs"),
        (
            [&pairs[..], &noise, &["--files-from", "list", "--out", "bad"]].concat(),
            "every task that is trained has",
        ),
        (
            vec!["--pairs", "sr3", "white", "clean", "photos", "--out", "bad"],
            "which the model does not learn",
        ),
        (vec!["--pairs", "sr9", "white", "clean", "photos", "--out", "bad"], "--pairs sr9: "),
        (vec!["--pairs", "sr2", "white", "photos", "--out", "bad"], "no photographs"),
    ] {
        let said = fail(&train(&more), at, 2);
        assert!(said.contains(reason), "{said}");
        assert!(!at.join("bad").exists());
    }
}

/// A name is the path in the folder; several pairs of folders are one source.
#[test]
fn pairs_have_the_names_that_scores_have() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in [
        "noisy/1.png",
        "noisy/deep/1.png",
        "clean/1.png",
        "clean/deep/1.bmp",
        "clean/more.png",
        "other/1.png",
    ] {
        save(&at(name), &photo(1, 60, 60));
    }
    let two = |degraded: &str, clean: &str| [at(degraded), at(clean)];
    let find = |folders: &[[std::path::PathBuf; 2]]| Pairs::find(folders, &at("run"), 0, Default::default());
    let found = find(&[two("noisy", "clean"), two("noisy/deep", "other")]).unwrap();
    let paths: Vec<_> = (0..found.len()).map(|index| found.path(index).to_path_buf()).collect();
    assert_eq!(paths, ["noisy/1.png", "noisy/deep/1.png", "noisy/deep/1.png"].map(at));
    assert!((0..3).all(|index| found.get(index, 48, 1).is_ok()));
    let error = find(&[two("noisy", "clean"), two("noisy", "other")]).unwrap_err().to_string();
    assert!(error.contains("noisy/deep/1.png: no picture deep/1 in ") && error.ends_with("other"), "{error}");
    std::fs::create_dir(at("empty")).unwrap();
    let error = find(&[two("noisy", "clean"), two("empty", "clean")]).unwrap_err().to_string();
    assert!(error.contains("empty: no picture in it"), "{error}");
}

#[test]
fn pairs_too_small_to_measure_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    folders_of_pairs(folder.path(), 0..1);
    save(&folder.path().join("clean/tiny.png"), &photo(1, 4, 4));
    save(&folder.path().join("degraded/tiny.png"), &photo(1, 2, 2));
    let pairs = ["degraded", "clean"].map(|name| folder.path().join(name));
    let mut notes = Vec::new();
    let note = |text: &str| notes.push(text.to_owned());
    let validation = Validation::of_pairs(&pairs, &folder.path().join("run"), task("sr2"), note).unwrap();
    assert_eq!(validation.hashes().len(), 2);
    assert!(notes.len() == 1 && notes[0].contains("degraded/tiny.png: "), "{notes:?}");
    assert!(notes[0].ends_with(": not measured on"), "{notes:?}");
}

/// Degraded and clean pictures of `sr2`, in two folders.
fn folders_of_pairs(folder: &Path, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let clean = photo(seed, 131, 121);
        let even = clean.crop_to_multiple(2).unwrap();
        let mut random = ipt::rng::stream(seed, &[b"degrade"]);
        let degraded = ipt::degrade::degrade(&even, task("sr2"), &mut random, None).unwrap();
        save(&folder.join(format!("clean/{seed}.png")), &clean);
        save(&folder.join(format!("degraded/{seed}.png")), &degraded);
    }
}

#[test]
fn pairs_are_measured_on_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pretrained(at);
    folders_of_pairs(&at.join("learn"), 0..3);
    folders_of_pairs(&at.join("held"), 3..5);
    // A picture that is not measured on, and one that is and so is not learned from.
    save(&at.join("held/clean/odd.png"), &photo(1, 70, 70));
    save(&at.join("held/degraded/odd.png"), &photo(1, 70, 70));
    for kind in ["clean", "degraded"] {
        std::fs::copy(at.join(format!("held/{kind}/3.png")), at.join(format!("learn/{kind}/3.png"))).unwrap();
    }
    fn tune<'a>(more: &[&'a str]) -> Vec<&'a str> {
        let common = ["tune", "--pairs", "learn/degraded", "learn/clean", "--steps", "20", "--batch", "1"];
        [&common[..], more].concat()
    }
    let start = ["--task", "sr2", "--model", "model.safetensors", "--out", "run"];
    let pairs = ["--validate-pairs", "held/degraded", "held/clean"];
    let said = succeed(&tune(&[&start[..], &pairs].concat()), at);
    assert!(said.contains("odd.png: 70×70 pixels are not 2 times 70×70: not used"), "{said}");
    assert!(said.contains("learn/clean/3.png: is among the validation pictures: not used"), "{said}");
    let entries = log::read(&at.join("run/log.jsonl")).unwrap();
    let Some(Entry::Validation(measured)) = entries.last() else { panic!("not measured: {entries:?}") };
    // What is given is the pairs' own, enlarged.
    let input = |seed: u64| {
        let read =
            |kind| ipt::picture::decode(&std::fs::read(at.join(format!("held/{kind}/{seed}.png"))).unwrap());
        let (degraded, clean) = (read("degraded").unwrap().picture, read("clean").unwrap().picture);
        let given = ipt::restore::baseline(&degraded, task("sr2").scale());
        let protocol = ipt::score::Protocol::of(task("sr2"));
        let clean = clean.crop_to_multiple(2).unwrap();
        let score = ipt::score::compare(&given, &clean, &protocol, &[ipt::score::Metric::Psnr]).unwrap();
        score[ipt::score::Figure::PSNR_Y]
    };
    assert_eq!(measured.tasks.len(), 1);
    assert!((measured.tasks[0].input_psnr_y - (input(3) + input(4)) / 2.0).abs() < 1e-9);
    assert!(at.join("run/samples/sr2-4.png").exists());

    // They are remembered, and pictures degraded by the program are no measure for pairs.
    succeed(&["tune", "--out", "run", "--resume", "--steps", "21"], at);
    assert_eq!(log::read(&at.join("run/log.jsonl")).unwrap().last().unwrap().step(), 21);
    let refused = tune(&["--task", "sr2", "--out", "other", "--validate", "held/clean"]);
    assert!(fail(&refused, at, 2).contains("validate-pairs"));
    fail(
        &tune(&[&pairs[..], &["--validate", "held/clean", "--out", "other", "--task", "sr2"]].concat()),
        at,
        2,
    );
    let missing = ["--validate-pairs", "held/clean", "learn/clean", "--out", "other", "--task", "sr2"];
    assert!(fail(&tune(&missing), at, 2).contains("no picture"));
}

//! Runs that begin with a trained model, and what their results tell of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use ipt::model::{CoarseLevel, Config, Preset, closes_block};
use ipt::ops::Precision;
use ipt::task::Task;
use ipt::train::checkpoint::Checkpoint;
use ipt::train::origin::{self, Origin};
use ipt::train::{Options, Place, run};
use ipt::weights::{Model, Parameters};

use crate::program::{fail, succeed};
use crate::{Watcher, bytes, go, machine, options, photo, photos, save};

fn tasks(names: &[&str]) -> Vec<Task> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// A model with random weights and these facts, in a file.
fn model(folder: &Path, names: &[&str], facts: &[(&str, &str)]) -> (PathBuf, Model) {
    let config = Config::preset(Preset::Tiny, tasks(names));
    let parameters = Parameters::init(&config, 77, &Device::Cpu).unwrap();
    let provenance = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let model = Model { config, parameters, provenance };
    let path = folder.join("model.safetensors");
    model.save(&path, DType::F32).unwrap();
    (path, model)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// What a model makes of some picture.
fn restored(config: &Config, parameters: &Parameters, task: &str) -> Vec<f32> {
    let task = task.parse().unwrap();
    let side = config.input(task);
    let picture: Vec<_> = (0..side * side * 3).map(|i| (i * 7 % 251) as f32).collect();
    let picture = Tensor::from_vec(picture, (1, side, side, 3), &Device::Cpu).unwrap();
    let model = parameters.model(config, Precision::F32).unwrap();
    values(&model.forward(&picture, task).unwrap().pictures)
}

/// The result of no step.
fn first_weights(options: &Options, place: &Path) -> BTreeMap<String, Tensor> {
    go(options, place, false, None);
    Checkpoint::newest(&Place::new(place).checkpoints()).unwrap().0.weights
}

/// Why a run does not begin.
fn refusal(options: &Options, place: &Path) -> String {
    run(options, &Place::new(place), &machine(1), false, &mut Watcher::default()).unwrap_err().to_string()
}

#[test]
fn tasks_may_be_fewer_or_further() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2", "derain", "denoise30", "denoise50"], &[]);
    let whole = source.parameters.tensors();
    let wanted = ["denoise70", "sr2", "sr3", "denoise40"];
    let options = Options {
        model: origin::config(&source.config, &tasks(&wanted)),
        from: Some(Origin::new(Some(path))),
        ..options(photos.path(), 0)
    };
    let weights = first_weights(&options, &folder.path().join("run"));
    let fresh = Parameters::init(&options.model, options.seed, &Device::Cpu).unwrap().tensors();
    // denoise40 is as near to 30 as to 50; sr3 enlarges by another factor than any.
    let (nearest, tails) = ([3, 0, 0, 2], [Some(3), Some(0), None, Some(2)]);
    for (name, tensor) in &weights {
        let of_task = name.split('.').nth(1).and_then(|part| part.parse::<usize>().ok());
        let expected = match of_task {
            Some(to) if name.starts_with("head.") => {
                values(&whole[&name.replacen(&to.to_string(), &nearest[to].to_string(), 1)])
            }
            Some(to) => match tails[to] {
                Some(from) => values(&whole[&name.replacen(&to.to_string(), &from.to_string(), 1)]),
                None => values(&fresh[name]),
            },
            None if name == "body.query_embed.weight" => {
                nearest.iter().flat_map(|&from| values(&whole[name].get(from).unwrap())).collect()
            }
            None => values(&whole[name]),
        };
        assert!(values(tensor) == expected, "{name}");
    }
}

#[test]
fn a_run_from_itself_starts_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2", "derain"], &[]);
    let options = Options {
        model: source.config.clone(),
        from: Some(Origin::new(Some(path))),
        seed: 99,
        ..options(photos.path(), 0)
    };
    let weights = first_weights(&options, &folder.path().join("run"));
    let whole = source.parameters.tensors();
    assert_eq!(weights.len(), whole.len());
    assert!(weights.iter().all(|(name, tensor)| values(tensor) == values(&whole[name])));
}

#[test]
fn further_blocks_change_nothing_at_first_and_then_learn() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2", "derain"], &[]);
    let start = |deeper: &Config, place: &str| {
        let from = Some(Origin::new(Some(path.clone())));
        let options = Options { model: deeper.clone(), from, ..options(photos.path(), 0) };
        let weights = first_weights(&options, &folder.path().join(place));
        let grown = Parameters::from_tensors(deeper, weights.clone(), &Device::Cpu).unwrap();
        for task in ["sr2", "derain"] {
            let before = restored(&source.config, &source.parameters, task);
            assert!(before == restored(deeper, &grown, task), "{task}");
        }
        (options, weights)
    };
    // One head alone.
    let head_blocks = [("derain".parse().unwrap(), 5)].into();
    let (_, weights) = start(&Config { head_blocks, ..source.config.clone() }, "one");
    let depth =
        |head: &str| weights.keys().filter(|name| name.starts_with(head) && closes_block(name)).count() / 2;
    assert_eq!(["head.0.", "head.1."].map(depth), [source.config.blocks, 5]);

    let deeper = Config { blocks: source.config.blocks + 2, ..source.config.clone() };
    let (options, weights) = start(&deeper, "run");

    go(&Options { steps: Some(2), ..options.clone() }, &folder.path().join("two"), false, None);
    let learnt = Checkpoint::newest(&Place::new(&folder.path().join("two")).checkpoints()).unwrap().0.weights;
    for block in [deeper.blocks - 1, deeper.blocks] {
        for part in [0, 2] {
            let moved = (0..2).any(|head| {
                let name = format!("head.{head}.{block}.body.{part}.weight");
                values(&learnt[&name]) != values(&weights[&name])
            });
            assert!(moved, "block {block}, convolution {part}");
        }
    }
}

#[test]
fn a_coarse_level_changes_nothing_at_first_and_then_learns() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2", "denoise30"], &[]);
    let [sr2, denoise30] = ["sr2", "denoise30"].map(|name| name.parse::<Task>().unwrap());
    let level = |after, blocks| [(denoise30, CoarseLevel { after, blocks })].into();
    let grown = Config { coarse: level(1, 2), ..source.config.clone() };
    let from = |path: PathBuf, model: &Config| Options {
        model: model.clone(),
        from: Some(Origin::new(Some(path))),
        freeze_body: true,
        task_weights: vec![0.0, 1.0],
        ..options(photos.path(), 0)
    };
    let begun = from(path, &grown);
    let weights = first_weights(&begun, &folder.path().join("begun"));
    let start = Parameters::from_tensors(&grown, weights.clone(), &Device::Cpu).unwrap();
    for task in ["sr2", "denoise30"] {
        let before = restored(&source.config, &source.parameters, task);
        assert!(before == restored(&grown, &start, task), "{task}");
    }
    let place = folder.path().join("run");
    go(&Options { steps: Some(3), ..begun }, &place, false, None);
    let end = Model::open(&place.join("final.safetensors")).unwrap();
    let learnt = Checkpoint::newest(&Place::new(&place).checkpoints()).unwrap().0.weights;
    let coarse: Vec<_> = weights.keys().filter(|name| name.contains(".coarse.")).collect();
    assert_eq!(coarse.len(), 4 + 2 * 4);
    for name in coarse {
        assert!(values(&learnt[name]) != values(&weights[name]), "{name}");
    }
    let [before, after] = [&source, &end].map(|model| restored(&model.config, &model.parameters, "sr2"));
    assert!(before == after);

    // A run from it has it too, for a task that is like the one that has it; with further blocks, if asked.
    let like = origin::config(&end.config, &tasks(&["denoise70", "sr3"]));
    assert_eq!(like.coarse, [("denoise70".parse().unwrap(), CoarseLevel { after: 1, blocks: 2 })].into());
    let final_path = place.join("final.safetensors");
    let deeper = Config { coarse: level(1, 3), ..end.config.clone() };
    let weights = first_weights(&from(final_path.clone(), &deeper), &folder.path().join("deeper"));
    let deep = Parameters::from_tensors(&deeper, weights, &Device::Cpu).unwrap();
    let before = restored(&end.config, &end.parameters, "denoise30");
    assert!(before == restored(&deeper, &deep, "denoise30"));
    // It is neither moved nor made smaller.
    for other in [BTreeMap::new(), level(0, 2), level(1, 1)] {
        let other = Config { coarse: other, ..end.config.clone() };
        let error = refusal(&from(final_path.clone(), &other), &folder.path().join("other"));
        assert!(error.contains("2 coarse blocks for denoise30 after block 1"), "{error}");
    }
    assert!(end.config.coarse.keys().all(|&task| task != sr2));
}

/// What the transformer would give changes nothing of what is learned without it.
#[test]
fn heads_and_tails_learn_without_the_transformer() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2"], &[]);
    let mut other = source.parameters.tensors();
    for (_, tensor) in other.iter_mut().filter(|(name, _)| name.contains("coder.")) {
        *tensor = (&*tensor * 0.5).unwrap();
    }
    let parameters = Parameters::from_tensors(&source.config, other.clone(), &Device::Cpu).unwrap();
    let other_path = folder.path().join("other.safetensors");
    let config = source.config.clone();
    Model { config, parameters, provenance: Default::default() }.save(&other_path, DType::F32).unwrap();
    let learnt = |path: PathBuf, skip_transformer, out: &str| {
        let learning = Options {
            model: source.config.clone(),
            from: Some(Origin::new(Some(path))),
            freeze_body: true,
            skip_transformer,
            lambda: 0.0,
            ..options(photos.path(), 3)
        };
        let place = folder.path().join(out);
        go(&learning, &place, false, None);
        Checkpoint::newest(&Place::new(&place).checkpoints()).unwrap().0.weights
    };
    let [without, without_other, with] = [
        learnt(path.clone(), true, "without"),
        learnt(other_path, true, "without-other"),
        learnt(path, false, "with"),
    ];
    for (name, tensor) in &source.parameters.tensors() {
        let [begun, without, without_other, with] =
            [tensor, &without[name], &without_other[name], &with[name]].map(values);
        if name.starts_with("body.") {
            assert!(without == begun && without_other == values(&other[name]), "{name}");
        } else {
            assert!(without != begun && without == without_other && without != with, "{name}");
        }
    }
}

/// A task begins anew beside others, which stay what they are: a frozen body, and weights of 0.
#[test]
fn a_task_is_unshuffled_while_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2", "denoise30", "denoise50"], &[]);
    let unshuffle = tasks(&["denoise50"]);
    let model = Config { unshuffle, ..source.config.clone() };
    let from = Some(Origin::new(Some(path)));
    let begun = Options { model: model.clone(), from, freeze_body: true, ..options(photos.path(), 0) };
    let weights = first_weights(&begun, &folder.path().join("begun"));
    let fresh = Parameters::init(&model, begun.seed, &Device::Cpu).unwrap().tensors();
    let whole = source.parameters.tensors();
    for (name, tensor) in &weights {
        let anew = name.starts_with("head.2.0.weight") || name.starts_with("tail.2.");
        assert!(values(tensor) == values(if anew { &fresh[name] } else { &whole[name] }), "{name}");
    }

    let place = folder.path().join("run");
    let options = Options { steps: Some(3), task_weights: vec![0.0, 0.0, 1.0], ..begun };
    go(&options, &place, false, None);
    let end = ipt::weights::Model::open(&place.join("final.safetensors")).unwrap();
    assert_eq!(end.config, model);
    for task in ["sr2", "denoise30"] {
        let [before, after] = [&source, &end].map(|model| restored(&model.config, &model.parameters, task));
        assert!(before == after, "{task}");
    }
    let state = Checkpoint::newest(&Place::new(&place).checkpoints()).unwrap().0.weights;
    for (name, tensor) in &state {
        let trained = name.starts_with("head.2.") || name.starts_with("tail.2.");
        let learnt = values(tensor) != values(&weights[name]);
        assert!(learnt == trained || name == "body.query_embed.weight", "{name}");
    }
}

#[test]
fn tasks_come_to_share_a_head_and_part_again() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr4", "sr2", "derain"], &[]);
    let shared_heads = vec![tasks(&["sr2", "sr4"])];
    let together = Config { shared_heads, ..source.config.clone() };
    let begun = Options {
        model: together.clone(),
        from: Some(Origin::new(Some(path))),
        freeze_body: true,
        // All but nothing for sr4.
        task_weights: vec![1e-12, 1.0, 0.0],
        ..options(photos.path(), 0)
    };
    let weights = first_weights(&begun, &folder.path().join("begun"));
    let whole = source.parameters.tensors();
    assert!(weights.iter().all(|(name, tensor)| values(tensor) == values(&whole[name])));
    let missing: Vec<_> = whole.keys().filter(|&name| !weights.contains_key(name)).collect();
    assert!(!missing.is_empty() && missing.iter().all(|name| name.starts_with("head.1.")));

    // What sr2 learns, sr4 has learned.
    let place = folder.path().join("run");
    go(&Options { steps: Some(2), ..begun.clone() }, &place, false, None);
    let path = place.join("final.safetensors");
    let learnt = Model::open(&path).unwrap();
    let changed = |task| {
        let [before, after] = [&weights, &learnt.parameters.tensors()].map(|tensors| -> Vec<f32> {
            let parameters = Parameters::from_tensors(&together, tensors.clone(), &Device::Cpu).unwrap();
            let task: Task = task;
            let side = together.input(task);
            let picture = Tensor::full(99f32, (1, side, side, 3), &Device::Cpu).unwrap();
            let model = parameters.model(&together, Precision::F32).unwrap();
            values(&model.forward(&picture, task).unwrap().features)
        });
        before != after
    };
    assert_eq!(together.tasks.iter().map(|&task| changed(task)).collect::<Vec<_>>(), [true, true, false]);

    // Fewer tasks, and heads apart.
    assert!(origin::config(&together, &tasks(&["sr2", "derain"])).shared_heads.is_empty());
    let three = Config { shared_heads: vec![tasks(&["sr2", "sr4", "sr3"])], ..together.clone() };
    assert_eq!(origin::config(&three, &tasks(&["sr3", "sr4"])).shared_heads, [tasks(&["sr3", "sr4"])]);
    let apart = Options {
        model: Config { shared_heads: Vec::new(), ..origin::config(&together, &tasks(&["sr2", "sr4"])) },
        from: Some(Origin::new(Some(path))),
        task_weights: Vec::new(),
        ..begun
    };
    let weights = first_weights(&apart, &folder.path().join("apart"));
    for (name, tensor) in learnt.parameters.part("head", 0) {
        for head in 0..2 {
            assert!(values(&weights[&format!("head.{head}.{name}")]) == values(&tensor), "{head} {name}");
        }
    }
}

#[test]
fn another_shape_or_another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2"], &[]);
    let from = Origin::new(Some(path));
    let good = Options { from: Some(from.clone()), model: source.config, ..options(photos.path(), 0) };
    let refused = |options: &Options| refusal(options, &folder.path().join("run"));
    let wide = Options { model: Config { width: 64, ..good.model.clone() }, ..good.clone() };
    assert!(refused(&wide).contains("another shape"), "{}", refused(&wide));
    let shallow = Options { model: Config { blocks: 1, ..good.model.clone() }, ..good.clone() };
    assert!(
        refused(&shallow).contains("head of 2 blocks for sr2, and the run one of 1"),
        "{}",
        refused(&shallow)
    );
    let noted = Origin { blake3: Some("0".repeat(64)), ..from };
    let changed = Options { from: Some(noted), ..good };
    assert!(refused(&changed).contains("no longer what the run began with"), "{}", refused(&changed));
}

#[test]
fn the_result_tells_its_lineage_and_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos();
    let (path, source) = model(folder.path(), &["sr2"], &[("hours before", "1.5"), ("seconds", "1800")]);
    let digest = blake3::hash(&bytes(path.clone())).to_hex().to_string();
    let from = Some(Origin::new(Some(path.clone())));
    let options = Options { model: source.config, from, ..options(photos.path(), 1) };
    let facts = |options: &Options, name: &str| {
        let place = folder.path().join(name);
        go(options, &place, false, None);
        Model::open(&place.join("final.safetensors")).unwrap().provenance
    };
    let one = facts(&options, "one");
    assert_eq!(one["from"], "model.safetensors");
    assert_eq!(one["from blake3"], digest);
    assert_eq!(one["hours before"], "2.00");
    assert!(!one.contains_key("seconds"), "equal runs have equal files: {one:?}");
    // Of a run that goes on after its model is gone, the same.
    let place = folder.path().join("two");
    let two = Options { steps: Some(2), ..options.clone() };
    go(&two, &place, false, Some(1));
    std::fs::rename(&path, folder.path().join("away")).unwrap();
    go(&two, &place, true, None);
    let resumed = Model::open(&place.join("final.safetensors")).unwrap().provenance;
    assert_eq!([&resumed["from blake3"], &resumed["hours before"]], [&digest, "2.00"]);

    // The data are the same under other names, and others if one picture is added.
    let fresh = Options { from: None, max_seconds: Some(1000.0), ..options };
    std::fs::rename(photos.path().join("0.png"), photos.path().join("z.png")).unwrap();
    let renamed = facts(&fresh, "renamed");
    assert_eq!(renamed["data"], one["data"]);
    assert!(renamed["data"].starts_with("blake3 ") && !renamed.contains_key("from"));
    assert!(renamed["seconds"].parse::<u64>().unwrap() < 100, "{renamed:?}");
    save(&photos.path().join("new.png"), &photo(8, 200, 200));
    assert_ne!(facts(&fresh, "more")["data"], one["data"]);
}

#[test]
fn the_program_goes_on_from_a_model() {
    let folder = photos();
    let at = folder.path();
    model(at, &["sr2", "denoise30"], &[]);
    let common = ["--steps", "2", "--batch", "1", "--precision", "f32", "-q"];
    let train =
        |arguments: &[&str]| succeed(&[&["train", "0.png", "1.png"], arguments, &common].concat(), at);
    train(&["--from", "model.safetensors", "--out", "all"]);
    let options = Options::open(&at.join("all/config.toml")).unwrap();
    assert_eq!(options.model.tasks, tasks(&["sr2", "denoise30"]));
    assert_eq!(options.model.width, 32);
    assert!(options.from.is_some_and(|from| from.blake3.is_some()));

    train(&["--from", "model.safetensors", "--tasks", "denoise70,sr2", "--out", "other"]);
    let other = Model::open(&at.join("other/final.safetensors")).unwrap();
    assert_eq!(other.config.tasks, tasks(&["denoise70", "sr2"]));

    // The file says all there is to say; as does the run itself, without the model.
    succeed(&["train", "--config", "other/config.toml", "--out", "again", "-q"], at);
    assert!(bytes(at.join("other/final.safetensors")) == bytes(at.join("again/final.safetensors")));
    let said = fail(&["train", "--out", "all", "--resume", "--from", "embedded"], at, 2);
    assert!(said.contains("did not begin with the embedded model"), "{said}");
    let tuned =
        ["--config", "all/config.toml", "--tasks", "sr2", "--from", "model.safetensors", "--out", "tuned"];
    train(&tuned);
    std::fs::remove_file(at.join("model.safetensors")).unwrap();
    succeed(&[&["train", "--resume", "--steps", "3", "-q"], &tuned[..]].concat(), at);
    succeed(&["train", "--out", "all", "--resume", "--from", "model.safetensors", "--steps", "3", "-q"], at);

    train(&["--from", "embedded", "--out", "embedded", "--tasks", "denoise30"]);
    let embedded = Model::open(&at.join("embedded/final.safetensors")).unwrap();
    assert_eq!(embedded.config.width, Model::embedded().unwrap().config.width);
    assert_eq!(embedded.provenance["from"], "the embedded model");

    let said = fail(&["train", ".", "--out", "no", "--from", "embedded", "--preset", "tiny"], at, 2);
    assert!(said.contains("--preset") && said.contains("--from"), "{said}");
    let said = fail(&["train", "--config", "other/config.toml", "--out", "no", "--preset", "tiny"], at, 2);
    assert!(said.contains("--preset"), "{said}");
    fail(&["train", ".", "--out", "no", "--from", "nowhere.safetensors"], at, 2);
    assert!(!at.join("no/checkpoints").exists());
}

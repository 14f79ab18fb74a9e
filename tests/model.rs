//! The model against the specification.

use candle_core::{Device, Tensor};
use ipt::model::{CoarseLevel, Config, INPUT, Ipt, Preset, TailForm, TaskEmbedding};
use ipt::ops::{Precision, Tape};
use ipt::weights::Parameters;
use ipt::{Scale, Task};

fn count(config: &Config) -> usize {
    Parameters::init(config, 0, &Device::Cpu).unwrap().count()
}

#[test]
fn base_has_the_published_number_of_parameters() {
    let single = |task| count(&Config::preset(Preset::Base, vec![task]));
    assert_eq!(single(Task::SuperResolution(Scale::X2)), 115_460_419);
    assert_eq!(single(Task::SuperResolution(Scale::X3)), 115_645_059);
    assert_eq!(single(Task::SuperResolution(Scale::X4)), 115_608_131);
    assert_eq!(single(Task::Derain), 115_312_707);
    let six = Config::preset(Preset::Base, Task::PRETRAINING.to_vec());
    assert_eq!(count(&six), 118_892_370);
}

fn tasks(names: &[&str]) -> Vec<Task> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn tiny_is_tiny() {
    assert!(count(&Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec())) < 300_000);
}

#[test]
fn every_task_gives_its_size_in_every_form() {
    let tiny = Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec());
    let published = Config {
        width: tiny.channels * 9,
        task_embedding: TaskEmbedding::PerPosition,
        memory_norm: false,
        blocks: 2,
        shared_heads: Vec::new(),
        shared_blocks: 0,
        kernel: 5,
        unshuffle: Vec::new(),
        tail: TailForm::Staged,
        decoder_norm: false,
        bicubic_residual: false,
        white: 255.0,
        ..tiny.clone()
    };
    let staged = Config { unshuffle: vec![Task::Derain], ..published.clone() };
    let together = Config {
        shared_heads: vec![tasks(&["sr4", "sr2"]), tasks(&["denoise50", "denoise30"])],
        ..tiny.clone()
    };
    let level = |after, blocks| CoarseLevel { after, blocks };
    let coarse = tasks(&["sr3", "derain"]).into_iter().zip([level(0, 2), level(2, 1)]).collect();
    let coarse = Config { coarse, ..tiny.clone() };
    for config in [tiny, published, staged, together, coarse] {
        let model =
            Parameters::init(&config, 0, &Device::Cpu).unwrap().model(&config, Precision::F32).unwrap();
        let input = |side| Tensor::rand(0f32, 255f32, (2, side, side, 3), &Device::Cpu).unwrap();
        for task in Task::PRETRAINING {
            let side = if config.unshuffle.contains(&task) { 2 * INPUT } else { INPUT };
            let output = model.forward(&input(side), task).unwrap();
            let whole = side * task.scale();
            assert_eq!(output.pictures.dims(), [2, whole, whole, 3]);
            assert_eq!(output.features.dims(), [2, config.tokens(), config.token_values()]);
            let larger = model.forward(&input(side + config.unit(task)), task).unwrap();
            let whole = (side + config.unit(task)) * task.scale();
            assert_eq!(larger.pictures.dims(), [2, whole, whole, 3]);
            for wrong in [side - config.unit(task), side + 1] {
                assert!(model.forward(&input(wrong), task).is_err());
            }
            assert!(model.record(&input(side + config.unit(task)), task, &Tape::default()).is_err());
        }
        assert!(model.forward(&input(INPUT), "denoise70".parse().unwrap()).is_err());
    }
}

#[test]
fn without_the_transformer_the_tail_has_what_the_head_gives() {
    let config = Config {
        shared_blocks: 1,
        bicubic_residual: false,
        ..Config::preset(Preset::Tiny, tasks(&["sr2", "denoise30"]))
    };
    let parameters = Parameters::init(&config, 0, &Device::Cpu).unwrap();
    let model = || parameters.model(&config, Precision::F32).unwrap();
    let x = Tensor::rand(0f32, 255f32, (1, INPUT, INPUT, 3), &Device::Cpu).unwrap();
    let restored = |model: Ipt| -> Vec<f32> {
        let output = model.forward(&x, config.tasks[1]).unwrap().pictures;
        output.flatten_all().unwrap().to_vec1().unwrap()
    };
    let (whole, without) = (restored(model()), restored(model().without_transformer()));
    for name in ["body.mlp_head.3.weight", "body.mlp_head.3.bias"] {
        let last = parameters.get(name).unwrap();
        last.set(&last.as_tensor().zeros_like().unwrap()).unwrap();
    }
    assert!(without != whole && without == restored(model()));
}

#[test]
fn the_transformer_takes_windows_and_the_head_the_whole() {
    let config = Config::preset(Preset::Tiny, tasks(&["denoise30"]));
    let model = Parameters::init(&config, 0, &Device::Cpu).unwrap().model(&config, Precision::F32).unwrap();
    let (rows, columns) = (INPUT / config.patch, 2 * INPUT / config.patch);
    let features = |changed: usize| {
        let mut values = vec![100f32; INPUT * 2 * INPUT * 3];
        values[(INPUT / 2 * 2 * INPUT + changed) * 3] = 200.0;
        let x = Tensor::from_vec(values, (1, INPUT, 2 * INPUT, 3), &Device::Cpu).unwrap();
        let features = model.forward(&x, config.tasks[0]).unwrap().features;
        features.reshape((rows, columns, config.token_values())).unwrap()
    };
    let changed = |from: usize, to: usize, columns: std::ops::Range<usize>| {
        let part = |x: Tensor| x.narrow(1, columns.start, columns.len()).unwrap();
        let difference = (part(features(from)) - part(features(to))).unwrap().abs().unwrap();
        let tokens = difference.max(2).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        tokens.into_iter().filter(|&difference| difference > 0.0).count()
    };
    let half = columns / 2;
    // What is far in one window changes all of its tokens and none of the other's.
    assert_eq!(changed(2 * INPUT - 10, 2 * INPUT - 9, half..columns), rows * half);
    assert_eq!(changed(2 * INPUT - 10, 2 * INPUT - 9, 0..half), 0);
    // What is beside a border changes both: the head sees across it.
    assert_eq!(changed(INPUT, INPUT + 1, half..columns), rows * half);
    assert_eq!(changed(INPUT, INPUT + 1, 0..half), rows * half);
}

#[test]
fn an_untrained_model_with_bicubic_residual_is_bicubic() {
    let config = Config::preset(Preset::Tiny, vec![Task::Derain, Task::SuperResolution(Scale::X2)]);
    let model = Parameters::init(&config, 0, &Device::Cpu).unwrap().model(&config, Precision::F32).unwrap();
    let side = config.input(Task::Derain);
    let x = Tensor::rand(0f32, 255f32, (1, side, side, 3), &Device::Cpu).unwrap();
    let same = model.forward(&x, Task::Derain).unwrap().pictures;
    assert_eq!(
        same.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        x.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    );
    // A picture of one colour stays one colour.
    let grey = Tensor::full(77f32, (1, INPUT, INPUT, 3), &Device::Cpu).unwrap();
    let large = model.forward(&grey, Task::SuperResolution(Scale::X2)).unwrap().pictures;
    for value in large.flatten_all().unwrap().to_vec1::<f32>().unwrap() {
        assert!((value - 77.0).abs() < 1e-3, "{value}");
    }
}

#[test]
fn enlargement_has_one_head_by_default_and_noise_another() {
    let shared = |preset, names: &[&str]| Config::preset(preset, tasks(names)).shared_heads;
    assert_eq!(shared(Preset::Default, &["sr2", "derain", "sr4", "denoise30"]), [tasks(&["sr2", "sr4"])]);
    let noise = tasks(&["denoise30", "denoise50"]);
    assert_eq!(shared(Preset::Default, &["sr2", "derain", "denoise30", "denoise50"]), [noise]);
    for (preset, names) in [
        (Preset::Default, &["sr2", "derain", "denoise30"][..]),
        (Preset::Base, &["sr2", "sr3", "sr4", "derain"]),
    ] {
        assert!(shared(preset, names).is_empty());
    }
}

#[test]
fn noise_and_rain_have_a_coarse_level_by_default() {
    let coarse = Config::preset(Preset::Default, Task::PRETRAINING.to_vec()).coarse;
    assert!(coarse.keys().eq(&tasks(&["denoise30", "denoise50", "derain"])));
    assert!(coarse.values().all(|&level| level == CoarseLevel { after: 4, blocks: 6 }));
    assert!(Config::preset(Preset::Base, Task::PRETRAINING.to_vec()).coarse.is_empty());
}

#[test]
fn tasks_that_share_a_head_have_one() {
    let config = Config {
        shared_heads: vec![tasks(&["sr4", "sr2"]), tasks(&["denoise30", "denoise50"])],
        ..Config::preset(Preset::Tiny, tasks(&["derain", "sr2", "sr3", "sr4", "denoise50", "denoise30"]))
    };
    let parameters = Parameters::init(&config, 0, &Device::Cpu).unwrap();
    let numbers = |part| {
        (0..config.tasks.len()).filter(|&i| parameters.part(part, i).next().is_some()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("head"), [0, 1, 2, 4]);
    assert_eq!(numbers("tail"), [0, 1, 2, 3, 4, 5]);
    let heads: Vec<_> = config.tasks.iter().map(|&task| config.head_index(task).unwrap()).collect();
    assert_eq!(heads, [0, 1, 2, 1, 4, 4]);
    assert!(config.head_index("denoise70".parse().unwrap()).is_err());

    // It is in use: without it all is bicubic.
    let restored = |parameters: &Parameters, task: &str| -> Vec<f32> {
        let x = Tensor::arange(0f32, (INPUT * INPUT * 3) as f32, &Device::Cpu).unwrap();
        let x = (x.reshape((1, INPUT, INPUT, 3)).unwrap() / 28.0).unwrap();
        let model = parameters.model(&config, Precision::F32).unwrap();
        model.forward(&x, task.parse().unwrap()).unwrap().features.flatten_all().unwrap().to_vec1().unwrap()
    };
    let before = ["sr2", "sr3", "sr4"].map(|task| restored(&parameters, task));
    let first = parameters.get("head.1.0.weight").unwrap();
    first.set(&(first.as_tensor() * 2.0).unwrap()).unwrap();
    let after = ["sr2", "sr3", "sr4"].map(|task| restored(&parameters, task));
    assert!(before[0] != after[0] && before[1] == after[1] && before[2] != after[2]);
}

#[test]
fn a_coarse_level_sees_squares_in_the_middle_of_a_head() {
    let [sr2, derain] = ["sr2", "derain"].map(|name| name.parse::<Task>().unwrap());
    let plain = Config::preset(Preset::Tiny, vec![sr2, derain]);
    let level = CoarseLevel { after: 1, blocks: 2 };
    let config = Config { coarse: [(sr2, level)].into(), ..plain.clone() };
    let parameters = Parameters::init(&config, 0, &Device::Cpu).unwrap();
    let features = |parameters: &Parameters, config: &Config, at: usize| -> Vec<f32> {
        let mut picture = vec![100f32; INPUT * INPUT * 3];
        picture[at * 3] = 200.0;
        let x = Tensor::from_vec(picture, (1, INPUT, INPUT, 3), &Device::Cpu).unwrap();
        let model = parameters.model(config, Precision::F32).unwrap();
        model.forward(&x, sr2).unwrap().features.flatten_all().unwrap().to_vec1().unwrap()
    };
    // Without what it adds, the head is that without it.
    let mut tensors = parameters.tensors();
    tensors.retain(|name, _| !name.contains(".coarse."));
    assert_eq!(parameters.count() - tensors.values().map(Tensor::elem_count).sum::<usize>(), {
        let (c, conv) = (config.channels, config.channels * (9 * config.channels + 1));
        4 * c * c + c + 4 * conv + c * 4 * c + 4 * c
    });
    let without = Parameters::from_tensors(&plain, tensors, &Device::Cpu).unwrap();
    assert!(features(&parameters, &config, 1000) == features(&without, &plain, 1000));
    // With it, what it adds depends on the picture, and on its place in the head.
    let up = parameters.get("head.0.coarse.up.weight").unwrap();
    let values = (0..up.elem_count()).map(|i| (i * 13 % 17) as f32 / 17.0 - 0.5).collect();
    up.set(&Tensor::from_vec(values, up.shape(), &Device::Cpu).unwrap()).unwrap();
    let changed = features(&parameters, &config, 1000);
    assert!(changed != features(&without, &plain, 1000));
    let moved = Config { coarse: [(sr2, CoarseLevel { after: 2, ..level })].into(), ..plain.clone() };
    assert!(changed != features(&parameters, &moved, 1000));
    // Patches of an odd side are no whole squares: tiles have an even number of them.
    assert_eq!([sr2, derain].map(|task| config.unit(task)), [2 * config.patch, 2 * config.patch]);
    assert_eq!(plain.unit(sr2), plain.patch);
    assert_eq!(Config { patch: 4, ..config }.unit(sr2), 4);
}

#[test]
fn contradictory_configurations_are_refused() {
    let good = Config::preset(Preset::Tiny, vec![Task::Derain]);
    let shared = |groups: &[&[&str]]| {
        let shared_heads = groups.iter().map(|names| tasks(names)).collect();
        Config { shared_heads, ..Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec()) }
    };
    for bad in [
        Config { tasks: vec![], ..good.clone() },
        Config { tasks: vec![Task::Derain, Task::Derain], ..good.clone() },
        Config { patch: 5, ..good.clone() },
        Config { heads: 3, ..good.clone() },
        Config { channels: 0, ..good.clone() },
        Config { white: 0.0, ..good.clone() },
        Config { head_blocks: [(Task::Derain, 65_536)].into(), ..good.clone() },
        Config { head_blocks: [("sr2".parse().unwrap(), 3)].into(), ..good.clone() },
        Config {
            shared_heads: vec![tasks(&["sr2", "sr4"])],
            head_blocks: [("sr2".parse().unwrap(), 3)].into(),
            ..Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec())
        },
        Config { coarse: [(Task::Derain, CoarseLevel { after: 1, blocks: 0 })].into(), ..good.clone() },
        Config { coarse: [(Task::Derain, CoarseLevel { after: 3, blocks: 1 })].into(), ..good.clone() },
        Config {
            coarse: [("sr2".parse().unwrap(), CoarseLevel { after: 1, blocks: 1 })].into(),
            ..good.clone()
        },
        Config {
            shared_heads: vec![tasks(&["sr2", "sr4"])],
            coarse: [("sr2".parse().unwrap(), CoarseLevel { after: 1, blocks: 1 })].into(),
            ..Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec())
        },
        Config { unshuffle: vec!["denoise30".parse().unwrap()], ..good.clone() },
        Config { tasks: Task::PRETRAINING.to_vec(), unshuffle: vec!["sr2".parse().unwrap()], ..good.clone() },
        shared(&[&["derain"]]),
        shared(&[&[]]),
        shared(&[&["sr2", "denoise70"]]),
        shared(&[&["sr2", "sr2"]]),
        shared(&[&["sr2", "sr3"], &["sr3", "sr4"]]),
        // Rain is seen in squares.
        shared(&[&["derain", "denoise50"]]),
    ] {
        assert!(Parameters::init(&bad, 0, &Device::Cpu).is_err(), "{bad:?}");
    }
}

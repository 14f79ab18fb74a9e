//! `ipt restore`.

use candle_core::{DType, Device};
use ipt::model::{Config, Preset};
use ipt::task::Task;
use ipt::weights::{Model, Parameters};

use crate::harness::{TestEnv, grey, look, picture};

/// A folder with a model that has learned nothing, for these tasks.
fn with_model(tasks: &[&str]) -> TestEnv {
    let env = TestEnv::with(&["in/a.png", "in/deep/b.jpg"]);
    let tasks = tasks.iter().map(|task| task.parse::<Task>().unwrap()).collect();
    let config = Config::preset(Preset::Tiny, tasks);
    let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
    let model = Model { config, parameters, provenance: Default::default() };
    model.save(&env.path("model.safetensors"), DType::F16).unwrap();
    env
}

#[test]
fn a_model_restores_trees_files_and_pipes() {
    let env = with_model(&["sr2", "denoise30"]);
    env.assert_output("restore --model model.safetensors --task sr2 in out", b"");
    assert_eq!(env.files("out"), ["a.png", "deep/b.jpg"]);
    let (width, height, _) = look(&env.read("out/deep/b.jpg"));
    assert_eq!((width, height), (48, 36));
    let one = env.assert_output("restore --model model.safetensors --task sr2 -j 1", &env.read("in/a.png"));
    assert!(one == env.read("out/a.png"), "the same for any number of threads, through a pipe");
    let ensemble = "restore --model model.safetensors --task denoise30 --self-ensemble --precision f32";
    let (width, height, _) = look(&env.assert_output(&format!("{ensemble} in/a.png"), b""));
    assert_eq!((width, height), (24, 18));
    // One pixel is a picture, too.
    let (width, height, _) =
        look(&env.assert_output("restore --model model.safetensors --task sr2", &grey(1, 1)));
    assert_eq!((width, height), (2, 2));
}

#[test]
fn a_task_that_the_model_lacks() {
    let env = with_model(&["sr2", "denoise30"]);
    env.assert_error("restore --model model.safetensors --task sr4 in out", &["sr4", "sr2", "denoise30"]);
    env.assert_error(
        "restore --model model.safetensors --task denoise25 in out",
        &["denoise25", "denoise30"],
    );
    assert_eq!(env.files(""), ["in/a.png", "in/deep/b.jpg", "model.safetensors"]);
}

#[test]
fn a_damaged_picture_costs_itself_only() {
    let env = with_model(&["derain"]);
    env.write("in/0.png", b"");
    env.assert_failure("restore --model model.safetensors --task derain in out", &["in/0.png: "]);
    assert_eq!(env.files("out"), ["a.png", "deep/b.jpg"]);
}

#[test]
fn a_device_that_is_not_there() {
    let env = with_model(&["sr2"]);
    env.assert_error("restore --model model.safetensors --task sr2 --device cuda:99 in out", &["cuda"]);
    env.assert_error("restore --model model.safetensors --task sr2 --device gpu in out", &["gpu", "auto"]);
}

#[test]
fn the_baseline_needs_no_model() {
    let env = TestEnv::with(&["a.png"]);
    for (task, scale) in [("sr2", 2), ("sr3", 3), ("sr4", 4), ("denoise50", 1), ("derain", 1)] {
        let output = env.assert_output(&format!("restore --baseline --task {task}"), &picture("a.png"));
        let (width, height, _) = look(&output);
        assert_eq!((width, height), (24 * scale, 18 * scale), "{task}");
    }
    assert_eq!(
        ipt::picture::decode(&env.assert_output("restore --baseline --task denoise30 a.png", b""))
            .unwrap()
            .picture,
        ipt::picture::decode(&env.read("a.png")).unwrap().picture
    );
    env.assert_error("restore --baseline --self-ensemble --task sr2 a.png", &["--self-ensemble"]);
}

#[test]
fn a_model_that_is_none_is_refused() {
    let env = TestEnv::with(&["a.png"]);
    env.assert_error(
        "restore --task sr2 --model missing.safetensors a.png b.png",
        &["missing.safetensors: "],
    );
    env.write("no.safetensors", b"no model");
    env.assert_error("restore --task sr2 --model no.safetensors a.png b.png", &["no.safetensors: "]);
    assert_eq!(env.files(""), ["a.png", "no.safetensors"]);
}

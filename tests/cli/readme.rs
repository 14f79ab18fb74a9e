//! What the README tells a newcomer to type does what it says.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use candle_core::Device;
use ipt::model::Config;
use ipt::weights::{Model, Parameters};

use crate::harness::{TestEnv, photo, tiny};

/// The lines of the code blocks marked `sh`, of the section with this heading, comments left out.
fn commands(heading: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("no section '{heading}' in the README"));
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_pipelines_run_as_written() {
    let commands = commands("Pipelines");
    assert!(commands.len() >= 6, "{commands:?}");
    let env = TestEnv::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pictures");
    for (from, to) in [
        ("lighthouse.png", "a.png"),
        ("lighthouse.png", "photos/lighthouse.png"),
        ("seaside/fence.jpg", "photos/seaside/fence.jpg"),
    ] {
        env.write(to, &std::fs::read(examples.join(from)).unwrap());
    }
    for command in commands {
        let run = env.bash(&command);
        assert_eq!(run.code, Some(0), "{run}");
    }
}

/// What make says when it has made everything of one of the examples, in the folder's `out`.
fn make(env: &TestEnv, arguments: &[&str]) -> String {
    let output = Command::new("make")
        .args(arguments)
        .arg(format!("IPT={} --quiet", env!("CARGO_BIN_EXE_ipt")))
        .arg(format!("OUT={}", env.path("out").display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_experiment_makes_what_is_missing_and_no_more() {
    let env = TestEnv::new();
    let make = || make(&env, &["-f", "examples/Makefile", "TASKS=sr2 denoise30"]);
    let first = make();
    assert!(first.contains("restore --task sr2") && first.contains("denoise30 mean"), "{first}");
    assert_eq!(env.files("out/sr2/restored").len(), 4);
    let second = make();
    assert!(!second.contains("restore --task"), "nothing was new: {second}");
    assert_eq!(first.lines().last(), second.lines().last());
}

/// Pictures that are replaced or gone, and other settings, are not passed over.
#[test]
fn the_experiment_makes_anew_what_changed() {
    let env = TestEnv::with(&["HR/a b.png", "HR/deep/c.png", "other.png"]);
    let hr = format!("HR={}", env.path("HR").display());
    let make = |more: &str| make(&env, &["-f", "examples/Makefile", "TASKS=sr2", &hr, more]);
    let (degrades, restores) = ("degrade --task sr2", "restore --task sr2");
    assert!(make("SEED=0").contains(degrades));
    assert!(!make("SEED=0").contains(degrades));
    assert!(make("SEED=1").contains("degrade --task sr2 --seed 1"));
    tiny(&["sr2"]).save(&env.path("tiny.safetensors"), candle_core::DType::F16).unwrap();
    let model = format!("MODEL={}", env.path("tiny.safetensors").display());
    let other = make(&model);
    assert!(!other.contains("--seed 1") && other.contains(restores), "{other}");
    make("SEED=0");
    env.write("HR/a b.png", &env.read("other.png"));
    assert!(make("SEED=0").contains(restores));
    std::fs::remove_file(env.path("HR/deep/c.png")).unwrap();
    assert!(make("SEED=0").contains(restores));
    assert_eq!(env.files("out/sr2/restored"), ["a b.png"]);
}

#[test]
fn the_ablations_end_in_tables_and_are_not_made_twice() {
    if Command::new("python3").arg("--version").output().is_err() {
        // Not eprintln!, which the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no python3");
        return;
    }
    let env = TestEnv::new();
    let make = || {
        make(
            &env,
            &[
                "-f",
                "examples/ablation.mk",
                "PHOTOS=examples/pictures",
                "VALIDATION=fixtures/pictures",
                "PRESET=tiny",
                "TASKS=sr2 denoise30",
                "STEPS=2",
                "SEEDS=1 2",
                "RATE=0.01",
                "OPTIONS=--batch 2",
                "ARMS=lambda-0.1 layers-2 task_embedding-per-position",
                "TUNE_TASKS=denoise70",
                "FEW=3",
            ],
        )
    };
    let tables = |said: &str| said.lines().filter(|line| line.starts_with("| ")).map(str::to_owned).collect();
    let first = make();
    let rows: Vec<String> = tables(&first);
    let names: Vec<&str> = rows.iter().map(|row| row.split(' ').nth(1).unwrap()).collect();
    let arms = ["run", "lambda-0.1", "layers-2", "task_embedding-per-position"];
    assert_eq!(names, [&arms[..], &["run", "scratch-denoise70", "tuned-denoise70"]].concat());
    assert_eq!(rows[0], "| run | seeds | sr2 | denoise30 |");
    assert!(rows[1].starts_with("| lambda-0.1 | 2 | ") && rows[1].matches(" ± ").count() == 2, "{rows:?}");
    assert!(rows[2].matches(" ± ").count() == 4, "{rows:?}");
    for (run, line) in [
        ("layers-2/1", "layers = 2"),
        ("task_embedding-per-position/2", "task_embedding = \"per-position\""),
        ("tuned-denoise70/2", "blake3 = "),
    ] {
        let config = String::from_utf8(env.read(&format!("out/{run}/config.toml"))).unwrap();
        assert!(config.lines().any(|have| have.starts_with(line)), "{run}: {config}");
    }
    assert_eq!(env.read("out/few").split(|&byte| byte == b'\n').count(), 4);
    let second = make();
    assert!(!second.contains(" train "), "nothing was new: {second}");
    assert_eq!(tables(&second), rows);
}

#[test]
fn a_distilled_model_has_learned_and_kept_its_other_tasks() {
    let env = TestEnv::with(&["photos/a.png", "photos/b/a.png", "photos/c.png"]);
    let large = photo(200, 210);
    for name in ["a.png", "b/a.png", "b/d e.png"] {
        env.write(&format!("photos/{name}"), &large);
    }
    env.write("photos/notes", b"no picture");
    env.write("photos/c.png", b"no picture any more");
    // Tails that start at zero would make of a picture what they would learn from it.
    let plain = tiny(&["sr2", "derain", "denoise30", "sr4"]).config;
    let shared_heads = vec![vec![plain.tasks[0], plain.tasks[3]]];
    let config = Config { bicubic_residual: false, shared_heads, ..plain };
    let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
    let tiny = Model { config, parameters, provenance: Default::default() };
    tiny.save(&env.path("tiny.safetensors"), candle_core::DType::F32).unwrap();
    let make = |tasks: &str| {
        let model = format!("MODEL={}", env.path("tiny.safetensors").display());
        // The results' folder lies there too, and is no photographs'.
        let photos = format!("PHOTOS={}", env.path("").display());
        let options = ["LENGTH=--steps 6", "OPTIONS=--batch 1", "EVERY_denoise30=2", "TRUTH=1"];
        make(&env, &[&["-f", "examples/distil.mk", tasks, &model, &photos][..], &options].concat())
    };
    make("TASKS=sr2+sr4");
    assert!(make("TASKS=sr2+sr4 denoise30").contains("merge"), "a further task");
    let count = |folder: &str| env.contents(&format!("out/{folder}")).len();
    // Of six files the second, the fourth, which is broken, and the sixth, which is the model.
    assert_eq!(["sr2/degraded", "sr2/target", "sr4/target", "denoise30/target"].map(count), [3, 3, 3, 1]);
    let made = Model::open(&env.path("out/model.safetensors")).unwrap();
    assert_eq!(made.config, tiny.config);
    for (part, task, learned) in [
        ("head", 0, true),
        ("tail", 0, true),
        ("head", 1, false),
        ("tail", 1, false),
        ("head", 2, true),
        ("tail", 2, true),
        ("tail", 3, true),
    ] {
        let values = |model: &Model| -> Vec<f32> {
            let all = model.parameters.part(part, task);
            all.flat_map(|(_, tensor)| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
        };
        assert_eq!(values(&made) != values(&tiny), learned, "{part} {task}");
    }
    assert!(!make("TASKS=sr2+sr4 denoise30").contains(" train "), "nothing was new");
}

#[test]
fn the_embedded_model_repairs_what_was_damaged() {
    let env = TestEnv::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pictures");
    for name in ["lighthouse.png", "motocross.png", "parrot.png"] {
        env.write(&format!("photos/{name}"), &std::fs::read(fixtures.join(name)).unwrap());
    }
    // What the model gains over its input (over bicubic for sr), in dB of Y: some way below what
    // it does on these pictures, so that only a broken model or tiling fails.
    for (task, least) in
        [("sr2", 3.0), ("sr3", 2.0), ("sr4", 1.1), ("denoise30", 6.3), ("denoise50", 7.6), ("derain", 5.0)]
    {
        env.assert_output(&format!("degrade --task {task} photos {task}/in"), b"");
        env.assert_output(&format!("restore --task {task} {task}/in {task}/ours"), b"");
        env.assert_output(&format!("restore --task {task} --baseline {task}/in {task}/baseline"), b"");
        let psnr = |of: &str| {
            let json = env.assert_output(&format!("score --task {task} --json {task}/{of} photos"), b"");
            let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(report["images"].as_array().unwrap().len(), 3);
            report["mean"]["psnr_y"].as_f64().unwrap()
        };
        let gain = psnr("ours") - psnr("baseline");
        assert!(gain > least, "{task}: {gain:.2} dB over the baseline");
        // Where the processor multiplies bf16, that is what was used above.
        env.assert_output(&format!("restore --task {task} --precision f32 {task}/in {task}/single"), b"");
        let loss = psnr("single") - psnr("ours");
        assert!(loss.abs() < 0.02, "{task}: {loss:.3} dB between f32 and bf16");
    }
}

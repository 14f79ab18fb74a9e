//! What helps to choose: the list of a model's tasks, chains of them, hints.

use std::path::Path;

use candle_core::DType;
use ipt::picture::{self, Format, Layout, Picture, Samples};
use ipt::task::Task;
use ipt::weights::Model;

use crate::harness::{TestEnv, look, tiny};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pictures").join(name)).unwrap()
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn a_model_is_listed() {
    let env = TestEnv::new();
    let facts =
        [("hours", "1.5"), ("measured.sr2.Set5.psnr_y", "36.5"), ("measured.sr2.Set5.ssim_y", "0.95")];
    let provenance = facts.map(|(name, value)| (name.into(), value.into())).into();
    let model = Model { provenance, ..tiny(&["sr2", "denoise70"]) };
    model.save(&env.path("m.safetensors"), DType::F16).unwrap();
    let text = String::from_utf8(env.assert_output("restore --list --model m.safetensors", b"")).unwrap();
    for words in [
        "model       m.safetensors\n",
        "\n  sr2        Set5: PSNR-Y 36.50 dB, SSIM-Y 0.9500\n  denoise70  not measured\n",
        "\nprovenance\n  hours  1.5\n",
    ] {
        assert!(text.contains(words), "no '{words}' in {text}");
    }
    let list = json(&env.assert_output("restore --list --json --model m.safetensors", b""));
    assert_eq!(list["model"], "m.safetensors");
    assert_eq!(
        list["tasks"],
        serde_json::json!([
            { "task": "sr2", "scale": 2, "measured": { "Set5": { "psnr_y": 36.5, "ssim_y": 0.95 } } },
            { "task": "denoise70", "scale": 1, "measured": {} },
        ])
    );
    assert_eq!(list["provenance"], serde_json::json!({ "hours": "1.5" }));
    assert_eq!(list["config"]["layers"], 1);
    assert!(text.contains(&format!("id          {}\n", list["id"].as_str().unwrap())));
    // Nothing is read or written beside it.
    env.assert_error("restore --list --model missing", &["missing: "]);
    env.assert_error("restore --list in out", &["--list"]);
    env.assert_error("restore in out", &["--task"]);
}

#[test]
fn the_embedded_model_is_listed_and_named_in_reports() {
    let env = TestEnv::with(&["a.png"]);
    let list = json(&env.assert_output("restore --list --json", b""));
    assert_eq!(list["model"], "embedded");
    assert!(list["parameters"].as_u64().unwrap() > 1_000_000);
    let names: Vec<_> = list["tasks"].as_array().unwrap().iter().map(|task| task["task"].clone()).collect();
    assert_eq!(names, Task::PRETRAINING.map(|task| task.to_string()));
    assert_eq!(list["provenance"]["command"], "just default-model");
    let line = json(&env.assert_output("restore --task sr2 --json a.png b.png", b""));
    assert_eq!((&line["model"], &line["model_id"]), (&list["model"], &list["id"]));
    assert_eq!(line["task"], "sr2");
}

#[test]
fn a_chain_is_one_pass() {
    let env = TestEnv::new();
    // 16 bits, so that the files between single tasks lose next to nothing.
    let parrot = picture::decode(&fixture("parrot.png")).unwrap().picture;
    let Samples::Eight(samples) = parrot.samples() else { panic!("the fixture has 8 bits") };
    let wide = Samples::Sixteen(samples.iter().map(|&sample| u16::from(sample) * 257).collect());
    let wide = Picture::new(parrot.width(), parrot.height(), parrot.layout(), wide).unwrap();
    env.write("a.png", &picture::encode(&wide, Format::Png).unwrap());
    env.assert_output("degrade --task denoise30 a.png noisy.png", b"");
    let f32 = "restore --precision f32";
    env.assert_output(&format!("{f32} --task denoise30 noisy.png calm.png"), b"");
    env.assert_output(&format!("{f32} --task sr2 calm.png two-passes.png"), b"");
    let line =
        json(&env.assert_output(&format!("{f32} --task denoise30,sr2 --json noisy.png chain.png"), b""));
    assert_eq!(line["task"], "denoise30,sr2");
    let (width, height) = (parrot.width(), parrot.height());
    assert_eq!(line["output_size"], serde_json::json!([width * 2, height * 2]));
    let report = json(&env.assert_output("score --json chain.png two-passes.png", b""));
    assert!(report["mean"]["psnr_rgb"].as_f64().unwrap() > 80.0, "{report}");
    // The order counts, and so does each task.
    env.assert_output(&format!("{f32} --task sr2,denoise30 noisy.png other.png"), b"");
    let report = json(&env.assert_output("score --json other.png chain.png", b""));
    assert!(report["mean"]["psnr_rgb"].as_f64().unwrap() < 40.0, "{report}");
}

#[test]
fn a_chain_keeps_depth_grey_and_opacity() {
    let env = TestEnv::new();
    let tasks = &["sr2", "sr3", "derain"];
    tiny(tasks).save(&env.path("m.safetensors"), DType::F32).unwrap();
    for name in ["eye_alpha.png", "fence_grey16.png"] {
        env.write(name, &fixture(name));
        let before = picture::decode(&env.read(name)).unwrap().picture;
        let run = |task: &str| {
            let command = format!("restore --model m.safetensors --precision f32 --task {task} {name}");
            picture::decode(&env.assert_output(&command, b"")).unwrap().picture
        };
        let after = run("derain,sr2,sr3");
        assert_eq!((after.width(), after.height()), (before.width() * 6, before.height() * 6));
        assert_eq!(after.layout(), before.layout());
        let same_depth = matches!(
            (before.samples(), after.samples()),
            (Samples::Eight(_), Samples::Eight(_)) | (Samples::Sixteen(_), Samples::Sixteen(_))
        );
        assert!(same_depth);
        if before.layout() == Layout::Rgba {
            let alpha = |picture: &Picture| match picture.samples() {
                Samples::Eight(samples) => samples.iter().skip(3).step_by(4).copied().collect::<Vec<_>>(),
                Samples::Sixteen(_) => panic!("the fixture has 8 bits"),
            };
            let enlarged = picture::resize(&before, 6.0);
            assert!(alpha(&after) == alpha(&enlarged), "opacity is enlarged at once");
        }
    }
    env.write("a.png", &fixture("parrot.png"));
    env.assert_error(
        "restore --model m.safetensors --task derain,denoise30,sr2 a.png b.png",
        &["denoise30", "it has sr2, sr3, derain; `ipt tune --task denoise30`"],
    );
    env.assert_error("restore --task derain,sr7 a.png b.png", &["sr7"]);
    // Without a model: bicubic by all scales at once.
    let (width, height, _) = look(&env.assert_output("restore --baseline --task sr2,derain,sr3 a.png", b""));
    let (was_wide, was_high, _) = look(&env.read("a.png"));
    assert_eq!((width, height), (was_wide * 6, was_high * 6));
}

#[test]
fn a_hint_is_one_line_and_no_failure() {
    let env = TestEnv::new();
    env.write("in/clean.png", &fixture("parrot.png"));
    env.write("in/small.png", &fixture("lighthouse.png"));
    env.assert_output("degrade --task denoise50 in noisy", b"");
    let run = env.run("restore --task denoise50 in out", b"");
    let mut hints: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("hint: ")).collect();
    assert_eq!((run.code, hints.len()), (Some(0), 2), "{run}");
    hints.sort_unstable();
    assert!(hints[0].starts_with("hint: in/clean.png: looks clean for denoise50"), "{run}");
    let run = env.run("restore -q --task denoise50 in quiet", b"");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(env.contents("out") == env.contents("quiet"));
    let run = env.run("restore --task denoise50 noisy calm", b"");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "2 done, 0 skipped, 0 failed\n"));
}

//! `ipt restore`.

use candle_core::{DType, Device};
use ipt::model::Config;
use ipt::picture::{Format, Layout, Picture, Samples, decode, encode};
use ipt::weights::{Model, Parameters};

use crate::harness::{TestEnv, grey, look, picture, tiny};

/// A folder with a model that has learned nothing, for these tasks.
pub fn with_model(tasks: &[&str]) -> TestEnv {
    let env = TestEnv::with(&["in/a.png", "in/deep/b.jpg"]);
    tiny(tasks).save(&env.path("model.safetensors"), DType::F16).unwrap();
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
fn the_transformer_can_be_left_out() {
    let env = TestEnv::with(&["a.png"]);
    // A fresh tail gives nothing where it adds to the bicubic picture.
    let config = Config { bicubic_residual: false, ..tiny(&["sr2"]).config };
    let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
    let model = Model { config, parameters, provenance: Default::default() };
    model.save(&env.path("m.safetensors"), DType::F16).unwrap();
    let [whole, without] = ["", "--skip-transformer"].map(|option| {
        env.assert_output(&format!("restore --model m.safetensors --task sr2 {option} a.png"), b"")
    });
    assert!(without != whole && look(&without) == look(&whole));
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
fn what_a_model_says_of_itself_commands_no_terminal() {
    let env = TestEnv::new();
    let mut model = tiny(&["sr2"]);
    model.provenance.insert("command".into(), "a\u{1b}]0;b\u{7}\nid  0".into());
    model.save(&env.path("m.safetensors"), candle_core::DType::F16).unwrap();
    let text = String::from_utf8(env.assert_output("restore --list --model m.safetensors", b"")).unwrap();
    assert!(text.contains("a\\u{1b}]0;b\\u{7}\\nid  0\n") && !text.contains('\u{1b}'), "{text}");
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
    for option in ["--self-ensemble", "--skip-transformer"] {
        env.assert_error(&format!("restore --baseline {option} --task sr2 a.png"), &[option]);
    }
    for (times, reason) in [(9, "gigapixels"), (32, "a side")] {
        let tasks = vec!["sr4"; times].join(",");
        env.assert_failure(&format!("restore --baseline --task {tasks} a.png b.png"), &[reason]);
    }
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

/// A logo with other colours where nobody sees them.
fn logo(layout: Layout, depth: usize, hidden: usize) -> Vec<u8> {
    let (width, height) = (60, 52);
    let colours = layout.colours();
    let pixel = |i: usize| {
        let (x, y) = (i % width, i / width);
        let alpha = [0, 40, 255][usize::from(x > 20) + usize::from(x > 23 && y > 9)];
        let colour = move |c: usize| if alpha == 0 { (i * hidden + c * 31) % 256 } else { 90 + c * 40 + y };
        (0..colours).map(colour).chain([alpha])
    };
    let samples: Vec<usize> = (0..width * height).flat_map(pixel).collect();
    let samples = match depth {
        8 => Samples::Eight(samples.iter().map(|&sample| sample as u8).collect()),
        _ => Samples::Sixteen(samples.iter().map(|&sample| sample as u16 * 257).collect()),
    };
    encode(&Picture::new(width, height, layout, samples).unwrap(), Format::Png).unwrap()
}

#[test]
fn hidden_colours_do_not_come_to_light() {
    let env = TestEnv::new();
    for (layout, depth) in [(Layout::Rgba, 8), (Layout::GreyAlpha, 8), (Layout::Rgba, 16)] {
        for (task, scale) in [("sr2", 2), ("denoise50", 1), ("derain,sr3", 3), ("sr2 --baseline", 2)] {
            let restored = |hidden| {
                let bytes =
                    env.assert_output(&format!("restore -q --task {task}"), &logo(layout, depth, hidden));
                decode(&bytes).unwrap().picture
            };
            let one = restored(7);
            assert!(one == restored(101), "{task}, {layout:?}, {depth} bits");
            assert_eq!((one.layout(), one.width()), (layout, 60 * scale));
        }
    }
    // Nor is there a border between a colour and nothing: far from black, all is as bright as it was.
    let bytes = env.assert_output("restore -q --task sr2", &logo(Layout::Rgba, 8, 0));
    let picture = decode(&bytes).unwrap().picture;
    let Samples::Eight(samples) = picture.samples() else { panic!("8 bits come back so") };
    let visible = samples.chunks_exact(4).filter(|pixel| pixel[3] > 0);
    let darkest = visible.map(|pixel| pixel[0]).min().unwrap();
    assert!(darkest >= 86, "{darkest} where 90 was the darkest");
}

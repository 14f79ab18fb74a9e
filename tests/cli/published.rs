//! Published weights: restored with, tuned, and written again.

use candle_core::Device;
use ipt::atomic::Existing;
use ipt::model::{Config, Preset};
use ipt::picture::{self, Format, Layout, Picture, Samples};
use ipt::task::Task;
use ipt::weights::{self, Model, Parameters};

use crate::harness::{TestEnv, look};

/// A folder with published weights for these tasks that have learned nothing.
fn with_weights(name: &str, tasks: &[&str]) -> TestEnv {
    let env = TestEnv::with(&["a.png"]);
    let tasks = tasks.iter().map(|task| task.parse::<Task>().unwrap()).collect();
    let config = Config { channels: 4, width: 36, layers: 1, ..Config::preset(Preset::Base, tasks) };
    let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
    let model = Model { config, parameters, provenance: Default::default() };
    weights::export(&model, &env.path(name), Existing::Refuse).unwrap();
    env
}

#[test]
fn they_say_what_they_are_and_restore() {
    for file in ["IPT_sr2.pt", "IPT_sr2.safetensors"] {
        let env = with_weights(file, &["sr2"]);
        let run = env.run(&format!("restore --task sr2 --model {file} a.png b.png"), b"");
        assert_eq!(run.code, Some(0), "{run}");
        let said = format!(
            "{file}: sr2; 4 channels, 2 blocks of 5×5, patches of 3×3, width 36, 1 + 1 layers, 12 heads"
        );
        assert!(run.stderr.contains(&said), "{run}");
        let (width, height, _) = look(&env.read("b.png"));
        assert_eq!((width, height), (48, 36));
        let run =
            env.run(&format!("restore -q --task sr2 --model {file} a.png c.png --tiling published"), b"");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        env.assert_error(&format!("restore --task sr3 --model {file} a.png d.png"), &["sr3", "sr2"]);
    }
}

#[test]
fn a_task_that_they_do_not_name_is_the_users() {
    let env = with_weights("IPT.pt", &["denoise50"]);
    for task in ["denoise50", "denoise25", "derain"] {
        env.assert_output(&format!("restore -q --task {task} --model IPT.pt a.png {task}.png"), b"");
    }
    env.assert_error("restore --task sr2 --model IPT.pt a.png b.png", &["IPT.pt: ", "keeps the size", "sr2"]);
    env.assert_error("export IPT.pt b.pt", &["does not say which"]);
    env.assert_output("export --task derain IPT.pt b.pt", b"");
    assert!(env.read("IPT.pt") == env.read("b.pt"));
}

#[test]
fn they_are_tuned_and_written_again() {
    let env = with_weights("IPT_pretrain.pt", &["sr2", "sr3", "sr4", "derain", "denoise30", "denoise50"]);
    let samples = (0..160 * 160 * 3).map(|i| (i * 7919 % 251) as u8).collect();
    let photo = Picture::new(160, 160, Layout::Rgb, Samples::Eight(samples)).unwrap();
    env.write("photos/a.png", &picture::encode(&photo, Format::Png).unwrap());
    env.assert_output(
        "tune --task sr3 --model IPT_pretrain.pt photos --out run --steps 2 --batch 1 --precision f32",
        b"",
    );
    env.assert_output("export run/final.safetensors IPT_sr3.pt", b"");
    env.assert_error("export run/final.safetensors IPT_sr3.pt", &["IPT_sr3.pt exists", "--overwrite"]);
    env.assert_output("export run/final.safetensors IPT_sr3.pt --overwrite", b"");
    env.assert_error("export run/final.safetensors IPT_sr3.zip", &[".pt or .safetensors"]);
    // The same model in both files.
    let ours = env.assert_output("restore -q --task sr3 --model run/final.safetensors a.png", b"");
    let theirs = env.assert_output("restore -q --task sr3 --model IPT_sr3.pt a.png", b"");
    assert!(ours == theirs);
}

#[test]
fn a_model_that_the_published_code_lacks_is_not_written() {
    let env = TestEnv::new();
    let config = Config::preset(Preset::Tiny, vec![Task::Derain]);
    let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
    let model = Model { config, parameters, provenance: Default::default() };
    model.save(&env.path("tiny.safetensors"), candle_core::DType::F32).unwrap();
    env.assert_error("export tiny.safetensors tiny.pt", &["published code has no such model", "bicubic"]);
    assert_eq!(env.files(""), ["tiny.safetensors"]);
}

//! `ipt score`.

use crate::harness::{TestEnv, picture};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn json(bytes: Vec<u8>) -> serde_json::Value {
    serde_json::from_slice(&bytes).unwrap()
}

fn noisy() -> TestEnv {
    let env = TestEnv::with(&["in/a.png", "in/deep/b.bmp", "in/c.png"]);
    env.assert_output("degrade --task denoise20 --format png in out", b"");
    env
}

#[test]
fn folders() {
    let env = noisy();
    let table = text(env.assert_output("score out in", b""));
    let names: Vec<&str> =
        table.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["a", "c", "deep/b", "mean"]);
    let csv = text(env.assert_output("score out in --csv", b""));
    assert!(csv.starts_with("name,psnr_y,ssim_y,psnr_rgb,ssim_rgb\na,"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
    let json = json(env.assert_output("score out in --json --task sr2", b""));
    assert_eq!(json["shave"], 2);
    let images = json["images"].as_array().unwrap();
    let mean = images.iter().map(|image| image["psnr_rgb"].as_f64().unwrap()).sum::<f64>() / 3.0;
    assert!((json["mean"]["psnr_rgb"].as_f64().unwrap() - mean).abs() < 1e-9);
    // Clipped noise of σ 20: about 20 log10(255 / 20) = 22.1 dB.
    assert!((21.5..24.0).contains(&mean), "{mean}");
}

#[test]
fn single_pictures_and_stdin() {
    let env = noisy();
    let files = env.assert_output("score out/a.png in/a.png --json", b"");
    let value = json(files.clone());
    assert_eq!(value["images"][0]["name"], "a");
    assert_eq!(value["images"].as_array().unwrap().len(), 1);
    assert_eq!(env.assert_output("score - in/a.png --json", &env.read("out/a.png")), files);
    assert_eq!(env.assert_output("score out/a.png - --json", &env.read("in/a.png")), files);
    assert_eq!(env.assert_output("score out/a.png in --json", b""), files);
    env.assert_error("score - -", &["stdin"]);
    env.assert_error("score - in", &["stdin"]);
}

#[test]
fn identical_pictures_are_infinitely_good() {
    let env = TestEnv::with(&["a.png"]);
    let value = json(env.assert_output("score a.png a.png --json", b""));
    assert!(value["images"][0]["psnr_y"].is_null() && value["mean"]["psnr_rgb"].is_null());
    assert_eq!(value["mean"]["ssim_y"].as_f64().unwrap(), 1.0);
    assert!(text(env.assert_output("score a.png a.png", b"")).contains(" inf "));
    assert!(text(env.assert_output("score a.png a.png --csv", b"")).contains("\na,inf,1,inf,1\n"));
}

#[test]
fn what_is_missing_or_differs_is_named_and_the_rest_goes_on() {
    let env = noisy();
    env.write("out/only-here.png", &picture("x.png"));
    env.write("in/only-there.png", &picture("x.png"));
    env.write("out/damaged.png", b"?");
    env.write("in/damaged.png", &picture("x.png"));
    env.assert_output("degrade --task sr2 in/c.png out/small.png", b"");
    env.write("in/small.png", &picture("x.png"));
    let run = env.assert_failure(
        "score out in --json",
        &[
            "out/only-here.png: no picture only-here in in",
            "in/only-there.png: no picture only-there in out",
            "out/damaged.png: ",
            "out/small.png: in/small.png: 12×9 pixels",
        ],
    );
    assert_eq!(json(run.stdout)["images"].as_array().unwrap().len(), 3);
    env.assert_failure("score out/missing.png in/a.png", &["out/missing.png: "]);
}

#[test]
fn empty_folders_are_refused() {
    let env = TestEnv::new();
    std::fs::create_dir(env.path("empty")).unwrap();
    env.assert_error("score empty empty", &["no pictures"]);
}

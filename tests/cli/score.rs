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
    assert_eq!(names, ["a", "c", "deep/b", "95", "95", "mean"]);
    let csv = text(env.assert_output("score out in --csv", b""));
    assert!(csv.starts_with("name,psnr_y,ssim_y,psnr_rgb,ssim_rgb\na,"), "{csv}");
    assert_eq!(csv.lines().count(), 4);
    let json = json(env.assert_output("score out in --json --task sr2", b""));
    assert_eq!((&json["shave"], &json["protocol"]["name"]), (&2.into(), &"sr2".into()));
    let images = json["images"].as_array().unwrap();
    let mean = images.iter().map(|image| image["psnr_rgb"].as_f64().unwrap()).sum::<f64>() / 3.0;
    assert!((json["mean"]["psnr_rgb"].as_f64().unwrap() - mean).abs() < 1e-9);
    // Clipped noise of σ 20: about 20 log10(255 / 20) = 22.1 dB.
    assert!((21.5..24.0).contains(&mean), "{mean}");
    let interval = &json["interval"]["psnr_rgb"];
    assert!(interval["low"].as_f64().unwrap() < mean && mean < interval["high"].as_f64().unwrap());
}

#[test]
fn protocols_say_what_they_do() {
    let env = noisy();
    let header = |options: &str| {
        let run = env.run(&format!("score out in {options}"), b"");
        assert_eq!(run.code, Some(0), "{run}");
        run.stderr
    };
    assert_eq!(header(""), "");
    let sr2 = header("--protocol sr2");
    assert!(sr2.starts_with("protocol sr2: reference cropped to a multiple of 2, a border of 2 "), "{sr2}");
    assert_eq!(sr2.lines().count(), 1);
    assert_eq!(header("--task sr2"), sr2);
    assert_eq!(header("--protocol sr2 -q"), "");
    assert!(header("--protocol denoise --shave 3").contains("a border of 3 pixels"));
    assert!(header("--protocol ipt-paper --task denoise20").contains("ipt-paper denoise20: whole pictures"));
    env.assert_error("score out in --protocol ipt-paper", &["--task"]);
    env.assert_error("score out in --protocol sr2 --task sr3", &["give one of them"]);
    env.assert_error("score out in --protocol sr9", &["ipt-paper"]);
}

#[test]
fn metrics_are_chosen() {
    let env = noisy();
    let csv =
        |metrics: &str| text(env.assert_output(&format!("score out in --csv --metrics {metrics}"), b""));
    assert!(csv("psnr").starts_with("name,psnr_y,psnr_rgb\n"));
    assert!(csv("ssim,psnr").starts_with("name,psnr_y,ssim_y,psnr_rgb,ssim_rgb\n"));
    env.assert_error("score out in --metrics lpips", &["psnr, ssim and ms-ssim"]);
    // 24×18 pixels are too few for five scales: each picture has its line.
    env.assert_failure("score out in --metrics ms-ssim", &["MS-SSIM takes 161×161"; 3]);
    env.write("in/large.png", &crate::harness::grey(170, 161));
    env.assert_output("degrade --task denoise20 in/large.png out/large.png", b"");
    let json = json(env.assert_output("score out/large.png in/large.png --json --metrics ms-ssim,psnr", b""));
    let msssim = json["images"][0]["ms_ssim_y"].as_f64().unwrap();
    assert!((0.5..1.0).contains(&msssim), "{msssim}");
}

#[test]
fn two_results_are_compared() {
    let env = noisy();
    env.assert_output("degrade --task denoise30 --format png in worse", b"");
    let table = text(env.assert_output("score out worse --ref in", b""));
    assert!(table.starts_with("A: out\nB: worse\n\nA − B "), "{table}");
    let json = json(env.assert_output("score out worse --ref in --json --task denoise20", b""));
    assert_eq!(json["results"], serde_json::json!(["out", "worse"]));
    let alone: serde_json::Value =
        serde_json::from_slice(&env.assert_output("score worse in --json", b"")).unwrap();
    assert_eq!(json["mean"][1], alone["mean"]);
    let psnr = &json["difference"]["psnr_rgb"];
    assert_eq!((&psnr["wins"], &psnr["ties"], &psnr["losses"]), (&3.into(), &0.into(), &0.into()));
    assert_eq!(psnr["p"], 0.25);
    // 20 log10(30 / 20) = 3.5 dB, less what clipping does.
    assert!((2.0..4.0).contains(&psnr["mean"].as_f64().unwrap()), "{psnr}");
    let csv = text(env.assert_output("score out worse --ref in --csv --metrics psnr", b""));
    assert!(csv.starts_with("name,psnr_y_a,psnr_y_b,psnr_y_difference,psnr_rgb_a,"), "{csv}");
    // One result by name, too; single files and stdin as any of the three.
    assert_eq!(env.assert_output("score out --ref in", b""), env.assert_output("score out in", b""));
    let files = env.assert_output("score out/a.png worse/a.png --ref in/a.png --csv", b"");
    assert_eq!(env.assert_output("score out/a.png worse/a.png --ref - --csv", &env.read("in/a.png")), files);
    assert_eq!(env.assert_output("score out/a.png worse --ref in --csv", b""), files);
    env.assert_error("score out", &["REFERENCE"]);
    env.write("worse/d.png", &picture("x.png"));
    env.assert_failure("score out worse --ref in", &["worse/d.png: no picture d in out"]);
}

#[test]
fn a_mean_below_the_limit_fails() {
    let env = noisy();
    env.assert_output("score out in --protocol denoise --min-psnr 15", b"");
    let run = env.assert_failure(
        "score out in --protocol denoise --min-psnr 35.5 --json",
        &["the mean PSNR-RGB of out, 2"],
    );
    assert!(run.stderr.contains("is below 35.5 dB"), "{run}");
    assert_eq!(json(run.stdout)["images"].as_array().unwrap().len(), 3);
    env.assert_failure("score out in --protocol derain --min-psnr 40", &["the mean PSNR-Y of out, "]);
    env.assert_output("score in in --min-psnr 99", b"");
    env.write("out/a.png", b"?");
    env.assert_failure("score out/a.png in/a.png --min-psnr 1", &["out/a.png: ", "no picture was scored"]);
    env.assert_error("score out in --metrics ssim --min-psnr 1", &["psnr"]);
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
    // Once, not for each picture.
    env.assert_error("score out missing", &["missing: "]);
    env.assert_error("score out out --ref missing", &["missing: "]);
}

#[test]
fn empty_folders_are_refused() {
    let env = TestEnv::new();
    std::fs::create_dir(env.path("empty")).unwrap();
    env.assert_error("score empty empty", &["no pictures"]);
}

//! The program itself: `ipt train` and `ipt tune` as a user calls them.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use ipt::train::Options;
use ipt::weights::Model;

use crate::{photo, photos, save};

fn ipt(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

pub fn succeed(arguments: &[&str], folder: &Path) -> String {
    let Output { status, stderr, .. } = ipt(arguments, folder).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{arguments:?}: {stderr}");
    stderr
}

pub fn fail(arguments: &[&str], folder: &Path, code: i32) -> String {
    let Output { status, stderr, .. } = ipt(arguments, folder).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{arguments:?}: {stderr}");
    stderr
}

#[test]
fn train_resume_repeat_and_tune() {
    let folder = photos();
    let at = folder.path();
    save(&at.join("holdout/a.png"), &photo(9, 100, 90));
    std::fs::create_dir(at.join("photos")).unwrap();
    for name in ["0.png", "1.png", "2.png"] {
        std::fs::rename(at.join(name), at.join("photos").join(name)).unwrap();
    }
    // A picture that must not be trained on.
    std::fs::copy(at.join("holdout/a.png"), at.join("photos/copy.png")).unwrap();

    let said = succeed(
        &[
            "train",
            "photos",
            "--out",
            "run",
            "--preset",
            "tiny",
            "--tasks",
            "sr2,denoise25",
            "--steps",
            "3",
            "--batch",
            "2",
            "--validate",
            "holdout",
            "--validate-every",
            "2",
            "--save-every",
            "1",
            "--keep",
            "2",
            "--schedule",
            "constant",
            "--precision",
            "f32",
        ],
        at,
    );
    assert!(said.contains("denoise25") && said.contains("finished: run/final.safetensors"), "{said}");
    assert!(said.matches("copy.png").count() <= 1, "{said}");
    assert!(at.join("run/samples/sr2-a.png").exists());
    let model = Model::open(&at.join("run/final.safetensors")).unwrap();
    assert_eq!(model.config.tasks.len(), 2);
    assert_eq!(std::fs::read_dir(at.join("run/checkpoints")).unwrap().count(), 2);

    // A second run in the same place is refused, a resumed one goes on, both as one is the same.
    let said = fail(&["train", "photos", "--out", "run", "--preset", "tiny"], at, 2);
    assert!(said.contains("--resume"), "{said}");
    let said = succeed(&["train", "--out", "run", "--resume", "--steps", "5"], at);
    assert!(said.contains("resuming at step 3 from run/checkpoints/step-00000003.safetensors"), "{said}");
    succeed(&["train", "--config", "run/config.toml", "--out", "again", "-q", "-j", "1"], at);
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    assert!(read("run/final.safetensors") == read("again/final.safetensors"));
    assert_eq!(Options::open(&at.join("again/config.toml")).unwrap().steps, Some(5));

    let said = succeed(
        &[
            "tune",
            "--task",
            "denoise70",
            "--model",
            "run/final.safetensors",
            "photos",
            "--out",
            "tuned",
            "--steps",
            "3",
            "--batch",
            "2",
        ],
        at,
    );
    assert!(said.contains("finished"), "{said}");
    let tuned = Model::open(&at.join("tuned/final.safetensors")).unwrap();
    assert_eq!(tuned.config.tasks, ["denoise70".parse().unwrap()]);
    assert_eq!(tuned.provenance["from"], "final.safetensors");
    succeed(
        &["restore", "--task", "denoise70", "--model", "tuned/final.safetensors", "photos/0.png", "out.png"],
        at,
    );
}

#[test]
fn files_from_a_list() {
    let folder = photos();
    std::fs::write(folder.path().join("list"), "0.png\n\n2.png\n").unwrap();
    let arguments = [
        "train",
        "--files-from",
        "list",
        "--out",
        "run",
        "--preset",
        "tiny",
        "--tasks",
        "derain",
        "--steps",
        "1",
        "--batch",
        "1",
        "-q",
    ];
    assert_eq!(succeed(&arguments, folder.path()), "");
    let options = Options::open(&folder.path().join("run/config.toml")).unwrap();
    assert_eq!(options.photos, [Path::new("0.png"), Path::new("2.png")]);
}

#[test]
fn nonsense_is_refused_before_any_work() {
    let folder = photos();
    for (arguments, reason) in [
        (&["train", "--out", "typo", "--resume"][..], "typo: no run to resume"),
        (&["tune", "--out", "typo", "--resume"], "typo: no run to resume"),
        (
            &["train", ".", "--out", "run", "--tasks", "derain", "--task-weights", "0,0,0,1,0,0"],
            "6 given, 1 wanted, for derain",
        ),
        (&["train", ".", "--out", "run", "--tasks", "derain", "--task-weights", "0"], "one is above"),
        (
            &[
                "train",
                ".",
                "--out",
                "run",
                "--from",
                "embedded",
                "--freeze-body",
                "--task-weights",
                "1,0,1,1,0,0",
            ],
            "sr3 has weight 0, but shares its head",
        ),
        (&["train", ".", "--out", "run", "--batch", "18446744073709551615"], "65536 patches"),
    ] {
        let said = fail(arguments, folder.path(), 2);
        assert!(said.contains(reason), "{said}");
    }
    for arguments in [
        &["train", "--out", "run"][..],
        &["train", "nowhere", "--out", "run"],
        &["train", ".", "--out", "run", "--lr", "-1"],
        &["train", ".", "--out", "run", "--tasks", "sr2", "--task-weights", "1,2"],
        &["train", ".", "--out", "run", "--tasks", "sr2,sr3", "--task-weights", "1e308,1e308"],
        &["train", ".", "--out", "run", "--lambda", "inf"],
        &["train", ".", "--out", "run", "--epochs=-1"],
        &["train", ".", "--out", "run", "--epochs", "nan"],
        &["train", ".", "--out", "run", "--resume"],
        &["train", ".", "--out", "run", "--max-time", "2"],
        &["train", ".", "--out", "run", "--config", "nowhere.toml"],
        &["tune", ".", "--out", "run"],
        &["tune", "--task", "sr2", "--model", "0.png", ".", "--out", "run"],
    ] {
        fail(arguments, folder.path(), 2);
    }
    assert!(!folder.path().join("run/checkpoints").exists());
}

#[test]
fn what_is_not_given_comes_from_the_run() {
    let folder = photos();
    let at = folder.path();
    let start = ["train", ".", "--out", "run", "--preset", "tiny", "--steps", "0", "--lr", "0.001", "-q"];
    succeed(&[&start[..], &["--schedule", "constant"]].concat(), at);
    let resumed = |more: &[&str]| {
        succeed(&[&["train", "--out", "run", "--resume", "-q"], more].concat(), at);
        let options = Options::open(&at.join("run/config.toml")).unwrap();
        (options.steps, options.max_seconds, options.rate)
    };
    assert_eq!(resumed(&["--schedule", "constant", "--optimizer", "muon"]), (Some(0), None, 0.001));
    assert_eq!(resumed(&["--max-time", "1h"]), (Some(0), Some(3600.0), 0.001));
    assert_eq!(resumed(&["--steps", "1", "--batch", "1"]), (Some(1), Some(3600.0), 0.001));
    assert_eq!(resumed(&["--schedule", "cosine"]), (Some(1), Some(3600.0), 0.001));

    // The same tasks again take no weights away.
    let weighted =
        ["train", ".", "--out", "two", "--preset", "tiny", "--tasks", "sr2,derain", "--steps", "0", "-q"];
    succeed(&[&weighted[..], &["--task-weights", "1,0"]].concat(), at);
    succeed(
        &["train", "--out", "two", "--resume", "--tasks", "sr2,derain", "--steps", "1", "--batch", "1", "-q"],
        at,
    );
    assert_eq!(Options::open(&at.join("two/config.toml")).unwrap().task_weights, [1.0, 0.0]);
    // Weights are for the tasks that they were given for.
    let other =
        ["train", "--config", "two/config.toml", "--from", "two/final.safetensors", "--out", "other", "-q"];
    succeed(&[&other[..], &["--tasks", "derain,denoise50"]].concat(), at);
    assert!(Options::open(&at.join("other/config.toml")).unwrap().task_weights.is_empty());
    // A rate that is the default goes with what it is the default of.
    succeed(&["train", "--config", "two/config.toml", "--out", "adam", "--optimizer", "adam", "-q"], at);
    assert_eq!(Options::open(&at.join("adam/config.toml")).unwrap().rate, 3e-4);
}

#[test]
fn what_is_no_run_s_is_not_replaced() {
    let folder = photos();
    let arguments =
        ["train", "0.png", "--preset", "tiny", "--tasks", "derain", "--steps", "0", "--out", "site"];
    for name in ["config.toml", "log.jsonl", "curves.svg"] {
        let file = folder.path().join("site").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "title = 'mine'\n").unwrap();
        let said = fail(&arguments, folder.path(), 2);
        assert!(said.contains(&format!("{name}: is not a run's")), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "title = 'mine'\n");
        std::fs::remove_file(&file).unwrap();
    }
    succeed(&arguments, folder.path());
}

#[test]
fn streaks_without_rain_are_noted() {
    let folder = photos();
    std::fs::create_dir(folder.path().join("streaks")).unwrap();
    image::GrayImage::new(40, 30).save(folder.path().join("streaks/1.png")).unwrap();
    let run = |task, out| {
        let arguments = ["train", "0.png", "--preset", "tiny", "--steps", "0", "--rain-streaks", "streaks"];
        succeed(&[&arguments[..], &["--tasks", task, "--out", out]].concat(), folder.path())
    };
    let note = "the rain streaks are not used";
    let (unused, used) = (run("sr2", "unused"), run("derain", "used"));
    assert!(unused.contains(note) && !used.contains(note), "{unused}{used}");
}

/// Waits until the run has a checkpoint.
fn wait_for_checkpoint(run: &Path) {
    let started = Instant::now();
    while !std::fs::read_dir(run.join("checkpoints")).is_ok_and(|mut entries| entries.next().is_some()) {
        assert!(started.elapsed() < Duration::from_secs(120), "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const LONG: [&str; 14] = [
    "train",
    ".",
    "--out",
    "run",
    "--preset",
    "tiny",
    "--steps",
    "100000",
    "--batch",
    "1",
    "--save-every",
    "1",
    "--tasks",
    "denoise30",
];

#[cfg(unix)]
#[test]
fn signals_save_and_stop() {
    let folder = photos();
    let run = folder.path().join("run");
    for (signal, code, resume) in [("-INT", 130, None), ("-TERM", 143, Some("--resume"))] {
        let mut command = ipt(&LONG, folder.path());
        let mut child = command.args(resume).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_checkpoint(&run);
        std::thread::sleep(Duration::from_millis(200));
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
    let newest = ipt::train::checkpoint::Checkpoint::newest(&run.join("checkpoints")).unwrap();
    assert!(newest.2.is_empty() && newest.0.step > 1);
}

#[test]
fn a_killed_run_resumes() {
    let folder = photos();
    let run = folder.path().join("run");
    for round in 0..4 {
        let resume = (round > 0).then_some("--resume");
        let mut child = ipt(&LONG, folder.path()).args(resume).stderr(Stdio::null()).spawn().unwrap();
        wait_for_checkpoint(&run);
        std::thread::sleep(Duration::from_millis(150 + 67 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = succeed(&["train", "--out", "run", "--resume", "--steps", "1"], folder.path());
    assert!(said.contains("resuming at step") && !said.contains("passed over"), "{said}");
    // What the killed ones were writing is gone.
    let names = std::fs::read_dir(run.join("checkpoints")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| name.to_string_lossy().starts_with("step-")));
}

#[test]
fn which_tasks_share_a_head() {
    let folder = photos();
    let at = folder.path();
    let run = |out: &str, more: &[&str]| {
        let all = [&["train", ".", "--steps", "0", "-q", "--out", out], more].concat();
        succeed(&all, at);
        let model = Model::open(&at.join(out).join("final.safetensors")).unwrap();
        let names = |group: &Vec<ipt::task::Task>| group.iter().map(ToString::to_string).collect();
        model.config.shared_heads.iter().map(names).collect::<Vec<Vec<_>>>()
    };
    let groups = ["--share-head", "sr2,sr3,sr4", "--share-head", "denoise30,denoise50"];
    let whole = [&["sr2", "sr3", "sr4"][..], &["denoise30", "denoise50"]];
    assert_eq!(run("both", &[&["--preset", "tiny"], &groups[..]].concat()), whole);
    assert_eq!(run("kept", &["--from", "both/final.safetensors"]), whole);
    let fewer = ["--from", "both/final.safetensors", "--tasks", "sr2,sr4,derain,denoise70"];
    assert_eq!(run("fewer", &fewer), [["sr2", "sr4"]]);
    let none: [[&str; 0]; 0] = [];
    assert_eq!(run("none", &["--from", "both/final.safetensors", "--share-head", "none"]), none);
}

#[test]
fn how_deep_heads_are() {
    let folder = photos();
    let at = folder.path();
    let run = |out: &str, more: &[&str]| {
        let all = [&["train", ".", "--steps", "0", "-q", "--out", out], more].concat();
        succeed(&all, at);
        let config = Model::open(&at.join(out).join("final.safetensors")).unwrap().config;
        (config.shape(), config.tasks.iter().map(|&task| config.blocks_of(task)).collect::<Vec<_>>())
    };
    let tasks = ["--preset", "tiny", "--tasks", "sr2,derain,denoise30"];
    let given = ["--blocks", "derain,denoise30=5", "--blocks", "3", "--blocks", "derain=3"];
    let (shape, depths) = run("some", &[&tasks[..], &given].concat());
    assert_eq!(depths, [3, 3, 5]);
    assert!(shape.contains("3 blocks of 3×3, 5 for denoise30 and 1 that"), "{shape}");
    // The config.toml of the run has it, and a new level of noise is as the nearest.
    let from = ["--from", "some/final.safetensors"];
    assert_eq!(run("again", &["--config", "some/config.toml"]).1, depths);
    assert_eq!(run("nearest", &[&from[..], &["--tasks", "denoise70,sr3"]].concat()).1, [5, 3]);
    assert_eq!(run("deeper", &[&from[..], &["--blocks", "sr2=4"]].concat()).1, [4, 3, 5]);
    assert_eq!(run("all", &[&from[..], &["--blocks", "6"]].concat()).1, [6, 6, 6]);
    let levels = |out: &str| {
        let config = Model::open(&at.join(out).join("final.safetensors")).unwrap().config;
        let level = |task| config.coarse.get(task).map_or((0, 0), |level| (level.after, level.blocks));
        config.tasks.iter().map(level).collect::<Vec<_>>()
    };
    let given = ["--coarse-blocks", "derain=4", "--coarse-blocks", "2"];
    let (shape, _) = run("coarse", &[&from[..], &given].concat());
    assert_eq!(levels("coarse"), [(1, 2), (1, 4), (2, 2)]);
    assert!(shape.contains(", 2 coarse for sr2, 2 coarse for denoise30, 4 coarse for derain"), "{shape}");
    run("coarse-fresh", &[&tasks[..], &given].concat());
    run("none", &[&tasks[..], &given, &["--coarse-blocks", "sr2,derain=0"]].concat());
    assert_eq!(levels("none"), [(0, 0), (0, 0), (1, 2)]);
    run("centred", &["--config", "coarse-fresh/config.toml", "--blocks", "7"]);
    assert_eq!(levels("centred"), [(3, 2), (3, 4), (3, 2)]);
    run("kept", &["--from", "coarse/final.safetensors", "--blocks", "6", "--coarse-blocks", "sr2=3"]);
    assert_eq!(levels("kept"), [(1, 3), (1, 4), (2, 2)]);
    let all = ["train", ".", "--steps", "0", "-q", "--out", "no"];
    for (more, reason) in [
        (&["--coarse-blocks", "sr2,sr3=2"][..], "need the same coarse blocks"),
        (&["--preset", "tiny", "--coarse-blocks", "denoise70=3"], "no task of the model"),
        (&["--from", "coarse/final.safetensors", "--coarse-blocks", "sr2=1"], "2 coarse blocks for sr2"),
        (&["--from", "coarse/final.safetensors", "--coarse-blocks", "0"], "2 coarse blocks for sr2"),
        (&["--preset", "tiny", "--coarse-blocks=-1"], "from 0 to 255"),
        (&["--preset", "tiny", "--blocks", "0"], "from 1 to 255"),
        (&["--preset", "tiny", "--blocks", "sr2="], "from 1 to 255"),
        (&["--preset", "tiny", "--blocks", "rain=2"], "no task 'rain'"),
        (&["--preset", "tiny", "--blocks", "denoise70=3"], "no task of the model"),
        (&["--blocks", "sr2=9"], "need as many blocks"),
        (&["--from", "some/final.safetensors", "--blocks", "denoise30=4"], "head of 5 blocks for denoise30"),
    ] {
        let said = fail(&[&all[..], more].concat(), at, 2);
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn which_tasks_are_unshuffled() {
    let folder = photos();
    let at = folder.path();
    let run = |out: &str, more: &[&str]| {
        let all = [&["train", ".", "--preset", "tiny", "--steps", "0", "-q", "--out", out], more].concat();
        succeed(&all, at);
        let model = Model::open(&at.join(out).join("final.safetensors")).unwrap();
        model.config.unshuffle.iter().map(|task| task.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(run("all", &[]), ["derain"]);
    assert_eq!(run("sr", &["--tasks", "sr2,denoise30"]), [""; 0]);
    assert_eq!(run("none", &["--unshuffle", "none"]), [""; 0]);
    assert_eq!(run("noise", &["--unshuffle", "denoise30,denoise50"]), ["denoise30", "denoise50"]);
    let all = ["train", ".", "--steps", "0", "-q", "--out"];
    for (tasks, more, reason) in [
        ("sr2", &["--unshuffle", "sr2"][..], "enlarges"),
        ("sr2", &["--unshuffle", "derain"], "no task of the model"),
        ("derain", &["--unshuffle", "rain"], "no task 'rain'"),
        ("derain", &["--freeze-body"], "trained body"),
        ("derain", &["--skip-transformer", "--lambda", "0"], "--freeze-body and --lambda 0"),
    ] {
        let said = fail(&[&all[..], &["no", "--preset", "tiny", "--tasks", tasks], more].concat(), at, 2);
        assert!(said.contains(reason), "{said}");
    }
    // Nor do tasks share a head that do not fit together.
    for (more, reason) in [
        (&["--share-head", "sr2"][..], "sr2 alone"),
        (&["--share-head", "sr2,sr9"], "no task 'sr9'"),
        (&["--share-head", "sr2,denoise70"], "no task of the model"),
        (&["--share-head", "denoise30,derain"], "squares"),
    ] {
        let said = fail(&[&all[..], &["no", "--preset", "tiny"], more].concat(), at, 2);
        assert!(said.contains(reason), "{said}");
    }
    // A new level of noise is as the nearest that the model has.
    let said = succeed(
        &[&all[..], &["tuned", "--from", "noise/final.safetensors", "--tasks", "denoise70,derain"]].concat(),
        at,
    );
    assert_eq!(said, "");
    let tuned = Model::open(&at.join("tuned/final.safetensors")).unwrap().config;
    assert_eq!(tuned.unshuffle, ["denoise70".parse().unwrap()]);
}

//! `ipt degrade`.

use crate::harness::{TestEnv, grey, look, picture};

#[test]
fn super_resolution_shrinks() {
    let env = TestEnv::new();
    for (task, width, height) in [("sr2", 12, 9), ("sr3", 8, 6), ("sr4", 6, 4)] {
        let output = env.assert_output(&format!("degrade --task {task}"), &picture("a.png"));
        let (have_width, have_height, _) = look(&output);
        assert_eq!((have_width, have_height), (width, height), "{task}");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let names: Vec<String> = (0..12).map(|i| format!("in/{}/{i}.png", i % 3)).collect();
    let env = TestEnv::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for task in ["denoise50", "derain", "sr2"] {
        env.assert_output(&format!("degrade --task {task} -j 1 in {task}-1"), b"");
        env.assert_output(&format!("degrade --task {task} -j 7 in {task}-7"), b"");
        let one = env.contents(&format!("{task}-1"));
        assert_eq!(one.len(), 12);
        assert!(one == env.contents(&format!("{task}-7")), "{task}");
    }
}

#[test]
fn what_the_random_numbers_depend_on() {
    let env = TestEnv::with(&["in/a.png", "in/deep/a.png"]);
    let a = env.read("in/a.png");
    env.write("in/deep/a.png", &a);
    env.write("in/b.png", &a);
    env.assert_output("degrade --task denoise50 --seed 3 in out", b"");
    let out = env.contents("out");
    let run = |arguments: &str, stdin: &[u8]| env.assert_output(&format!("degrade {arguments}"), stdin);
    // The name in the tree, wherever the tree is.
    assert_ne!(out["a.png"], out["b.png"]);
    assert_ne!(out["a.png"], out["deep/a.png"]);
    assert_eq!(out["a.png"], run("--task denoise50 --seed 3 in/a.png", b""));
    assert_eq!(out["a.png"], run("--task denoise50 --seed 3 in/deep/a.png", b""));
    env.assert_output("degrade --task denoise50 --seed 3 in b.png/", b"");
    assert!(out == env.contents("b.png"));
    // The seed, the task; stdin is a name of its own.
    assert_ne!(out["a.png"], run("--task denoise50 --seed 4 in/a.png", b""));
    assert_ne!(out["a.png"], run("--task denoise51 --seed 3 in/a.png", b""));
    assert_ne!(out["a.png"], run("--task denoise50 --seed 3", &a));
    assert_eq!(run("--task denoise50", &a), run("--task denoise50 --seed 0", &a));
}

#[test]
fn real_streaks() {
    let env = TestEnv::with(&["a.png"]);
    env.write("streaks/1.png", &grey(40, 30));
    env.write("streaks/2.png", &grey(9, 50));
    let run = |arguments: &str| env.assert_output(&format!("degrade --task derain {arguments} a.png"), b"");
    assert_ne!(run(""), run("--rain-streaks streaks"));
    assert_eq!(run("--rain-streaks streaks"), run("--rain-streaks streaks"));
    env.assert_error("degrade --task derain --rain-streaks nowhere a.png", &["nowhere"]);
    std::fs::create_dir(env.path("empty")).unwrap();
    env.assert_error("degrade --task derain --rain-streaks empty a.png", &["empty"]);
    env.assert_error("degrade --task sr2 --rain-streaks streaks a.png", &["--rain-streaks", "derain"]);
}

#[test]
fn too_small_for_the_scale() {
    let env = TestEnv::with(&["a.png"]);
    env.write("tiny.png", &grey(3, 1));
    env.assert_failure("degrade --task sr2 a.png tiny.png out", &["tiny.png: "]);
    assert_eq!(env.files("out"), ["a.png"]);
}

#[test]
fn other_damage_for_experiments() {
    let env = TestEnv::with(&["a.png"]);
    let run = |task: &str| env.assert_output(&format!("degrade --task {task} a.png"), b"");
    let all = ["jpeg40", "jpeg80", "blur1.6", "blur0.5", "denoise2.5", "denoise25"].map(run);
    for (i, one) in all.iter().enumerate() {
        assert_eq!(look(one), look(&env.read("a.png")));
        assert!(all[..i].iter().all(|other| other != one), "{i}");
    }
    env.assert_error("degrade --task jpeg0 a.png", &["jpeg0", "jpegN with N from 1 to 100"]);
    env.assert_error("degrade --task jpeg40 --rain-streaks x a.png", &["jpeg40 has no rain"]);
    env.assert_error("restore --task jpeg40 a.png", &["jpeg40", "the tasks are"]);
}

#[test]
fn records_say_how_to_do_it_again() {
    let env = TestEnv::with(&["in/deep/a.png", "b.jpg"]);
    let lines = env.assert_output("degrade --task denoise50 --seed 9 --record --json in out", b"");
    let line: serde_json::Value = serde_json::from_slice(&lines).unwrap();
    assert_eq!(line["input"], "in/deep/a.png");
    let how = &line["degradation"];
    let expected = serde_json::json!({
        "program": format!("ipt {}", env!("CARGO_PKG_VERSION")), "task": "denoise50", "seed": 9,
        "name": "deep/a.png", "kind": "noise", "distribution": "gaussian", "sigma": 50.0,
        "rounding": "half up", "clip": true,
    });
    assert_eq!(*how, expected);
    // The file says the same, and is the same picture as without.
    let file = env.read("out/deep/a.png");
    let chunk = [b"iTXtipt\0\0\0\0\0".as_slice(), how.to_string().as_bytes()].concat();
    let at = file.windows(12).position(|window| window == &chunk[..12]).expect("no record");
    let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    let written: serde_json::Value = serde_json::from_slice(&file[at + 12..at + 4 + length]).unwrap();
    assert_eq!(written, *how);
    env.assert_output("degrade --task denoise50 --seed 9 in plain", b"");
    let samples = |name: &str| ipt::picture::decode(&env.read(name)).unwrap().picture;
    assert_eq!(samples("out/deep/a.png"), samples("plain/deep/a.png"));
    // What is restored was not made like this.
    env.assert_output("restore --task denoise50 --baseline out restored", b"");
    assert!(!env.read("restored/deep/a.png").windows(8).any(|window| window == b"iTXtipt\0"));
    // Only PNG holds records: known before the work where the name tells, else of each file.
    env.assert_error("degrade --task sr2 --record b.jpg c.jpg", &["--record", "jpeg", "--format"]);
    env.assert_failure("degrade --task sr2 --record b.jpg", &["b.jpg: a jpeg file holds no record"]);
    env.assert_output("degrade --task sr2 --record --format png b.jpg c.png", b"");
}

//! Lists, dry runs, reports: what large batches and makefiles need.

use crate::harness::TestEnv;

const DEGRADE: &str = "degrade --task sr2";

#[test]
fn a_list_of_files_keeps_its_folders() {
    let env = TestEnv::with(&["a b.png", "deep/c.png", "deep/er/c.png"]);
    let list = b"a b.png\0./deep/c.png\0deep/er/c.png\0";
    env.assert_output(&format!("{DEGRADE} --files0-from - --out out"), list);
    assert_eq!(env.files("out"), ["a b.png", "deep/c.png", "deep/er/c.png"]);
    env.write("list", b"deep/c.png");
    env.assert_output(&format!("{DEGRADE} --files0-from list -o from-file"), b"");
    assert_eq!(env.files("from-file"), ["deep/c.png"]);
    // An empty list is what find makes of nothing.
    env.assert_output(&format!("{DEGRADE} --files0-from - --out nothing"), b"");
    for (list, words) in
        [(&b"../a.png\0"[..], "'..'"), (b"deep\0", "folder"), (b"a b.png\0./a b.png\0", "both")]
    {
        let run = env.run(&format!("{DEGRADE} --files0-from - --out other"), list);
        assert_eq!(run.code, Some(2), "{run}");
        assert!(run.stderr.contains(words), "{run}");
    }
    // Next time `find` would find these results, too.
    for (folder, file) in [("deep", "deep/c.png"), ("out", "out/a b.png"), (".", "a b.png")] {
        let run = env.run(&format!("{DEGRADE} --files0-from - --out {folder}"), file.as_bytes());
        assert_eq!((run.code, run.stderr.contains("lies in")), (Some(2), true), "{run}");
    }
    env.assert_error(&format!("{DEGRADE} --files0-from list"), &["--out"]);
    env.assert_error(&format!("{DEGRADE} --files0-from list --out out a.png"), &["PATH"]);
    env.assert_error(&format!("{DEGRADE} --files0-from missing --out out"), &["missing: "]);
}

#[cfg(unix)]
#[test]
fn absolute_paths_of_a_list_begin_at_the_root() {
    let env = TestEnv::with(&["a.png"]);
    let path = env.path("a.png");
    env.assert_output(&format!("{DEGRADE} --files0-from - --out out"), path.to_str().unwrap().as_bytes());
    let inside = path.strip_prefix("/").unwrap().to_str().unwrap();
    assert_eq!(env.files("out"), [inside]);
}

#[test]
fn pictures_of_formats_that_are_not_read_are_told_of() {
    let env = TestEnv::with(&["in/a.png"]);
    for name in ["in/b.HEIC", "in/deep/c.nef", "in/notes.txt", "phone/d.heic"] {
        env.write(name, b"of some kind");
    }
    let run = env.run(&format!("{DEGRADE} in out"), b"");
    let note = "in/b.HEIC (and 1 more): passed over, formats that are not read\n";
    assert!(run.code == Some(0) && run.stderr.starts_with(note), "{run}");
    assert_eq!(env.files("out"), ["a.png"]);
    assert_eq!(env.run(&format!("{DEGRADE} -q --overwrite in out"), b"").stderr, "");
    env.assert_error(&format!("{DEGRADE} in phone other"), &["no pictures in phone but phone/d.heic"]);
    let planned = env.run(&format!("{DEGRADE} --dry-run in dry"), b"");
    assert!(planned.stderr.starts_with(note), "{planned}");
}

#[test]
fn out_makes_all_paths_inputs() {
    let env = TestEnv::with(&["a.png", "in/b.png", "in/deep/c.png"]);
    env.assert_output(&format!("{DEGRADE} --out one a.png"), b"");
    assert_eq!(env.files("one"), ["a.png"]);
    env.assert_output(&format!("{DEGRADE} --out tree in"), b"");
    assert_eq!(env.files("tree"), ["b.png", "deep/c.png"]);
    env.assert_output(&format!("{DEGRADE} -o all a.png in"), b"");
    assert_eq!(env.files("all"), ["a.png", "in/b.png", "in/deep/c.png"]);
    env.assert_error(&format!("{DEGRADE} --out a.png in/b.png"), &["a.png is not a folder"]);
    env.assert_error(&format!("{DEGRADE} --out out -"), &["stdin has no name"]);
    env.assert_error(&format!("{DEGRADE} --out - a.png"), &["--out names a folder"]);
    env.assert_error(&format!("{DEGRADE} --out out"), &["no pictures are named"]);
}

#[test]
fn a_dry_run_does_nothing() {
    let env = TestEnv::with(&["in/a.png", "in/b.png", "out/b.png"]);
    let before = env.contents("");
    let lines = env.assert_output(&format!("{DEGRADE} --dry-run --skip-existing --format bmp in out"), b"");
    assert_eq!(String::from_utf8(lines).unwrap(), "in/a.png -> out/a.bmp\nin/b.png -> out/b.bmp\n");
    let lines = env.assert_output(&format!("{DEGRADE} --dry-run --skip-existing in out"), b"");
    assert_eq!(String::from_utf8(lines).unwrap(), "in/a.png -> out/a.png\n");
    assert_eq!(env.assert_output(&format!("{DEGRADE} --dry-run"), b""), b"stdin -> stdout\n");
    env.assert_error(&format!("{DEGRADE} --dry-run in out"), &["out/b.png exists"]);
    env.assert_error("restore --task sr2 --model missing --dry-run in new", &["missing: "]);
    assert_eq!(env.contents(""), before);
}

#[test]
fn fail_fast() {
    let env = TestEnv::with(&["in/b.png", "in/c.png"]);
    env.write("in/a.png", b"");
    let run = env.assert_failure(&format!("{DEGRADE} -j 1 --fail-fast in out"), &["in/a.png: "]);
    assert!(run.stderr.contains("0 done, 0 skipped, 1 failed, 2 not begun"), "{run}");
    assert!(!env.path("out").exists());
}

#[test]
fn a_json_line_for_each_picture() {
    let env = TestEnv::with(&["in/a.png", "in/b.jpg"]);
    env.write("in/c.png", b"");
    let run = env.assert_failure(&format!("{DEGRADE} --json -j 1 in out"), &["in/c.png: "]);
    let lines: Vec<serde_json::Value> = run
        .stdout
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    let mut first = lines[0].clone();
    assert!(first["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(first["degradation"]["kind"], "shrink");
    first.as_object_mut().unwrap().retain(|key, _| key != "seconds" && key != "degradation");
    assert_eq!(
        first,
        serde_json::json!({
            "input": "in/a.png", "output": "out/a.png", "task": "sr2",
            "input_size": [24, 18], "output_size": [12, 9], "format": "png",
        })
    );
    assert_eq!(lines[1]["format"], "jpeg");
    assert!(lines[2]["error"].is_string());
    env.assert_error(&format!("{DEGRADE} --json in/a.png"), &["--json"]);
}

#[cfg(target_os = "linux")]
#[test]
fn lost_records_are_a_failure() {
    let env = TestEnv::with(&["in/a.png", "in/b.png"]);
    let run = env.bash(&format!("ipt {DEGRADE} --json in out >/dev/full"));
    assert_eq!(run.code, Some(1), "{run}");
    run.assert_lines(&["stdout: not all records could be written"]);
    assert_eq!(env.files("out"), ["a.png", "b.png"]);
    let run = env.bash(&format!("set +o pipefail; ipt {DEGRADE} --overwrite --json in out | head -c 1"));
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn verbose() {
    let env = TestEnv::with(&["a.png"]);
    let run = env.run(&format!("{DEGRADE} -v a.png b.png"), b"");
    assert!(run.stderr.starts_with("a.png (24×18) -> b.png (12×9), "), "{run}");
    env.assert_error(&format!("{DEGRADE} -v -q a.png c.png"), &["--quiet"]);
}

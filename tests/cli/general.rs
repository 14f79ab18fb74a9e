//! What holds for all commands.

use crate::harness::TestEnv;

#[test]
fn help_and_version() {
    let env = TestEnv::new();
    let version = String::from_utf8(env.assert_output("--version", b"")).unwrap();
    assert_eq!(version, format!("ipt {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["", "restore", "degrade", "score", "train", "tune", "merge", "export"] {
        let help = String::from_utf8(env.assert_output(&format!("{command} --help"), b"")).unwrap();
        assert!(help.contains("Examples:"), "{command} has no examples");
    }
}

#[test]
fn a_wrong_command_line_is_refused() {
    let env = TestEnv::with(&["a.png"]);
    env.assert_error("", &["Usage"]);
    env.assert_error("embellish", &["embellish"]);
    env.assert_error("degrade a.png", &["--task"]);
    env.assert_error("degrade --task sr7 a.png", &["sr7", "sr2, sr3, sr4"]);
    env.assert_error("degrade --task sr2 --jobs 0 a.png", &["--jobs"]);
    env.assert_error("degrade --task sr2 --jobs 100000 a.png", &["--jobs", "1024"]);
    env.assert_error("score a.png a.png --min-psnr nan", &["--min-psnr"]);
    env.assert_error("degrade --task sr2 --format gifs a.png", &["gifs"]);
    env.assert_error("degrade --task sr2 --overwrite --skip-existing a.png b.png", &["--overwrite"]);
    env.assert_error("score a.png", &["REFERENCE"]);
    env.assert_error("score a.png a.png --json --csv", &["--csv"]);
}

/// `ipt ... | head -c 1` ends quietly.
#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_is_no_error() {
    use std::process::{Command, Stdio};
    let env = TestEnv::with(&["a.png"]);
    for arguments in [
        &["degrade", "--task", "sr2", "a.png"][..],
        &["restore", "--task", "sr2", "a.png"],
        &["restore", "--list"],
        &["score", "a.png", "a.png"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
        command.current_dir(env.path("")).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

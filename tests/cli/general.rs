//! What holds for all commands.

use crate::harness::TestEnv;

#[test]
fn help_and_version() {
    let env = TestEnv::new();
    let version = String::from_utf8(env.assert_output("--version", b"")).unwrap();
    assert_eq!(version, format!("ipt {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["", "restore", "degrade", "score", "train", "tune", "export"] {
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
    for arguments in [&["degrade", "--task", "sr2", "a.png"][..], &["score", "a.png", "a.png"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
        command.current_dir(env.path("")).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

/// Ctrl-C while the program waits for its input.
#[cfg(target_os = "linux")]
#[test]
fn interrupted() {
    use std::process::{Command, Stdio};
    let env = TestEnv::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
    command.args(["degrade", "--task", "sr2", "-", "out.png"]).current_dir(env.path(""));
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Held open: waiting for the child would close it, and the end of stdin is no Ctrl-C.
    let _stdin = child.stdin.take();
    // Until the handler is in place, the signal ends the program the hard way.
    let handled = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap() & 2 != 0
    };
    let start = std::time::Instant::now();
    while !handled() {
        assert!(start.elapsed().as_secs() < 30, "no handler for SIGINT");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(env.files("").is_empty());
}

//! What a person at a terminal sees.

use std::fs::File;
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Stdio};

use crate::harness::{TestEnv, photo, tiny};

/// Two ends of a terminal: what one writes, the other reads.
fn terminal() -> (File, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: openpty writes two descriptors to the places given, and takes null for what is not
    // asked for; on success both are open and nobody else's.
    unsafe {
        let failed = libc::openpty(&mut ours, &mut theirs, none, none.cast(), none.cast());
        assert_eq!(failed, 0, "{}", std::io::Error::last_os_error());
        (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

/// Runs with stderr, and stdout if asked for, on a terminal: the status and what was seen there.
fn run(env: &TestEnv, command_line: &str, stdout: bool, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let (mut ours, theirs) = terminal();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
    command.args(command_line.split_whitespace()).current_dir(env.path("")).stdin(Stdio::null());
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR").envs(variables.iter().copied());
    command.stdout(if stdout { Stdio::from(theirs.try_clone().unwrap()) } else { Stdio::null() });
    let mut child = command.stderr(theirs).spawn().unwrap();
    // Its copies of the other end, without which reading would not end.
    drop(command);
    let mut seen = Vec::new();
    // The end of a terminal is an error.
    let _ = ours.read_to_end(&mut seen);
    (child.wait().unwrap().code(), String::from_utf8_lossy(&seen).into_owned())
}

fn with_model() -> TestEnv {
    let env = TestEnv::with(&["a.png"]);
    tiny(&["derain"]).save(&env.path("m.safetensors"), candle_core::DType::F16).unwrap();
    env
}

const DERAIN: &str = "restore --task derain --model m.safetensors";

#[test]
fn a_terminal_gets_no_picture() {
    let env = with_model();
    for command in ["degrade --task sr2 a.png", "restore --task sr2 a.png"] {
        let (code, seen) = run(&env, command, true, &[]);
        assert_eq!(code, Some(2), "{seen}");
        assert!(seen.starts_with("ipt: a terminal cannot show a picture"), "{seen}");
    }
    let (code, seen) = run(&env, "restore --list", true, &[]);
    assert!(code == Some(0) && seen.contains("parameters"), "{seen}");
}

#[test]
fn one_large_picture_shows_its_tiles() {
    let env = with_model();
    env.write("large.png", &photo(1200, 900));
    let (code, seen) = run(&env, &format!("{DERAIN} large.png out.png"), false, &[]);
    assert_eq!(code, Some(0), "{seen}");
    // Of 1200×900 pixels: 5 × 4 tiles of at most 288.
    assert!(seen.contains("/20 tiles, ") && seen.contains(" left"), "{seen}");
}

#[test]
fn a_folder_shows_its_pictures() {
    let env = with_model();
    for i in 0..5 {
        env.write(&format!("in/{i}.png"), &photo(400, 300));
    }
    let (code, seen) = run(&env, &format!("{DERAIN} in out"), false, &[]);
    assert_eq!(code, Some(0), "{seen}");
    for words in ["/5 pictures, ", "/s, ", " left", " %", "5 done, 0 skipped, 0 failed"] {
        assert!(seen.contains(words), "no '{words}' in {seen}");
    }
    let (code, seen) = run(&env, &format!("{DERAIN} in out --overwrite -q"), false, &[]);
    assert_eq!((code, seen.as_str()), (Some(0), ""));
    // Where nobody looks, there is no bar.
    let said = env.run(&format!("{DERAIN} in out --overwrite"), b"").stderr;
    assert_eq!(said, "5 done, 0 skipped, 0 failed\n");
}

/// Whether there are escape sequences that colour or embolden.
fn coloured(seen: &str) -> bool {
    seen.split("\u{1b}[")
        .skip(1)
        .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
}

#[test]
fn no_colour_means_none() {
    let env = with_model();
    env.write("in/a.png", &photo(200, 150));
    env.write("in/b.png", b"");
    for command in ["restore --task sr7 a.png", "restore --help", &format!("{DERAIN} in out --overwrite -v")]
    {
        let (code, seen) = run(&env, command, true, &[("NO_COLOR", "1")]);
        assert!(code.is_some() && !seen.is_empty() && !coloured(&seen), "{command}: {seen:?}");
    }
    // They can be seen, where they may be.
    let (_, seen) = run(&env, "restore --help", true, &[]);
    assert!(coloured(&seen), "{seen:?}");
}

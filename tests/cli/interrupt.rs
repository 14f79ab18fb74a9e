//! Ctrl-C, a request to terminate, the end of the terminal: status 130, 143 and 129, and no file that is not whole.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ipt::picture;

use crate::harness::{TestEnv, photo, tiny};

/// Waits until it holds.
#[track_caller]
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The signals that a process catches (`SigCgt`) or ignores (`SigIgn`), bit 0 for number 1.
fn signals(child: &Child, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

/// Whether the program's handler is in place; before that, the signal ends it the hard way.
fn handles(child: &Child) -> bool {
    signals(child, "SigCgt") & 2 != 0
}

fn start(env: &TestEnv, command_line: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
    command.args(command_line.split_whitespace()).current_dir(env.path(""));
    command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn interrupt(child: &mut Child) -> Option<i32> {
    send("-INT", child);
    child.wait().unwrap().code()
}

#[test]
fn a_request_to_terminate_and_the_end_of_a_terminal() {
    let env = TestEnv::new();
    for (signal, code) in [("-TERM", 143), ("-HUP", 129)] {
        let mut child = start(&env, "degrade --task sr2 - out.png");
        let _stdin = child.stdin.take();
        wait_for("a handler for SIGINT", || handles(&child));
        if signal == "-HUP" && signals(&child, "SigIgn") & 1 != 0 {
            eprintln!("skipped: the tests themselves run under nohup");
            child.kill().unwrap();
            break;
        }
        send(signal, &child);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
    }

    // As nohup starts it.
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "trap '' HUP; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_ipt"),
        "degrade",
        "--task",
        "sr2",
        "-",
        "out.png",
    ]);
    let mut child = command.current_dir(env.path("")).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    wait_for("a handler for SIGINT", || handles(&child));
    send("-HUP", &child);
    stdin.write_all(&photo(64, 48)).unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(env.path("out.png").exists());
}

#[test]
fn while_the_program_waits_for_its_input() {
    let env = TestEnv::new();
    let mut child = start(&env, "degrade --task sr2 - out.png");
    // Held open: waiting for the child would close it, and the end of stdin is no Ctrl-C.
    let _stdin = child.stdin.take();
    wait_for("a handler for SIGINT", || handles(&child));
    assert_eq!(interrupt(&mut child), Some(130));
    assert!(env.files("").is_empty());
}

#[test]
fn while_pictures_are_restored() {
    let env = TestEnv::new();
    tiny(&["sr2"]).save(&env.path("m.safetensors"), candle_core::DType::F16).unwrap();
    for i in 0..200 {
        env.write(&format!("in/{i:03}.png"), &photo(200, 150));
    }
    let mut child = start(&env, "restore --task sr2 --model m.safetensors in out");
    wait_for("a first result", || env.path("out/000.png").exists());
    assert_eq!(interrupt(&mut child), Some(130));
    let made = env.contents("out");
    assert!((1..200).contains(&made.len()), "{} of 200", made.len());
    for (name, bytes) in &made {
        let picture = picture::decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}")).picture;
        assert_eq!((picture.width(), picture.height()), (400, 300));
    }
    // And a makefile's next run makes the rest.
    let rest = 200 - made.len();
    let run = env.run("restore --task sr2 --model m.safetensors --skip-existing in out", b"");
    assert!(run.stderr.ends_with(&format!("{rest} done, {} skipped, 0 failed\n", made.len())), "{run}");
}

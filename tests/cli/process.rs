//! What a run takes of the machine: threads and memory.

use std::process::{Command, Stdio};

use crate::harness::{TestEnv, photo, tiny};

/// What was seen of a process.
struct Taken {
    /// The most threads at a time.
    threads: usize,
    /// The most memory, in KiB.
    memory: i64,
}

/// Runs the program, which must succeed.
#[track_caller]
// It is waited for by wait4, which also tells what it took.
#[allow(clippy::zombie_processes)]
fn run(env: &TestEnv, command_line: &str) -> Taken {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipt"));
    command.args(command_line.split_whitespace()).current_dir(env.path(""));
    // In huge pages, of which a few bytes take 2 MiB, memory would be what chance has spread.
    command.env("MIMALLOC_ALLOW_THP", "0");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut threads = 0;
    loop {
        let folder = std::fs::read_dir(format!("/proc/{}/task", child.id()));
        threads = threads.max(folder.map_or(0, Iterator::count));
        let mut status = 0;
        // SAFETY: rusage is plain numbers, for which zero is a value; wait4 writes to the two places,
        // which live until it returns, and the process is a child that nobody else waits for.
        let (ended, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::wait4(child.id() as i32, &mut status, libc::WNOHANG, &mut usage), usage)
        };
        if ended == child.id() as i32 {
            assert_eq!(status, 0, "{command_line}");
            return Taken { threads, memory: usage.ru_maxrss };
        }
        assert_eq!(ended, 0, "{command_line}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn jobs_govern_all_threads() {
    let env = TestEnv::new();
    for i in 0..12 {
        env.write(&format!("in/{i}.png"), &photo(300, 200));
    }
    env.assert_output("degrade --task denoise30 in noisy", b"");
    for command in [
        "restore --task denoise30 noisy out --overwrite",
        "restore --task sr2 --precision f32 in/0.png out.png --overwrite",
        "degrade --task derain in out --overwrite",
        "score noisy in",
    ] {
        let [one, three] = [1, 3].map(|jobs| run(&env, &format!("{command} -j {jobs}")).threads);
        // Beside the workers: the main thread, which waits for them, and the one that waits for Ctrl-C.
        assert!((2..=3).contains(&one), "{command}: {one} threads with -j 1");
        assert_eq!(three, one + 2, "{command}: threads with -j 3, {one} with -j 1");
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_files() {
    let env = TestEnv::new();
    tiny(&["sr2"]).save(&env.path("m.safetensors"), candle_core::DType::F16).unwrap();
    // Four tiles, and 22 kB of samples: what is kept of each would be seen in the sum, which the allocator's own
    // coming and going in ordinary pages, some MiB, is not.
    let bytes = photo(86, 86);
    for i in 0..1000 {
        env.write(&format!("in/{:02}/{i:04}.png", i / 100), &bytes);
    }
    for (thousand, hundred) in [
        ("degrade --task denoise30 in noisy", "degrade --task denoise30 in/00 few/noisy"),
        (
            "restore -q --task sr2 --model m.safetensors in large",
            "restore -q --task sr2 --model m.safetensors in/00 few/large",
        ),
        ("score noisy in", "score few/noisy in/00"),
    ] {
        // With more than one thread it is chance how much of the work on a picture is begun at once.
        let [many, few] = [thousand, hundred].map(|command| run(&env, &format!("{command} -j 1")).memory);
        assert!(many < few + 16 * 1024, "{thousand}: {many} KiB, and {few} for a hundred");
    }
    assert_eq!((env.files("large").len(), env.files("few/large").len()), (1000, 100));
}

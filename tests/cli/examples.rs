//! The examples of the manual pages and of `--help` do what they say.

use std::path::Path;

use clap::Parser;
use ipt::cli::Cli;

use crate::harness::{TestEnv, grey, tiny};

/// The lines under "Examples:" of a command's long help.
fn examples(command: &clap::Command) -> Vec<String> {
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    lines.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

/// Runs each example of a command in a folder of its own, which has these pictures, streaks and a
/// model; each must succeed.
fn run(command: &clap::Command, least: usize, pictures: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pictures");
    let examples = examples(command);
    assert!(examples.len() >= least, "{examples:?}");
    for example in examples {
        let env = TestEnv::new();
        for name in pictures {
            let picture = match *name {
                // MS-SSIM takes 161 pixels a side.
                "out.png" | "reference.png" => grey(176, 176),
                name if name.ends_with(".jpg") => std::fs::read(folder.join("seaside/fence.jpg")).unwrap(),
                _ => std::fs::read(folder.join("lighthouse.png")).unwrap(),
            };
            env.write(name, &picture);
        }
        env.write("streaks/1.png", &grey(40, 40));
        tiny(&["sr2"]).save(&env.path("run/final.safetensors"), candle_core::DType::F16).unwrap();
        let run = env.bash(&example);
        assert_eq!(run.code, Some(0), "{run}");
    }
}

#[test]
fn of_the_program() {
    run(&ipt::cli::command(), 3, &["photos/a.png", "noisy.png", "a.png"]);
}

#[test]
fn of_restore() {
    let pictures = ["photos/a.jpg", "scans/a.png", "rainy.jpg", "old.jpg", "LR/a.png", "a.png"];
    run(ipt::cli::command().find_subcommand("restore").unwrap(), 6, &pictures);
}

#[test]
fn of_degrade() {
    run(ipt::cli::command().find_subcommand("degrade").unwrap(), 4, &["HR/a.png", "a.png"]);
}

#[test]
fn of_score() {
    let pictures = [
        "restored/a.png",
        "HR/a.png",
        "out.png",
        "reference.png",
        "noisy.png",
        "clean.png",
        "ours/a.png",
        "theirs/a.png",
    ];
    run(ipt::cli::command().find_subcommand("score").unwrap(), 3, &pictures);
}

/// Those that would train for hours are at least understood.
#[test]
fn of_all_commands_are_understood() {
    let mut understood = 0;
    for command in ipt::cli::command().get_subcommands() {
        let examples = examples(command);
        assert!(!examples.is_empty(), "{} has no examples", command.get_name());
        for part in examples.iter().flat_map(|example| example.split(" | ")) {
            let words = part.split([' ']).take_while(|word| !["<", ">", "&&"].contains(word));
            let words: Vec<_> = words.map(|word| word.trim_matches('\'')).collect();
            if words[0] != "ipt" {
                continue;
            }
            let parsed = Cli::try_parse_from(&words);
            assert!(parsed.is_ok(), "{part}: {}", parsed.unwrap_err());
            understood += 1;
        }
    }
    assert!(understood > 20, "{understood}");
}

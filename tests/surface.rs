//! The committed man pages and completions are what the command line's definition gives.
//!
//! `IPT_BLESS=1 cargo test --release --test surface` writes them anew.
// Generated files go straight to their places, and only when blessed.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap_complete::Shell;

/// Compares the folder with what belongs there, or makes it so when blessed.
fn check(folder: &str, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if std::env::var_os("IPT_BLESS").is_some_and(|value| value == "1") {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in expected {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let found: BTreeMap<PathBuf, Vec<u8>> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into(), std::fs::read(entry.path()).unwrap()))
        .collect();
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(expected), "{}: run again with IPT_BLESS=1", folder.display());
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{}: run again with IPT_BLESS=1", folder.join(name).display());
    }
}

#[test]
fn man_pages() {
    let folder = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(ipt::cli::command(), folder.path()).unwrap();
    let pages: BTreeMap<PathBuf, Vec<u8>> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into(), std::fs::read(entry.path()).unwrap()))
        .collect();
    let commands = ipt::cli::command().get_subcommands().count();
    assert_eq!(pages.len(), commands + 1, "a page for each command and one for all");
    check("man", &pages);
}

#[test]
fn completions() {
    let scripts = [Shell::Bash, Shell::Zsh, Shell::Fish].map(|shell| {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut ipt::cli::command(), "ipt", &mut script);
        let name = match shell {
            Shell::Bash => "ipt.bash",
            Shell::Zsh => "_ipt",
            _ => "ipt.fish",
        };
        (PathBuf::from(name), script)
    });
    check("completions", &scripts.into_iter().collect());
}

#[test]
fn the_definition_is_sound() {
    ipt::cli::command().debug_assert();
}

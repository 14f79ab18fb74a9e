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

/// Text as roff has it: hyphens that can be copied, no line that is taken for a request.
fn roff(text: &str) -> String {
    let escape = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    };
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

/// Paragraphs such as "Examples:" with indented lines, as sections of their own.
fn sections(text: &str) -> String {
    let section = |part: &str| {
        let (title, lines) = part.split_once(":\n").unwrap_or_else(|| panic!("no title: {part}"));
        format!(".SH \"{}\"\n.nf\n{}\n.fi\n", title.to_uppercase(), roff(lines))
    };
    text.split("\n\n").map(section).collect()
}

fn page(command: &clap::Command, name: &str, pages: &[String]) -> Vec<u8> {
    let man = clap_mangen::Man::new(command.clone()).title(name);
    let mut page = Vec::new();
    man.render_title(&mut page).unwrap();
    man.render_name_section(&mut page).unwrap();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").lines().map(|line| roff(line.trim()));
    page.extend(format!(".SH SYNOPSIS\n{}\n", usage.collect::<Vec<_>>().join("\n.br\n")).bytes());
    man.render_description_section(&mut page).unwrap();
    man.render_options_section(&mut page).unwrap();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page).unwrap();
    }
    let mut text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    if !text.contains(ipt::cli::EXIT_STATUS) {
        text = format!("{text}\n\n{}", ipt::cli::EXIT_STATUS);
    }
    page.extend(sections(&text).bytes());
    let others: Vec<String> =
        pages.iter().filter(|page| *page != name).map(|page| format!("\\fB{}\\fR(1)", roff(page))).collect();
    page.extend(format!(".SH \"SEE ALSO\"\n{}\n", others.join(",\n")).bytes());
    page
}

#[test]
fn man_pages() {
    let mut command = ipt::cli::command();
    command.build();
    let subcommands = || command.get_subcommands().map(|sub| (format!("ipt-{}", sub.get_name()), sub));
    let commands: Vec<_> = std::iter::once(("ipt".to_owned(), &command)).chain(subcommands()).collect();
    let names: Vec<String> = commands.iter().map(|(name, _)| name.clone()).collect();
    let pages =
        commands.iter().map(|(name, command)| (format!("{name}.1").into(), page(command, name, &names)));
    check("man", &pages.collect());
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

//! What several test programs share.
#![allow(dead_code)]

pub mod golden;
pub mod rain;

use std::io::Write;
use std::path::{Path, PathBuf};

use ipt::picture::{Format, Picture, decode};

/// Data that is not in the repository, in `shared` beside it.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    let found = path.exists();
    if !found {
        // Not eprintln!, which the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no {}", path.display());
    }
    found.then_some(path)
}

pub fn read(path: &Path) -> Picture {
    decode(&std::fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .picture
}

/// The picture files of a folder, by name.
pub fn pictures(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| Format::from_extension(path).is_some());
    paths.sort();
    paths
}

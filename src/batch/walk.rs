//! The files and pictures in a folder.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::{Error, Result, visible};
use crate::picture::Format;

/// A file in a walked folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file, beginning with the folder as it was named.
    pub path: PathBuf,
    /// The file as seen from the folder.
    pub relative: PathBuf,
}

impl Found {
    /// Whether it is named as a picture of a format that is read.
    pub(super) fn is_picture(&self) -> bool {
        Format::from_extension(&self.path).is_some()
    }
}

/// The files in `folder` and the folders below it that a picture's extension names, sorted by
/// path; links are followed. What could not be read is an error in its place.
pub fn pictures(folder: &Path) -> impl Iterator<Item = Result<Found>> + '_ {
    files(folder).filter(|found| found.as_ref().map_or(true, Found::is_picture))
}

/// The same of all files.
pub(super) fn files(folder: &Path) -> impl Iterator<Item = Result<Found>> + '_ {
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    walk.into_iter().filter_map(move |entry| match entry {
        Ok(entry) => entry.file_type().is_file().then(|| {
            let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_path_buf();
            Ok(Found { relative, path: entry.into_path() })
        }),
        Err(error) => Some(Err(unreadable(folder, error))),
    })
}

fn unreadable(folder: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(folder).to_path_buf();
    let error = match error.loop_ancestor() {
        Some(above) => Error::Usage(format!("a link to the folder above it, {}", visible(above))),
        None => error.into_io_error().map_or_else(|| Error::Usage("cannot be read".into()), Error::Io),
    };
    error.at(path)
}

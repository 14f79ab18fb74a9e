//! Whether two paths are one place.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::paths::{Input, Output};
use super::plan::Job;
use crate::error::{Error, Result, visible};

/// Two inputs must not become one output, and no output may be one of the inputs.
pub(super) fn refuse_collisions(jobs: &[Job]) -> Result<()> {
    let mut places = Places::default();
    let mut inputs: HashSet<PathBuf> = HashSet::new();
    for job in jobs {
        if let Input::Path(path) = &job.input {
            inputs.insert(places.of(path));
            // A link is written through by nobody, but read through.
            inputs.extend(std::fs::canonicalize(path));
        }
    }
    let mut outputs: HashMap<PathBuf, &Job> = HashMap::new();
    for job in jobs {
        let Output::Path(path) = &job.output else { continue };
        let place = places.of(path);
        if inputs.contains(&place) {
            return Err(Error::Usage(format!("{} is read and would be written", visible(path))));
        }
        if let Some(other) = outputs.insert(place, job) {
            return Err(Error::Usage(format!(
                "{} and {} would both become {}",
                other.input,
                job.input,
                visible(path)
            )));
        }
    }
    Ok(())
}

/// Names for places in the file system: two paths to one place give one name.
#[derive(Default)]
struct Places {
    /// The folders seen so far; most files of a batch share a few.
    folders: HashMap<PathBuf, PathBuf>,
}

impl Places {
    fn of(&mut self, path: &Path) -> PathBuf {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return canonical(path);
        };
        if !self.folders.contains_key(folder) {
            self.folders.insert(folder.to_path_buf(), canonical(folder));
        }
        self.folders[folder].join(name)
    }
}

/// The path without links, `.` and `..`, as far as it exists; the rest as it is.
pub(super) fn canonical(path: &Path) -> PathBuf {
    let mut existing = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_path_buf() };
    let mut rest: Vec<OsString> = Vec::new();
    loop {
        if let Ok(found) = std::fs::canonicalize(&existing) {
            return rest.into_iter().rev().fold(found, |mut path, part| {
                // What does not exist yet is no link: `..` leads back.
                match Path::new(&part).components().next() {
                    Some(Component::ParentDir) => drop(path.pop()),
                    _ => path.push(part),
                }
                path
            });
        }
        let Some(last) = existing.components().next_back() else { return path.to_path_buf() };
        rest.push(last.as_os_str().to_os_string());
        existing = match existing.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            Some(_) => PathBuf::from("."),
            None => return path.to_path_buf(),
        };
    }
}

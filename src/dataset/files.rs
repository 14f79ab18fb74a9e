//! Which files may be photographs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::batch;
use crate::error::{AtPath, Result};

/// Files that may be photographs, in a fixed order.
#[derive(Debug, Clone, Default)]
pub struct Files {
    pub(super) paths: Vec<PathBuf>,
    /// What was found and cannot be read.
    pub(super) notes: Vec<String>,
}

impl Files {
    /// The files among `paths`, as named, and in the place of each folder the pictures in it and
    /// below, sorted. A folder's files count as pictures by their extension. A file that is found twice
    /// is taken once. What cannot be read below a folder, such as a link to nothing, is noted and
    /// passed over.
    ///
    /// # Errors
    /// When a path does not exist or cannot be read.
    pub fn find(paths: &[PathBuf]) -> Result<Self> {
        let mut files = Self::walk(paths)?;
        // Found twice (a folder and a file in it, a link), it would be drawn twice as often.
        let mut seen = HashSet::new();
        files.paths.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
        Ok(files)
    }

    /// The same, but for links: each has a name of its own.
    pub(super) fn walk(paths: &[PathBuf]) -> Result<Self> {
        let mut files = Self::default();
        for path in paths {
            if !std::fs::metadata(path).at(path)?.is_dir() {
                files.paths.push(path.clone());
                continue;
            }
            // Named, it must be there to be read; what is in it need not.
            std::fs::read_dir(path).at(path)?;
            for found in batch::pictures(path) {
                match found {
                    Ok(found) => files.paths.push(found.path),
                    Err(error) => files.notes.push(format!("{error}: not used")),
                }
            }
        }
        Ok(files)
    }

    /// Without what lies in the folder of a run: what it shows of its progress is no photograph.
    pub fn outside(mut self, run: &Path) -> Self {
        // A folder that is not there yet holds nothing.
        if let Ok(run) = run.canonicalize() {
            self.paths.retain(|file| !file.canonicalize().is_ok_and(|file| file.starts_with(&run)));
        }
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path)
    }

    /// What there is to say of what cannot be read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "b/c.png", "run/samples/d.png"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        folder
    }

    #[test]
    fn what_a_run_shows_is_no_photograph() {
        let folder = folder();
        let [at, run] = ["", "run"].map(|name| folder.path().join(name));
        let all = Files::find(std::slice::from_ref(&at)).unwrap();
        assert_eq!(all.len(), 3);
        let names = |run: &Path| -> Vec<PathBuf> {
            all.clone().outside(run).iter().map(|path| path.strip_prefix(&at).unwrap().into()).collect()
        };
        assert_eq!(names(&run), ["a.png", "b/c.png"].map(PathBuf::from));
        assert_eq!(names(&at.join("b/../run")).len(), 2);
        assert_eq!(names(&at.join("nowhere")).len(), 3);
    }

    #[test]
    fn a_file_is_taken_once() {
        let folder = folder();
        let paths = ["", "b/..", "b/c.png"].map(|name| folder.path().join(name));
        assert_eq!(Files::find(&paths).unwrap().len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn links_to_nowhere_are_noted() {
        use std::os::unix::fs::symlink;
        let folder = folder();
        let at = folder.path();
        symlink(at.join("nothing.png"), at.join("b/gone.png")).unwrap();
        symlink(at, at.join("b/round")).unwrap();
        let files = Files::find(&[at.to_path_buf()]).unwrap();
        assert_eq!(files.len(), 3);
        let [gone, round] = files.notes() else { panic!("{:?}", files.notes()) };
        assert!(gone.contains("b/gone.png: ") && gone.ends_with(": not used"), "{gone}");
        assert!(round.contains("b/round: a link to the folder above it"), "{round}");
        assert!(Files::find(&[at.join("b/gone.png")]).is_err());
    }
}

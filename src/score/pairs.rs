//! Which restored picture belongs to which reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::batch::{self, Input};
use crate::error::{Error, Result};

/// Two pictures to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What both are called: the path in their folder without the extension, with `/`; of two
    /// single files the restored one's stem.
    pub name: String,
    /// The picture to judge.
    pub restored: Input,
    /// What it should be.
    pub reference: Input,
}

/// All pairs, and what has no partner.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Sorted by name.
    pub pairs: Vec<Pair>,
    /// An error for each picture that has no partner, or several, and each unreadable folder.
    pub failures: Vec<Error>,
}

/// Pairs files by their stems; two single pictures are a pair whatever they are called.
///
/// In two folders, every picture of both must have its partner. A single file and a folder are
/// a pair by the file's stem.
///
/// # Errors
/// When stdin is asked for twice or beside a folder, or nothing at all is found.
pub fn match_up(restored: &Path, reference: &Path) -> Result<Pairs> {
    let inputs = [restored, reference].map(Input::new);
    let folders = [restored, reference].map(Path::is_dir);
    match &inputs {
        [Input::Stdin, Input::Stdin] => {
            return Err(Error::Usage("stdin holds one picture, not two: name the other".into()));
        }
        [Input::Stdin, _] | [_, Input::Stdin] if folders.contains(&true) => {
            return Err(Error::Usage("stdin has no name to find in a folder: name its partner".into()));
        }
        _ if folders == [false, false] => {
            let named = if inputs[0] == Input::Stdin { reference } else { restored };
            let [restored, reference] = inputs;
            let pair =
                Pair { name: stem(Path::new(named.file_name().unwrap_or_default())), restored, reference };
            return Ok(Pairs { pairs: vec![pair], failures: Vec::new() });
        }
        _ => {}
    }
    let mut failures = Vec::new();
    let [restored_side, mut reference_side] =
        [restored, reference].map(|path| Side::new(path, &mut failures));
    let mut pairs = Vec::new();
    for (name, path) in restored_side.files {
        match reference_side.files.remove(&name) {
            Some(partner) => {
                let [restored, reference] = [path, partner].map(Input::Path);
                pairs.push(Pair { name, restored, reference });
            }
            None if reference_side.ambiguous.contains(&name) => {}
            None => failures.push(lonely(&path, &name, reference)),
        }
    }
    // A folder of references may hold more than the one picture that is asked about.
    if folders == [true, true] {
        for (name, path) in reference_side.files {
            if !restored_side.ambiguous.contains(&name) {
                failures.push(lonely(&path, &name, restored));
            }
        }
    }
    if pairs.is_empty() && failures.is_empty() {
        return Err(Error::Usage(format!(
            "no pictures in {} and {}",
            restored.display(),
            reference.display()
        )));
    }
    Ok(Pairs { pairs, failures })
}

fn lonely(path: &Path, name: &str, other: &Path) -> Error {
    Error::Usage(format!("no picture {name} in {}", other.display())).at(path)
}

/// The pictures of one side by name.
struct Side {
    files: BTreeMap<String, PathBuf>,
    /// Names that more than one file has.
    ambiguous: Vec<String>,
}

impl Side {
    fn new(path: &Path, failures: &mut Vec<Error>) -> Self {
        let mut side = Side { files: BTreeMap::new(), ambiguous: Vec::new() };
        if !path.is_dir() {
            side.files.insert(stem(Path::new(path.file_name().unwrap_or_default())), path.to_path_buf());
            return side;
        }
        for found in batch::pictures(path) {
            match found {
                Ok(found) => {
                    let name = stem(&found.relative);
                    if let Some(other) = side.files.insert(name.clone(), found.path.clone()) {
                        let message = format!("{} has the same name", other.display());
                        failures.push(Error::Usage(message).at(found.path));
                        side.ambiguous.push(name);
                    }
                }
                Err(error) => failures.push(error),
            }
        }
        for name in &side.ambiguous {
            side.files.remove(name);
        }
        side
    }
}

fn stem(relative: &Path) -> String {
    let path = relative.with_extension("");
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            crate::atomic::write(&folder.path().join(file), b"", crate::atomic::Existing::Refuse).unwrap();
        }
        folder
    }

    fn names(pairs: &Pairs) -> Vec<&str> {
        pairs.pairs.iter().map(|pair| pair.name.as_str()).collect()
    }

    #[test]
    fn by_stem_in_the_same_folder() {
        let restored =
            folder(&["b.png", "deep/a.v1.bmp", "lonely.png", "twice.png", "twice.bmp", "notes.txt"]);
        let reference = folder(&["b.tif", "deep/a.v1.png", "a.v1.png", "twice.png"]);
        let found = match_up(restored.path(), reference.path()).unwrap();
        assert_eq!(names(&found), ["b", "deep/a.v1"]);
        let failures: Vec<String> = found.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures.len(), 3, "{failures:?}");
        assert!(failures[0].contains("twice.png") && failures[0].contains("twice.bmp"), "{failures:?}");
        assert!(failures[1].contains("lonely"), "{failures:?}");
        assert!(failures[2].contains("a.v1.png"), "{failures:?}");
    }

    #[test]
    fn single_files() {
        let other = folder(&["x.png", "y.png"]);
        let named = |a: &str, b: &Path| match_up(Path::new(a), b).map(|found| found.pairs[0].name.clone());
        assert_eq!(named("some/x.bmp", other.path()).unwrap(), "x");
        assert_eq!(named("some/x.bmp", Path::new("y.png")).unwrap(), "x");
        assert_eq!(named("-", Path::new("to/y.png")).unwrap(), "y");
        assert!(match_up(Path::new("-"), Path::new("-")).is_err());
        assert!(match_up(Path::new("-"), other.path()).is_err());
        assert_eq!(match_up(Path::new("some/z.bmp"), other.path()).unwrap().failures.len(), 1);
    }
}

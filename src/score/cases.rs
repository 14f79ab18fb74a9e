//! Which restored pictures belong to which reference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::batch::{self, Input, stem};
use crate::error::{AtPath, Error, Result, visible};

/// A reference and what was restored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What all are called: the path in their folder without the extension, with `/`; of single
    /// files the stem of the first that has a name.
    pub name: String,
    /// The pictures to judge, one of each result.
    pub restored: Vec<Input>,
    /// What they should be.
    pub reference: Input,
}

impl Case {
    /// All its pictures.
    pub fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.restored.iter().chain([&self.reference])
    }
}

/// All cases, and what has no partner.
#[derive(Debug, Default)]
pub struct Cases {
    /// Sorted by name.
    pub cases: Vec<Case>,
    /// An error for each picture that lacks a partner, or has several, and each unreadable folder.
    pub failures: Vec<Error>,
}

/// Finds each result's pictures' references by their stems; single pictures belong together
/// whatever they are called.
///
/// Among folders, every picture of each must have its partner in all others. A single file and a
/// folder belong together by the file's stem.
///
/// # Errors
/// When stdin is asked for twice or beside a folder, or nothing at all is found.
pub fn match_up(results: &[&Path], reference: &Path) -> Result<Cases> {
    let paths: Vec<&Path> = results.iter().copied().chain([reference]).collect();
    let inputs: Vec<Input> = paths.iter().map(|path| Input::new(path)).collect();
    let folders = paths.iter().filter(|path| path.is_dir()).count();
    match inputs.iter().filter(|&input| *input == Input::Stdin).count() {
        0 => {}
        1 if folders > 0 => {
            return Err(Error::Usage("stdin has no name to find in a folder: name its partner".into()));
        }
        1 => {}
        _ => return Err(Error::Usage("stdin holds one picture, not two: name the other".into())),
    }
    if folders == 0 {
        return Ok(Cases { cases: vec![single(&paths, inputs)], failures: Vec::new() });
    }
    // Not there at all, it would be missed once for each picture of the others.
    for path in &paths {
        path.metadata().at(path)?;
    }
    let mut failures = Vec::new();
    let sides: Vec<Side> = paths.iter().map(|path| Side::new(path, &mut failures)).collect();
    let mut cases = Vec::new();
    for name in wanted(&paths, &sides) {
        let found: Option<Vec<Input>> =
            sides.iter().map(|side| Some(Input::Path(side.files.get(name)?.clone()))).collect();
        if let Some(mut restored) = found
            && let Some(reference) = restored.pop()
        {
            cases.push(Case { name: name.clone(), restored, reference });
        } else if !sides.iter().any(|side| side.ambiguous.contains(name)) {
            let have = sides.iter().find_map(|side| side.files.get(name));
            let lacks = sides.iter().position(|side| !side.files.contains_key(name));
            if let (Some(have), Some(lacks)) = (have, lacks) {
                let message = format!("no picture {} in {}", visible(name), visible(paths[lacks]));
                failures.push(Error::Usage(message).at(have));
            }
        }
    }
    if cases.is_empty() && failures.is_empty() {
        let folders: Vec<String> = paths.iter().map(visible).collect();
        return Err(Error::Usage(format!("no pictures in {}", folders.join(" and "))));
    }
    Ok(Cases { cases, failures })
}

/// Of single files: the name is that of the first with one.
fn single(paths: &[&Path], mut inputs: Vec<Input>) -> Case {
    let named = paths.iter().zip(&inputs).find(|(_, input)| **input != Input::Stdin);
    let name = named.and_then(|(path, _)| path.file_name()).unwrap_or_default();
    let name = stem(Path::new(name));
    let reference = inputs.pop().unwrap_or(Input::Stdin);
    Case { name, restored: inputs, reference }
}

/// The names that must be found everywhere, sorted: where a single picture is judged its name, as
/// the folders may hold more than what is asked about.
fn wanted<'a>(paths: &[&Path], sides: &'a [Side]) -> BTreeSet<&'a String> {
    let last = sides.len() - 1;
    let names = |at: usize| sides[at].files.keys();
    if let Some(single) = (0..last).find(|&at| !paths[at].is_dir()) {
        return names(single).collect();
    }
    // A single reference makes no name of its own wanted.
    let count = if paths[last].is_dir() { sides.len() } else { last };
    (0..count).flat_map(names).collect()
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
                        let message = format!("{} has the same name", visible(other));
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

    fn names(found: &Cases) -> Vec<&str> {
        found.cases.iter().map(|case| case.name.as_str()).collect()
    }

    #[test]
    fn by_stem_in_the_same_folder() {
        let restored =
            folder(&["b.png", "deep/a.v1.bmp", "lonely.png", "twice.png", "twice.bmp", "notes.txt"]);
        let reference = folder(&["b.tif", "deep/a.v1.png", "a.v1.png", "twice.png"]);
        let found = match_up(&[restored.path()], reference.path()).unwrap();
        assert_eq!(names(&found), ["b", "deep/a.v1"]);
        let failures: Vec<String> = found.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures.len(), 3, "{failures:?}");
        assert!(failures[0].contains("twice.png") && failures[0].contains("twice.bmp"), "{failures:?}");
        assert!(failures[1].contains("a.v1.png"), "{failures:?}");
        assert!(failures[2].contains("lonely"), "{failures:?}");
    }

    #[test]
    fn single_files() {
        let other = folder(&["x.png", "y.png"]);
        let some = folder(&["x.bmp", "z.bmp"]);
        let beside = |name: &str| match_up(&[&some.path().join(name)], other.path());
        let named = |a: &str, b: &Path| match_up(&[Path::new(a)], b).map(|found| found.cases[0].name.clone());
        assert_eq!(beside("x.bmp").unwrap().cases[0].name, "x");
        assert!(beside("w.bmp").unwrap_err().to_string().contains("w.bmp"));
        assert_eq!(named("some/x.bmp", Path::new("y.png")).unwrap(), "x");
        assert_eq!(named("-", Path::new("to/y.png")).unwrap(), "y");
        assert!(match_up(&[Path::new("-")], Path::new("-")).is_err());
        assert!(match_up(&[Path::new("-")], other.path()).is_err());
        assert_eq!(beside("z.bmp").unwrap().failures.len(), 1);
    }

    #[test]
    fn two_results() {
        let a = folder(&["x.png", "deep/y.png", "only-a.png"]);
        let b = folder(&["x.bmp", "deep/y.bmp"]);
        let reference = folder(&["x.tif", "deep/y.tif", "only-reference.tif"]);
        let found = match_up(&[a.path(), b.path()], reference.path()).unwrap();
        assert_eq!(names(&found), ["deep/y", "x"]);
        assert_eq!(found.cases[1].restored[1], Input::Path(b.path().join("x.bmp")));
        let failures: Vec<String> = found.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(failures[0].contains("only-a") && failures[1].contains("only-reference"), "{failures:?}");

        let single = match_up(&[Path::new("-"), Path::new("b.png")], Path::new("c.png")).unwrap();
        assert_eq!((names(&single), &single.cases[0].restored[0]), (vec!["b"], &Input::Stdin));
        assert!(match_up(&[Path::new("-"), Path::new("b.png")], Path::new("-")).is_err());
    }
}

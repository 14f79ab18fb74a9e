//! What the paths of a command line mean.

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::atomic;
use crate::error::{AtPath, Error, Result, visible};
use crate::picture::Format;

/// Where a picture comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Input {
    /// A file.
    Path(PathBuf),
    /// Standard input, `-`.
    Stdin,
}

/// Where a picture goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Output {
    /// A file.
    Path(PathBuf),
    /// Standard output, `-`.
    Stdout,
}

impl Input {
    /// `-` is stdin, anything else a file.
    pub fn new(path: &Path) -> Self {
        if path == Path::new("-") { Input::Stdin } else { Input::Path(path.to_path_buf()) }
    }

    /// All its bytes.
    pub fn read(&self) -> Result<Vec<u8>> {
        match self {
            Input::Path(path) => Ok(std::fs::read(path)?),
            Input::Stdin => {
                let mut bytes = Vec::new();
                std::io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// The path in records: as it is where it is text.
    pub fn text(&self) -> String {
        match self {
            Input::Path(path) => text(path),
            Input::Stdin => self.to_string(),
        }
    }

    fn is_folder(&self) -> bool {
        matches!(self, Input::Path(path) if path.is_dir())
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Path(path) => f.write_str(&visible(path)),
            Input::Stdin => f.write_str("stdin"),
        }
    }
}

impl Output {
    /// The path in records: as it is where it is text.
    pub fn text(&self) -> String {
        match self {
            Output::Path(path) => text(path),
            Output::Stdout => self.to_string(),
        }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Output::Path(path) => Some(path),
            Output::Stdout => None,
        }
    }

    /// Whether there is something already; a dangling link is something, too.
    pub fn exists(&self) -> bool {
        self.path().is_some_and(|path| path.symlink_metadata().is_ok())
    }

    /// Makes the folder for the file: where that cannot be or no file can be in it, it should be known before
    /// the work.
    pub fn make_room(&self) -> Result<()> {
        self.path().map_or(Ok(()), atomic::make_room)
    }

    /// Writes all of a picture: a file appears whole or not at all.
    ///
    /// A reader of stdout that has seen enough is no error.
    pub fn write(&self, bytes: &[u8], existing: atomic::Existing) -> Result<()> {
        match self {
            Output::Path(path) => atomic::write(path, bytes, existing),
            Output::Stdout => {
                let mut stdout = std::io::stdout().lock();
                match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                    other => other.at("stdout"),
                }
            }
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Path(path) => f.write_str(&visible(path)),
            Output::Stdout => f.write_str("stdout"),
        }
    }
}

/// A path in records and names: as it is where it is text, else so that different paths stay different.
pub fn text(path: &Path) -> String {
    path.to_str().map_or_else(|| visible(path), str::to_owned)
}

/// A relative path's [`text`], with `/` on every machine.
pub fn portable(relative: &Path) -> String {
    relative.iter().map(|part| text(Path::new(part))).collect::<Vec<_>>().join("/")
}

/// What a picture in a folder is called beside those in other folders: its path without the extension,
/// [`portable`].
pub fn stem(relative: &Path) -> String {
    portable(&relative.with_extension(""))
}

/// The paths of a command line, sorted into what is read and where it goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub inputs: Vec<Input>,
    pub target: Target,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Stdout,
    File(PathBuf),
    Folder(PathBuf),
}

impl Request {
    /// Applies the rule of the module above; with a folder `out`, all paths are inputs.
    pub fn new(paths: &[PathBuf], out: Option<&Path>) -> Result<Self> {
        if let Some(out) = out {
            return Self::into_folder(paths, out);
        }
        let (inputs, last) = match paths {
            [] => return Ok(Self { inputs: vec![Input::Stdin], target: Target::Stdout }),
            [only] => (std::slice::from_ref(only), None),
            [inputs @ .., last] => (inputs, Some(last)),
        };
        let inputs: Vec<Input> = inputs.iter().map(|path| Input::new(path)).collect();
        let target = last.map_or(Ok(Target::Stdout), |last| target(&inputs, last))?;
        if target == Target::Stdout
            && let Some(folder) = inputs.iter().find(|input| input.is_folder())
        {
            return Err(Error::Usage(format!(
                "{folder} is a folder: name a folder for the results after it"
            )));
        }
        Self { inputs, target }.checked()
    }

    fn into_folder(paths: &[PathBuf], out: &Path) -> Result<Self> {
        if paths.is_empty() {
            return Err(Error::Usage("no pictures are named".into()));
        }
        refuse_file(out)?;
        let inputs = paths.iter().map(|path| Input::new(path)).collect();
        Self { inputs, target: Target::Folder(out.to_path_buf()) }.checked()
    }

    fn checked(self) -> Result<Self> {
        if matches!(self.target, Target::Folder(_)) && self.inputs.contains(&Input::Stdin) {
            return Err(Error::Usage(
                "stdin has no name for a file in a folder: name the output file".into(),
            ));
        }
        Ok(self)
    }
}

/// The folder for results may be missing, but not something else.
pub(super) fn refuse_file(out: &Path) -> Result<()> {
    if out == Path::new("-") {
        return Err(Error::Usage("--out names a folder, not stdout: for that leave it out".into()));
    }
    match out.exists() && !out.is_dir() {
        true => Err(Error::Usage(format!("{} is not a folder", visible(out)))),
        false => Ok(()),
    }
}

fn target(inputs: &[Input], last: &Path) -> Result<Target> {
    let several = inputs.len() > 1;
    if last == Path::new("-") {
        return match several {
            true => Err(Error::Usage("stdout takes one picture, not several".into())),
            false => Ok(Target::Stdout),
        };
    }
    let slash = last.as_os_str().as_encoded_bytes().ends_with(b"/");
    if last.is_dir() || slash {
        return Ok(Target::Folder(last.to_path_buf()));
    }
    if !several && !inputs[0].is_folder() {
        return Ok(Target::File(last.to_path_buf()));
    }
    // A folder that is not there yet is made, but `ipt ... *.png` without a folder at its end must
    // not make one called z.png, let alone write over the last picture.
    if last.exists() || (several && Format::from_extension(last).is_some()) {
        let what = if several { "several inputs" } else { "a folder" };
        return Err(Error::Usage(format!(
            "{} is not a folder: the results of {what} go into one",
            visible(last)
        )));
    }
    Ok(Target::Folder(last.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(paths: &[&str]) -> Result<Request> {
        Request::new(&paths.iter().map(PathBuf::from).collect::<Vec<_>>(), None)
    }

    #[test]
    fn files_and_pipes() {
        let path = |path: &str| Input::Path(path.into());
        for (paths, inputs, target) in [
            (&[][..], vec![Input::Stdin], Target::Stdout),
            (&["-"], vec![Input::Stdin], Target::Stdout),
            (&["a.png"], vec![path("a.png")], Target::Stdout),
            (&["a.png", "-"], vec![path("a.png")], Target::Stdout),
            (&["-", "b.png"], vec![Input::Stdin], Target::File("b.png".into())),
            (&["a.png", "b.png"], vec![path("a.png")], Target::File("b.png".into())),
            (&["a.png", "out/"], vec![path("a.png")], Target::Folder("out/".into())),
            (&["a.png", "b.png", "out"], vec![path("a.png"), path("b.png")], Target::Folder("out".into())),
        ] {
            assert_eq!(request(paths).unwrap(), Request { inputs, target }, "{paths:?}");
        }
    }

    #[test]
    fn refused() {
        for paths in [
            &["src"][..],
            &["src", "-"],
            &["src", "Cargo.toml"],
            &["a.png", "b.png", "-"],
            &["a.png", "b.png", "c.png"],
            &["a.png", "b.png", "Cargo.toml"],
            &["-", "src"],
            &["-", "out/"],
            &["-", "a.png", "out"],
        ] {
            assert!(matches!(request(paths), Err(Error::Usage(_))), "{paths:?}");
        }
    }
}

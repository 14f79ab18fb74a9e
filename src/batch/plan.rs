//! From paths to a list of jobs that cannot get in each other's way.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::paths::{Input, Output, Request, Target};
use super::walk;
use crate::error::{Error, Result};
use crate::picture::Format;

/// What becomes of outputs that exist before the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// Nothing is done at all.
    #[default]
    Refuse,
    /// They are replaced.
    Overwrite,
    /// They are left, and their inputs are not read.
    Skip,
}

/// How a batch is planned.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What becomes of existing outputs.
    pub existing: Existing,
    /// The format of every output; in folders it also decides the extension.
    pub format: Option<Format>,
}

/// One picture to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What is read.
    pub input: Input,
    /// What is written.
    pub output: Output,
    /// The input's name for random streams, the same on every machine: in a walked folder its
    /// path from there, with `/`; else the file's name; `-` for stdin.
    pub name: String,
    /// The output's format; none is the input's.
    pub format: Option<Format>,
}

/// The jobs of a batch.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of the command line, folders sorted.
    pub jobs: Vec<Job>,
    /// How many outputs exist and are left as they are.
    pub skipped: usize,
    /// What could not even be planned: folders that cannot be read.
    pub failures: Vec<Error>,
    /// What becomes of outputs that have appeared since.
    pub existing: Existing,
}

impl Plan {
    /// Sorts out which files become which.
    ///
    /// # Errors
    /// Whenever the paths make no sense, there is no picture at all, an output exists, two inputs
    /// would become one output, or an output is one of the inputs.
    pub fn new(paths: &[PathBuf], options: &Options) -> Result<Self> {
        let request = Request::new(paths)?;
        let mut plan = Plan { existing: options.existing, ..Plan::default() };
        for input in &request.inputs {
            match input {
                Input::Path(path) if path.is_dir() => plan.add_folder(path, &request, options)?,
                _ => plan.add_file(input, &request.target, options)?,
            }
        }
        plan.refuse_collisions()?;
        plan.settle_existing()?;
        Ok(plan)
    }

    fn add_file(&mut self, input: &Input, target: &Target, options: &Options) -> Result<()> {
        let file_name = match input {
            Input::Path(path) => path.file_name(),
            Input::Stdin => Some("-".as_ref()),
        };
        let Some(file_name) = file_name else {
            return Err(Error::Usage(format!("{input} does not name a file")));
        };
        let output = match target {
            Target::Stdout => Output::Stdout,
            Target::File(path) => Output::Path(path.clone()),
            Target::Folder(folder) => Output::Path(renamed(folder.join(file_name), options.format)),
        };
        let name = file_name.to_string_lossy().into_owned();
        self.jobs.push(Job { format: format(&output, options), input: input.clone(), output, name });
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path, request: &Request, options: &Options) -> Result<()> {
        let Target::Folder(target) = &request.target else {
            return Err(Error::Usage(format!("{} is a folder", folder.display())));
        };
        // Else the next run would take this run's results for pictures.
        if canonical(target).starts_with(canonical(folder)) {
            return Err(Error::Usage(format!(
                "the results of {} cannot go into {}: it is the same folder or lies in it",
                folder.display(),
                target.display()
            )));
        }
        // One folder becomes the target; of several, each keeps its name in it, as with cp.
        let target = match folder.file_name() {
            Some(name) if request.inputs.len() > 1 => target.join(name),
            _ => target.clone(),
        };
        let before = self.jobs.len() + self.failures.len();
        for found in walk::pictures(folder) {
            match found {
                Ok(found) => {
                    let output = Output::Path(renamed(target.join(&found.relative), options.format));
                    self.jobs.push(Job {
                        format: format(&output, options),
                        input: Input::Path(found.path),
                        output,
                        name: portable(&found.relative),
                    });
                }
                Err(error) => self.failures.push(error),
            }
        }
        if self.jobs.len() + self.failures.len() == before {
            return Err(Error::Usage(format!("no pictures in {}", folder.display())));
        }
        Ok(())
    }

    fn refuse_collisions(&self) -> Result<()> {
        let mut places = Places::default();
        let mut inputs: HashSet<PathBuf> = HashSet::new();
        for job in &self.jobs {
            if let Input::Path(path) = &job.input {
                inputs.insert(places.of(path));
                // A link is written through by nobody, but read through.
                inputs.extend(std::fs::canonicalize(path));
            }
        }
        let mut outputs: HashMap<PathBuf, &Job> = HashMap::new();
        for job in &self.jobs {
            let Output::Path(path) = &job.output else { continue };
            let place = places.of(path);
            if inputs.contains(&place) {
                return Err(Error::Usage(format!("{} is read and would be written", path.display())));
            }
            if let Some(other) = outputs.insert(place, job) {
                return Err(Error::Usage(format!(
                    "{} and {} would both become {}",
                    other.input,
                    job.input,
                    path.display()
                )));
            }
        }
        Ok(())
    }

    fn settle_existing(&mut self) -> Result<()> {
        let exists = |job: &Job| match &job.output {
            // A dangling link is something, too.
            Output::Path(path) => path.symlink_metadata().is_ok(),
            Output::Stdout => false,
        };
        match self.existing {
            Existing::Overwrite => {}
            Existing::Skip => {
                let all = self.jobs.len();
                self.jobs.retain(|job| !exists(job));
                self.skipped = all - self.jobs.len();
            }
            Existing::Refuse => {
                let mut existing = self.jobs.iter().filter(|job| exists(job));
                if let Some(first) = existing.next() {
                    let others = match existing.count() {
                        0 => String::new(),
                        others => format!(" (and {others} more)"),
                    };
                    return Err(Error::Usage(format!(
                        "{} exists{others}: --overwrite replaces, --skip-existing leaves what is there",
                        first.output
                    )));
                }
            }
        }
        Ok(())
    }
}

fn format(output: &Output, options: &Options) -> Option<Format> {
    options.format.or_else(|| match output {
        Output::Path(path) => Format::from_extension(path),
        Output::Stdout => None,
    })
}

/// The path with the format's extension, unless it has one that means the same.
fn renamed(path: PathBuf, format: Option<Format>) -> PathBuf {
    match format {
        Some(format) if Format::from_extension(&path) != Some(format) => {
            path.with_extension(format.extension())
        }
        _ => path,
    }
}

fn portable(relative: &Path) -> String {
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
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
fn canonical(path: &Path) -> PathBuf {
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

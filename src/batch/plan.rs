//! From paths to a list of jobs that cannot get in each other's way.

use std::path::{Component, Path, PathBuf};

use super::paths::{Input, Output, Request, Target, portable, refuse_file, text};
use super::places;
use super::walk::{self, Found};
use crate::atomic;
use crate::error::{Error, Result, and_more, visible};
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
    /// A folder for all results; then every path is an input.
    pub out: Option<PathBuf>,
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
    /// Pictures in folders that are of no format that is read, by their extensions.
    pub foreign: Vec<PathBuf>,
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
        let request = Request::new(paths, options.out.as_deref())?;
        let mut plan = Plan { existing: options.existing, ..Plan::default() };
        for input in &request.inputs {
            match input {
                Input::Path(path) if path.is_dir() => plan.add_folder(path, &request, options)?,
                _ => plan.add_file(input, &request.target, options)?,
            }
        }
        plan.checked()
    }

    /// Plans a list of files, as `find` makes it: each keeps its folders in `out`, absolute paths
    /// from the root on.
    ///
    /// # Errors
    /// As [`Plan::new`]; and when a path holds `..` or is a folder.
    pub fn of_list(files: &[PathBuf], out: &Path, options: &Options) -> Result<Self> {
        refuse_file(out)?;
        let results = places::canonical(out);
        let mut plan = Plan { existing: options.existing, ..Plan::default() };
        for file in files {
            // As with folders: what finds the pictures would find the results next time.
            if places::canonical(file).starts_with(&results) {
                let message = format!("lies in {}, where the results go", visible(out));
                return Err(Error::Usage(message).at(file));
            }
            if file.is_dir() {
                return Err(Error::Usage("a folder in a list of files".into()).at(file));
            }
            let mut relative = PathBuf::new();
            for component in file.components() {
                match component {
                    Component::Normal(part) => relative.push(part),
                    Component::ParentDir if relative.pop() => {}
                    Component::ParentDir => {
                        return Err(Error::Usage("'..' leads out of the results' folder".into()).at(file));
                    }
                    Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
                }
            }
            plan.add_found(Found { path: file.clone(), relative }, out, options);
        }
        plan.checked()
    }

    fn checked(mut self) -> Result<Self> {
        places::refuse_collisions(&self.jobs)?;
        self.settle_existing()?;
        Ok(self)
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
        // In a folder, what has such a name is such an input, which is refused when it is read.
        if let Target::File(path) = target
            && options.format.is_none()
            && Format::is_foreign(path)
        {
            let message = "this format is not written, only png, jpeg, webp, tiff, bmp and pnm: see --format";
            return Err(Error::Usage(message.into()).at(path));
        }
        let name = text(Path::new(file_name));
        self.jobs.push(Job { format: format(&output, options), input: input.clone(), output, name });
        Ok(())
    }

    fn add_folder(&mut self, folder: &Path, request: &Request, options: &Options) -> Result<()> {
        let Target::Folder(target) = &request.target else {
            return Err(Error::Usage(format!("{} is a folder", visible(folder))));
        };
        // Else the next run would take this run's results for pictures.
        if places::canonical(target).starts_with(places::canonical(folder)) {
            return Err(Error::Usage(format!(
                "the results of {} cannot go into {}: it is the same folder or lies in it",
                visible(folder),
                visible(target)
            )));
        }
        // One folder becomes the target; of several, each keeps its name in it, as with cp.
        let target = match folder.file_name() {
            Some(name) if request.inputs.len() > 1 => target.join(name),
            _ => target.clone(),
        };
        let before = self.jobs.len() + self.failures.len();
        let foreign_before = self.foreign.len();
        for found in walk::files(folder) {
            match found {
                Ok(found) if found.is_picture() => self.add_found(found, &target, options),
                Ok(found) if Format::is_foreign(&found.path) => self.foreign.push(found.path),
                Ok(_) => {}
                Err(error) => self.failures.push(error),
            }
        }
        if self.jobs.len() + self.failures.len() == before {
            let foreign = self.foreign.get(foreign_before);
            let only = foreign.map_or(String::new(), |path| {
                format!(" but {}, which is of no format that is read", visible(path))
            });
            return Err(Error::Usage(format!("no pictures in {}{only}", visible(folder))));
        }
        Ok(())
    }

    fn add_found(&mut self, found: Found, target: &Path, options: &Options) {
        let output = Output::Path(renamed(target.join(&found.relative), options.format));
        let format = format(&output, options);
        let name = portable(&found.relative);
        self.jobs.push(Job { input: Input::Path(found.path), output, name, format });
    }

    fn settle_existing(&mut self) -> Result<()> {
        if self.existing != Existing::Skip {
            self.jobs.iter().filter_map(|job| job.output.path()).try_for_each(atomic::refuse_special)?;
        }
        match self.existing {
            Existing::Overwrite => {}
            Existing::Skip => {
                let all = self.jobs.len();
                self.jobs.retain(|job| !job.output.exists());
                self.skipped = all - self.jobs.len();
            }
            Existing::Refuse => {
                let mut existing = self.jobs.iter().filter(|job| job.output.exists());
                if let Some(first) = existing.next() {
                    let others = and_more(existing.count());
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

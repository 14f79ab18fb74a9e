//! Inputs and outputs, the same for every command that turns pictures into pictures.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::encoding::Encoding;
use super::values::name;
use crate::picture::Format;

/// How the paths are understood; the end of each command's help.
pub(super) const RULE: &str = "\
Paths:
  (none)          read stdin, write stdout
  IN              write stdout
  IN OUT          a file to a file or into a folder, or a folder's tree mirrored into a folder
  IN... DIR       files and folders into a folder, which is made if need be; the pictures of one
                  folder go right into it, those of each of several into a folder of its name
  IN... --out DIR the same
  -               stdin or stdout
  Of a folder, all files with the extension of a picture are taken, in its subfolders too.
  If an output exists, nothing is done, unless --overwrite or --skip-existing is given.";

/// Inputs and outputs.
#[derive(Debug, Clone, Args)]
pub struct Paths {
    /// Pictures or folders, and at the end where the results go; without any, stdin and stdout
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Folder for the results; then all paths are inputs
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Read the paths of the inputs from FILE (- is stdin), each ended by a zero byte, as `find -print0` writes
    /// them. They keep their folders below DIR; one whose `..` would lead out of it is refused
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "out",
          conflicts_with = "paths")]
    pub files0_from: Option<PathBuf>,
    /// Replace outputs that exist
    #[arg(long, conflicts_with = "skip_existing")]
    pub overwrite: bool,
    /// Make only the outputs that are missing
    #[arg(long)]
    pub skip_existing: bool,
    /// Format of the outputs [default: by the extension of the output, else that of the input]
    #[arg(long, value_name = "FORMAT", value_parser = name::<Format>())]
    pub format: Option<Format>,
    /// Print what would become what, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Begin no further picture after a failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Print a line of JSON for each picture: input, output, task, sizes, format and seconds, or the error; with
    /// restore also the model and its id, with degrade the seed and all parameters
    #[arg(long)]
    pub json: bool,
    /// Print a line for each picture that is done
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// How the outputs are written.
    #[command(flatten)]
    pub encoding: Encoding,
}

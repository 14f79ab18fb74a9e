//! Inputs and outputs, the same for every command that turns pictures into pictures.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::encoding::Encoding;
use super::values::FormatName;
use crate::picture::Format;

/// How the paths are understood; the end of each command's help.
pub(super) const RULE: &str = "\
Paths:
  (none)          read stdin, write stdout
  IN              write stdout
  IN OUT          a file to a file or into a folder, or a folder's tree mirrored into a folder
  IN... DIR       files and folders into a folder, which is made if need be
  IN... --out DIR the same
  -               stdin or stdout
  Of a folder, all files with the extension of a picture are taken, in its subfolders too.";

/// Inputs and outputs.
#[derive(Debug, Clone, Args)]
pub struct Paths {
    /// Pictures or folders, and at the end where the results go; without any, stdin and stdout
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Folder for the results; then all paths are inputs
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Take the inputs from this file (- is stdin), where each ends with a zero byte, as `find
    /// -print0` writes them; each keeps its folders in DIR, out of which none may lead by `..`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "out",
          conflicts_with = "paths")]
    pub files0_from: Option<PathBuf>,
    /// Replace outputs that exist
    #[arg(long, conflicts_with = "skip_existing")]
    pub overwrite: bool,
    /// Leave outputs that exist, and make only what is missing
    #[arg(long)]
    pub skip_existing: bool,
    /// Format of the outputs; else the extension of the output decides, else the input
    #[arg(long, value_name = "FORMAT", value_parser = FormatName)]
    pub format: Option<Format>,
    /// Print what would become what, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// After a failure begin no other picture
    #[arg(long)]
    pub fail_fast: bool,
    /// Print a JSON object for each picture on a line of its own: input, output, task, model and
    /// its id, sizes, format and seconds, or the error; of `degrade` also seed and parameters
    #[arg(long)]
    pub json: bool,
    /// Say of each picture when it is done
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// How the outputs are written.
    #[command(flatten)]
    pub encoding: Encoding,
}

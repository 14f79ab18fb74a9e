//! `ipt merge`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::values::ModelName;

/// Put the tasks of several models into one
///
/// The models have one body: they were trained or tuned from one model with --freeze-body. Of a task
/// that several of them have, the last one's head, tail and embedding are taken. Each task gives what
/// it gave before, to the last bit.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Merge {
    /// Models: files, or `embedded` for the one inside the program
    #[arg(value_name = "MODEL", required = true, num_args = 2.., value_hint = ValueHint::FilePath)]
    pub models: Vec<ModelName>,
    /// The file to write
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    pub overwrite: bool,
}

const EXAMPLES: &str = "\
Examples:
  ipt tune --task sr2 --freeze-body photos/ --out sr2 --max-time 1h
  ipt merge embedded sr2/final.safetensors mine.safetensors
  ipt merge base.safetensors sr2/final.safetensors derain/final.safetensors mine.safetensors";

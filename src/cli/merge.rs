//! `ipt merge`.

use clap::{Args, ValueHint};

use super::values::{ModelName, within};

/// Put the tasks of several models into one
///
/// The models have one body: they were trained or tuned from one model with --freeze-body. Of a task
/// that several of them have, the last one's head, tail and embedding are taken. Each task gives what
/// it gave before, to the last bit, unless --share has it lie between two. Tasks that share a head go on
/// sharing it as long as it is the same for them.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, override_usage = "ipt merge [OPTIONS] <MODEL> <MODEL>... <FILE>")]
pub struct Merge {
    /// Two models or more, files, or `embedded` for the built-in one; and at the end the file to write
    // One list, so that options may stand anywhere in it.
    #[arg(value_name = "MODEL", required = true, value_hint = ValueHint::FilePath)]
    pub paths: Vec<ModelName>,
    /// Where a later model has a task of an earlier one: the share of the later weights in the mean of both. With less
    /// than 1 a tuned model gives back part of what it gained, and of what it lost
    #[arg(long, value_name = "0..1", default_value_t = 1.0, value_parser = within(0.0..=1.0))]
    pub share: f64,
    /// Replace FILE if it exists
    #[arg(long)]
    pub overwrite: bool,
}

const EXAMPLES: &str = "\
Examples:
  ipt tune --task sr2 --freeze-body photos/ --out sr2 --max-time 1h
  ipt merge embedded sr2/final.safetensors mine.safetensors
  ipt merge --share 0.5 embedded sr2/final.safetensors mine.safetensors
  ipt merge base.safetensors sr2/final.safetensors derain/final.safetensors mine.safetensors";

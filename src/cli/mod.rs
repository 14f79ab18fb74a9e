//! The command line: what can be said, in words for `--help`, man pages and completions.
//!
//! Only definitions; `commands` turns them into options and does the work.

pub mod compute;
pub mod degrade;
pub mod encoding;
pub mod export;
pub mod merge;
pub mod paths;
pub mod restore;
pub mod score;
pub mod train;
pub mod training;
pub mod tune;
mod values;

pub use values::ModelName;

use clap::{Args, CommandFactory, Parser, Subcommand};

/// Repairs pictures with a pre-trained image processing transformer
///
/// It enlarges pictures two, three or four times, takes noise or rain away; and it measures,
/// trains and tunes models that do.
#[derive(Debug, Parser)]
#[command(
    name = "ipt",
    version,
    disable_help_subcommand = true,
    after_long_help = "\
Examples:
  ipt restore --task sr2 photos/ larger/
  ipt restore --task denoise30 < noisy.png > clean.png
  ipt degrade --task denoise50 < a.png | ipt restore --task denoise50 | ipt score - a.png

Exit status:
  0    everything is done
  1    some pictures failed; each has a line on stderr, the others are done
  2    the command line, a model or a folder makes no sense; nothing is done
  130  interrupted; no file is left half written
  143  terminated; the same
  129  the terminal is gone; the same (nohup ipt ... goes on)"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options of all commands.
    #[command(flatten)]
    pub global: Global,
}

/// The commands; what is said about each stands above its arguments.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    Restore(restore::Restore),
    Degrade(degrade::Degrade),
    Score(score::Score),
    Train(Box<train::Train>),
    Tune(Box<tune::Tune>),
    Merge(merge::Merge),
    Export(export::Export),
}

/// Options of all commands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Say nothing but errors
    #[arg(short, long, global = true, display_order = 100)]
    pub quiet: bool,
    /// Threads to use; all of the machine's if not given
    #[arg(short, long, global = true, value_name = "N", display_order = 100,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// The whole definition, for man pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

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

/// Repair pictures with a pre-trained image processing transformer
///
/// It enlarges pictures two, three or four times and removes noise or rain, with a model that is built in. It also
/// makes damaged pictures for experiments, measures results, and trains and tunes models.
#[derive(Debug, Parser)]
#[command(
    name = "ipt",
    version,
    disable_help_subcommand = true,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_STATUS}")
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

const EXAMPLES: &str = "\
Examples:
  ipt restore --task sr2 photos/ larger/
  ipt restore --task denoise30 < noisy.png > clean.png
  ipt degrade --task denoise50 < a.png | ipt restore --task denoise50 | ipt score - a.png";

/// What a status says; the end of every man page.
pub const EXIT_STATUS: &str = "\
Exit status:
  0    everything is done
  1    some pictures failed, with a line on stderr for each, and the others are done; or the mean
       is below --min-psnr
  2    the command line, a model or a folder makes no sense; nothing is done
  130  stopped by Ctrl-C; no file is half written, and training has saved its state
  143  the same, by a request to terminate
  129  the same, by the end of the terminal (not under nohup)";

/// The whole definition, for man pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

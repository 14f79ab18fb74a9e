//! `ipt restore`.

use clap::{Args, ValueEnum, ValueHint};

use super::compute::Compute;
use super::paths::{Paths, RULE};
use super::values::{ModelName, TaskName};
use crate::task::Task;

/// Repair pictures: enlarge them, take noise or rain away
///
/// sr2, sr3 and sr4 enlarge two, three and four times; denoise30 and denoise50 take away Gaussian
/// noise of about that standard deviation on the scale 0..255; derain takes away streaks of rain.
///
/// A picture of any size is restored, in tiles that overlap. Without --model, the model inside the
/// program does it; --list tells what a model can do.
///
/// Several tasks are done in one pass: the result of each goes to the next as it is, in 12 bytes a
/// pixel of memory, without being rounded.
///
/// A picture that looks wrong for the task, such as a clean one for denoise50, gets a line on stderr
/// that begins with "hint:", and is restored as told. Opacity (alpha) is enlarged too, and what
/// lies hidden under none does not show in the result.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = format!("{RULE}\n\n{EXAMPLES}"))]
pub struct Restore {
    /// What to undo; the model must have learned it. Several, with commas between, are done one
    /// after the other: derain,denoise30,sr2
    #[arg(short, long = "task", value_name = "TASK", value_delimiter = ',', value_parser = TaskName,
          required_unless_present = "list")]
    pub tasks: Vec<Task>,
    /// Print the model's tasks, how good it is at them, its size, its id and where it comes from
    #[arg(long, conflicts_with_all = ["paths", "out", "files0_from", "baseline"])]
    pub list: bool,
    /// A model of `ipt train` or `ipt tune`, or published weights (.pt); `embedded` is the one inside the program
    #[arg(short, long, value_name = "FILE", default_value = "embedded", value_hint = ValueHint::FilePath,
          conflicts_with = "baseline")]
    pub model: ModelName,
    /// Restore all eight flips and turns of a picture and take the mean, for rain the picture and its
    /// mirror image: eight times the work (twice), a little better
    #[arg(long, conflicts_with = "baseline")]
    pub self_ensemble: bool,
    /// How a picture is cut into tiles of 48 pixels that overlap
    #[arg(long, value_enum, value_name = "TILING", default_value_t = TilingName::Auto, conflicts_with = "baseline")]
    pub tiling: TilingName,
    /// No model: enlarge with the bicubic filter, or pass the picture on as it is. What a model
    /// has to beat
    #[arg(long)]
    pub baseline: bool,
    /// Where and how to compute.
    #[command(flatten)]
    pub compute: Compute,
    /// Inputs and outputs.
    #[command(flatten)]
    pub paths: Paths,
}

/// How a picture is cut into tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TilingName {
    /// Tiles share 10 pixels, blended; 6 where a model adds to a bicubic enlargement, which gives the same
    Auto,
    /// As in the paper: tiles share 10 pixels, blended
    Paper,
    /// As in the published code: a tile every 12 pixels, and the mean of their middles; ten times
    /// the work
    Published,
}

const EXAMPLES: &str = "\
Examples:
  ipt restore --task sr2 photos/ larger/
  ipt restore --task denoise30 --skip-existing scans/ clean/
  ipt restore --task derain --self-ensemble rainy.jpg dry.png
  ipt restore --task derain,denoise30,sr2 old.jpg new.jpg
  ipt restore --list --model run/final.safetensors
  find photos -name '*.jpg' -print0 | ipt restore --task sr2 --files0-from - --out larger/
  ipt restore --task sr4 --baseline LR/ bicubic/
  ipt degrade --task denoise50 < a.png | ipt restore --task denoise50 > b.png";

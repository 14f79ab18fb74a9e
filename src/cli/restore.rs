//! `ipt restore`.

use clap::{Args, ValueEnum, ValueHint};

use super::compute::Compute;
use super::paths::{Paths, RULE};
use super::values::{ModelName, name};
use crate::task::Task;

/// Repair pictures: enlarge them, remove noise or rain
///
/// sr2, sr3 and sr4 enlarge two, three and four times. denoise30 and denoise50 remove Gaussian noise of about that standard
/// deviation on the scale 0..255, which is strong; for other noise tune a model (see `ipt tune`). derain removes
/// streaks of rain.
///
/// Pictures may be of any size; they are restored in tiles that overlap. Without --model the built-in model is used.
/// --list shows what a model can do.
///
/// Several tasks are done in one pass. The result of each goes to the next without being rounded, which takes 12 bytes
/// of memory a pixel.
///
/// A picture that looks wrong for the task, such as a clean one for denoise50, is restored all the same, with a line on
/// stderr that begins with "hint:". Opacity (alpha) is enlarged too; colours under full transparency do not show in the
/// result.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = format!("{RULE}\n\n{EXAMPLES}"))]
pub struct Restore {
    /// What to undo: any task of the model. Several, separated by commas, are done one after the other:
    /// derain,denoise30,sr2
    #[arg(short, long = "task", value_name = "TASK", value_delimiter = ',', value_parser = name::<Task>(),
          required_unless_present = "list")]
    pub tasks: Vec<Task>,
    /// Print the model's tasks, its measured quality, size, id and provenance
    #[arg(long, conflicts_with_all = ["paths", "out", "files0_from", "baseline"])]
    pub list: bool,
    /// A model of `ipt train` or `ipt tune`, or published weights (.pt); `embedded` is the built-in model
    #[arg(short, long, value_name = "FILE", default_value = "embedded", value_hint = ValueHint::FilePath,
          conflicts_with = "baseline")]
    pub model: ModelName,
    /// Average the results for all eight flips and turns of the picture (for derain, for the picture and its mirror
    /// image): a little better, for eight (two) times the work
    #[arg(long, conflicts_with = "baseline")]
    pub self_ensemble: bool,
    /// Leave the transformer out, and let the tail have what the head gives. With the built-in model this takes 28 to 37 % less
    /// time on AVX2; enlargement and rain come out as well, and noise loses 0.003 to 0.016 dB. Other models may lose more: score
    /// both
    #[arg(long, conflicts_with = "baseline")]
    pub skip_transformer: bool,
    /// How a picture is cut into overlapping tiles
    #[arg(long, value_enum, value_name = "TILING", default_value_t = TilingName::Auto, conflicts_with = "baseline")]
    pub tiling: TilingName,
    /// Use no model: enlarge with the bicubic filter, or pass the picture on as it is. This is what a model has to beat
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
    /// Large tiles, up to three times as wide as what the transformer sees at once, that share 10 pixels, blended, or 6 where
    /// a model adds to a bicubic enlargement
    Auto,
    /// As in the paper: tiles of what the transformer sees at once, 48 pixels, or 96 where the model sees squares as pixels,
    /// that share 10
    Paper,
    /// As in the published code: such a tile every quarter of its side, and the mean of their middles; fifteen times the
    /// work
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

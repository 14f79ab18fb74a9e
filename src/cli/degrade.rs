//! `ipt degrade`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::paths::{Paths, RULE};
use super::values::name;
use crate::degrade::Degradation;

/// Damage pictures: shrink them, add noise or rain, compress or blur them
///
/// sr2, sr3 and sr4 crop to a multiple of the scale and shrink with MATLAB's antialiased bicubic
/// filter. denoiseN adds Gaussian noise of standard deviation N on the scale 0..255, then rounds
/// and clips to what the picture can hold. derain adds streaks of rain: grey, of one main
/// direction, clipped. For experiments, jpegN leaves the marks of a JPEG file of quality N with
/// 4:2:0 colour, and blurN blurs with a Gaussian of σ N pixels, the picture mirrored at its borders.
/// Values of denoise and blur may have decimals. Results are rounded, halves up.
///
/// What is drawn at random depends on the seed, the task and the picture's name (in a folder: its
/// path there), not on the order or the number of threads. --json and --record say all that is
/// needed to do the same again.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = format!("{RULE}\n\n{EXAMPLES}"))]
pub struct Degrade {
    /// What `restore` is to undo, or another damage; any denoiseN, jpegN and blurN
    #[arg(short, long, value_parser = name::<Degradation>())]
    pub task: Degradation,
    /// Another seed draws other noise and rain
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Take the rain from the pictures in this folder, bright streaks on black
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub rain_streaks: Option<PathBuf>,
    /// Write into the result, a PNG file, how it was made: a text chunk called ipt with task, seed,
    /// parameters and version as JSON
    #[arg(long)]
    pub record: bool,
    /// Inputs and outputs.
    #[command(flatten)]
    pub paths: Paths,
}

const EXAMPLES: &str = "\
Examples:
  ipt degrade --task sr2 HR/ LR/
  ipt degrade --task denoise50 --seed 7 a.png noisy.png
  ipt degrade --task jpeg40 --record a.png blocky.png
  ipt degrade --task derain --rain-streaks streaks/ *.png rainy/
  ipt degrade --task denoise25 < a.png > noisy.png";

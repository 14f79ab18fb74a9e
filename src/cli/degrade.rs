//! `ipt degrade`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::paths::{Paths, RULE};
use super::values::TaskName;
use crate::task::Task;

/// Damage pictures: shrink them, add noise or rain
///
/// sr2, sr3 and sr4 crop to a multiple of the scale and shrink with MATLAB's antialiased bicubic
/// filter. denoiseN adds Gaussian noise of standard deviation N on the scale 0..255, then rounds
/// and clips to what the picture can hold. derain adds streaks of rain: grey, of one main
/// direction, clipped.
///
/// What is drawn at random depends on the seed, the task and the picture's name (in a folder: its
/// path there), not on the order or the number of threads.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = format!("{RULE}\n\n{EXAMPLES}"))]
pub struct Degrade {
    /// What `restore` is to undo; any denoiseN with N from 1 to 255
    #[arg(short, long, value_parser = TaskName)]
    pub task: Task,
    /// Another seed draws other noise and rain
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Take the rain from the pictures in this folder, bright streaks on black
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub rain_streaks: Option<PathBuf>,
    /// Inputs and outputs.
    #[command(flatten)]
    pub paths: Paths,
}

const EXAMPLES: &str = "\
Examples:
  ipt degrade --task sr2 HR/ LR/
  ipt degrade --task denoise50 --seed 7 a.png noisy.png
  ipt degrade --task derain --rain-streaks streaks/ *.png rainy/
  ipt degrade --task denoise25 < a.png > noisy.png";

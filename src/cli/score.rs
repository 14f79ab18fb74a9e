//! `ipt score`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::values::TaskName;
use crate::task::Task;

/// Measure how near restored pictures are to their references, with PSNR and SSIM
///
/// Two folders are compared picture by picture: names without extensions, and folders in them,
/// are the same. Two files are compared whatever they are called; one of them may be -, stdin.
///
/// PSNR is in dB with a peak of 255; SSIM has an 11×11 Gaussian window with σ 1.5 and counts only
/// where the window fits. Y is the luma of BT.601 (16..235), not rounded; for a grey picture as if
/// R = G = B. PSNR-RGB comes from the error of all three channels, SSIM-RGB is the mean of the
/// three. Opacity is not compared.
///
/// The mean is that of the pictures' values. Identical pictures have an infinite PSNR (`inf`;
/// `null` in JSON), and so has the mean then.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Score {
    /// Picture or folder to judge; - is stdin
    #[arg(value_hint = ValueHint::AnyPath)]
    pub restored: PathBuf,
    /// What it should be; - is stdin
    #[arg(value_hint = ValueHint::AnyPath)]
    pub reference: PathBuf,
    /// Count as is usual for this task: srN crops the reference to a multiple of N and leaves out
    /// a border of N pixels
    #[arg(short, long, value_parser = TaskName)]
    pub task: Option<Task>,
    /// Leave out a border of this many pixels on each side, whatever the task
    #[arg(long, value_name = "PIXELS")]
    pub shave: Option<usize>,
    /// Print one JSON object: images, mean, shave
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV, one line a picture
    #[arg(long)]
    pub csv: bool,
}

const EXAMPLES: &str = "\
Examples:
  ipt score restored/ HR/ --task sr4
  ipt score out.png reference.png --json
  ipt restore --task denoise50 < noisy.png | ipt score - clean.png";

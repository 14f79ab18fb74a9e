//! `ipt score`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::values::name;
use crate::score::{Metric, ProtocolName};
use crate::task::Task;

/// Measure how near restored pictures are to their references
///
/// Pictures of two folders are matched by their paths in them, without extensions. Two files are compared whatever they are called; one of them may be -, stdin.
/// With --ref, two results may be judged by the same references and compared with each other.
///
/// PSNR is in dB with a peak of 255; SSIM has an 11×11 Gaussian window with σ 1.5 and counts only
/// where the window fits; MS-SSIM is that at five scales (Wang 2003) and takes pictures of at least
/// 161 pixels a side. Y is the luma of BT.601 (16..235), not rounded; for a grey picture as if
/// R = G = B. PSNR-RGB comes from the error of all three channels, SSIM-RGB and MS-SSIM-RGB are the
/// mean of the three. Opacity is not compared.
///
/// The mean is that of the pictures' values. Identical pictures have an infinite PSNR (`inf`;
/// `null` in JSON), and so has the mean then. Its 95 % interval is the percentile bootstrap's
/// over 10,000 resamples of the pictures, the same each time.
///
/// Of two results A and B the figures are differences, A less B: how many pictures A wins, ties and
/// loses, the mean difference with its interval, and the p-value of Wilcoxon's signed-rank test, two
/// sided: exact up to 200 pictures that differ, from 100,000 drawn signs beyond.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Score {
    /// Picture or folder to judge; - is stdin
    #[arg(value_hint = ValueHint::AnyPath)]
    pub result: PathBuf,
    /// What it should be; with --ref, a second result to compare with the first; - is stdin
    #[arg(value_name = "REFERENCE", value_hint = ValueHint::AnyPath, required_unless_present = "reference")]
    pub other: Option<PathBuf>,
    /// What the results should be: picture or folder; - is stdin
    #[arg(long = "ref", value_name = "REFERENCE", value_hint = ValueHint::AnyPath)]
    pub reference: Option<PathBuf>,
    /// Measure as is usual for this task: as the protocol srN, denoise or derain
    #[arg(short, long, value_parser = name::<Task>())]
    pub task: Option<Task>,
    /// Measure by the rules of this name, and say on stderr what they are. srN crops the reference to
    /// a multiple of N, leaves out a border of N pixels, and Y decides; denoise and derain count
    /// whole pictures, RGB or Y decides; all round 16 bits to 8. ipt-paper counts as the paper's
    /// code does for the task that --task names: on Y. What decides is what --min-psnr looks at
    #[arg(short, long, value_parser = name::<ProtocolName>())]
    pub protocol: Option<ProtocolName>,
    /// Measure these, separated by commas
    #[arg(short, long, value_parser = name::<Metric>(), value_delimiter = ',', default_value = "psnr,ssim")]
    pub metrics: Vec<Metric>,
    /// Leave out a border of this many pixels on each side, whatever the task
    #[arg(long, value_name = "PIXELS")]
    pub shave: Option<usize>,
    /// Fail, with a line on stderr, if the mean PSNR of the (first) result is below this: that on
    /// what the protocol decides by, on RGB without one
    #[arg(long, value_name = "DB", value_parser = decibels)]
    pub min_psnr: Option<f64>,
    /// Print one JSON object: images, mean, interval, shave, protocol; of two results also
    /// difference
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV, one line for each picture, without the mean
    #[arg(long)]
    pub csv: bool,
    /// Also write the report as a page that works offline: tables that sort, and results, reference
    /// and difference side by side with the worst tiles marked. Of more than 24 pictures the 24 worst
    /// are shown; large ones are shrunk, but not their worst tiles, so that all take about 32 MiB at
    /// most. FILE ends in .html; an older one is replaced
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ipt score restored/ HR/ --protocol sr4
  ipt score ours/ theirs/ --ref HR/ --protocol sr4 --html report.html
  ipt score out.png reference.png --metrics psnr,ms-ssim --json
  ipt score restored/ HR/ --protocol denoise --min-psnr 30
  ipt restore --task denoise50 < noisy.png | ipt score - clean.png";

/// `inf`, which only equal pictures reach, is a number of decibels; NaN, which nothing reaches, is none.
fn decibels(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if !f64::is_nan(number) => Ok(number),
        _ => Err("not a number of decibels".into()),
    }
}

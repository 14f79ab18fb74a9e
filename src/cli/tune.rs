//! `ipt tune`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::training::Training;
use super::values::{ModelName, name};
use crate::task::Task;

/// Fine-tune a trained model to one task
///
/// The result has one task: the model's body, and that task's head, tail and embedding, all trained further.
/// A task that the model has not learned starts from the nearest that it has: noise from the nearest
/// level, enlargement from the nearest scale with a fresh tail. With --freeze-body the body is left as it is, and the
/// result can go back into the model with `ipt merge`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Tune {
    /// The task; any denoiseN too
    #[arg(short, long, value_parser = name::<Task>())]
    pub task: Option<Task>,
    /// A model of `ipt train`, or published weights (.pt) [default: `embedded`, the built-in model]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub model: Option<ModelName>,
    /// Learn from pairs that you have, matched by their paths in both folders without extensions, instead of
    /// degrading photographs; may be given several times
    #[arg(
        long,
        num_args = 2,
        value_names = ["DEGRADED", "CLEAN"],
        value_hint = ValueHint::DirPath,
        conflicts_with_all = ["photos", "files_from"]
    )]
    pub pairs: Vec<PathBuf>,
    /// Measure on pairs that you have; none of their clean pictures is learned from
    #[arg(
        long,
        num_args = 2,
        value_names = ["DEGRADED", "CLEAN"],
        value_hint = ValueHint::DirPath,
        conflicts_with = "validate"
    )]
    pub validate_pairs: Option<Vec<PathBuf>>,
    /// Options shared with `train`.
    #[command(flatten)]
    pub training: Training,
}

const EXAMPLES: &str = "\
Examples:
  ipt tune --task sr3 --model run/final.safetensors photos/ --out sr3 --steps 5000
  ipt tune --task denoise70 photos/ --out denoise70 --max-time 30m
  ipt tune --task denoise50 --pairs noisy/ clean/ --out camera --steps 3000
  ipt tune --task denoise50 --pairs noisy/ clean/ --validate-pairs more/noisy/ more/clean/ --out camera
  ipt tune --out sr3 --resume";

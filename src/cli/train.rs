//! `ipt train`.

use std::ffi::OsString;

use clap::{Args, ValueEnum, ValueHint};

use super::training::Training;
pub use super::values::HeadBlocks;
use super::values::{ModelName, TaskList, name};
use crate::task::Task;

/// Train a model on photographs, for several tasks at once
///
/// Photographs are cut into patches, turned, and degraded as each task asks. The model learns to
/// undo it (Chen et al., "Pre-Trained Image Processing Transformer", 2021). The same options, files
/// and number format give the same weights on the CPU, with any number of threads.
///
/// Ctrl-C ends the step, saves the state and stops; --resume goes on as if nothing had happened.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Train {
    /// Shape of the model [default: default]
    #[arg(long, value_enum, value_name = "PRESET")]
    pub preset: Option<PresetName>,
    /// Begin with a trained model instead of random weights: a file, or `embedded` for the built-in
    /// one. The shape is the model's; a task that it has not learned begins with the nearest
    /// that it has
    #[arg(long, value_name = "MODEL", value_hint = ValueHint::FilePath, conflicts_with = "preset")]
    pub from: Option<ModelName>,
    /// Residual blocks of each head, and, given again, of the heads of these tasks [default: the preset's, or those
    /// of --from]. Where a trained model has fewer, the further ones stand behind them and change nothing until they
    /// have learned
    #[arg(long, value_name = "[TASK,...=]N")]
    pub blocks: Vec<HeadBlocks<1>>,
    /// Residual blocks of a coarse level in the middle of each head, and, given again, of the heads of these tasks: they
    /// see squares of 2×2 as one, and so twice as far for a quarter of the work; 0 for no level [default: those of --from;
    /// in the preset default 6 for noise and rain]. What a trained model has not changes nothing until it has learned
    #[arg(long, value_name = "[TASK,...=]N")]
    pub coarse_blocks: Vec<HeadBlocks<0>>,
    /// Tasks that share one head, where each else has its own: what one learns serves all, and the model is smaller.
    /// To be given once for each such head; `none` for none [default: as in --from; in the preset default all that
    /// enlarge, and all noise]. Where tasks of --from had heads of their own, they begin with the first's
    #[arg(long, value_name = "TASK,...")]
    pub share_head: Vec<TaskList>,
    /// Residual blocks behind the transformer that all tasks share [default: the preset's]. With as many fewer
    /// in each head, more is learned of many tasks in little time
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub shared_blocks: Option<u8>,
    /// Tasks that see squares of 2×2 pixels as one pixel: the same work covers four times the area, and the model sees
    /// twice as far; `none`, or any that do not enlarge [default: as their like in --from or the preset: derain, but not
    /// in base]. Where --from has a task otherwise, its tail begins anew
    #[arg(long, value_name = "TASK,...")]
    pub unshuffle: Option<TaskList>,
    /// Tasks to learn; any denoiseN too [default: those of --from, else
    /// sr2,sr3,sr4,derain,denoise30,denoise50]
    #[arg(long, value_name = "TASK", value_delimiter = ',', value_parser = name::<Task>())]
    pub tasks: Vec<Task>,
    /// How often each task is drawn, relative to the others, in the order of the tasks (`ipt restore --list` tells a
    /// model's) [default: equally]
    #[arg(long, value_name = "WEIGHT", value_delimiter = ',')]
    pub task_weights: Vec<f64>,
    /// Let a task learn from pairs that you have instead of photographs, matched by their paths in both folders
    /// without extensions; may be given several times, for one task or for several
    #[arg(
        long,
        num_args = 3,
        value_names = ["TASK", "DEGRADED", "CLEAN"],
        value_hint = ValueHint::DirPath
    )]
    pub pairs: Vec<OsString>,
    /// Options shared with `tune`.
    #[command(flatten)]
    pub training: Training,
}

/// Shape of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PresetName {
    /// As published: 115 million parameters for one task
    Base,
    /// The shape of the built-in model
    Default,
    /// For trying things out
    Tiny,
}

const EXAMPLES: &str = "\
Examples:
  ipt train photos/ --out run --max-time 2h --validate holdout/
  ipt train --out run --resume
  ipt train photos/ --from embedded --out more --max-time 8h --lr 2e-4
  ipt train photos/ --from embedded --blocks 11 --out deeper --max-time 8h
  ipt train photos/ --from embedded --coarse-blocks denoise30,denoise50=8 --out wider --max-time 8h
  ipt train photos/ --unshuffle denoise30,derain --blocks denoise30=16 --out squares --max-time 8h
  ipt train photos/ --blocks 2 --shared-blocks 8 --out shared --max-time 1h
  ipt train photos/ --share-head sr2,sr3,sr4 --share-head denoise30,denoise50 --out fewer --max-time 1h
  ipt train photos/ --pairs derain rainy/ dry/ --from embedded --out rain --max-time 2h
  ipt train photos/ --out ablation --steps 5000 --lambda 0 --seed 1
  ipt train --config run/config.toml --out again
  find ~/Pictures -name '*.jpg' | ipt train --files-from - --out run --steps 20000";

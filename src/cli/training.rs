//! What `ipt train` and `ipt tune` have in common.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, ValueHint};

use super::values::{name, within};
use crate::device::Placement;
use crate::ops::Numbers;

/// Options of a training run. What is not given comes from --config, or from the run that is
/// resumed, or else is the default.
#[derive(Debug, Clone, Args)]
pub struct Training {
    /// Photographs, or folders of them with all that is below
    #[arg(value_name = "PHOTOS", value_hint = ValueHint::AnyPath)]
    pub photos: Vec<PathBuf>,
    /// Read further photographs from a list, one path a line; - is stdin
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files_from: Option<PathBuf>,
    /// The run's folder, for its result (final.safetensors), checkpoints, log, curves, samples and config.toml
    #[arg(short, long, value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// Leave the body of the trained model as it is: train heads, tails and task embeddings only. What is not
    /// trained at all (in train, a task of weight 0) then gives what it gave before; where it shares its head with a task
    /// that is trained, the run is refused
    #[arg(long)]
    pub freeze_body: bool,
    /// Train as `ipt restore --skip-transformer` restores; with --freeze-body and --lambda 0. With the
    /// built-in model and AVX2 a step takes a quarter less time
    #[arg(long)]
    pub skip_transformer: bool,
    /// Go on from the newest sound checkpoint of the run
    #[arg(long)]
    pub resume: bool,
    /// Start from the options in this file, such as the config.toml of a run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Steps at which the run ends [default: 20000, if there is no --max-time]
    #[arg(long, value_name = "N", help_heading = "Length")]
    pub steps: Option<u64>,
    /// Epochs after which the run ends: an epoch is as many patches as there are pictures
    // More than a billion is a slip and would not fit into a number of steps.
    #[arg(long, value_name = "N", value_parser = within(0.0..=1e9), conflicts_with = "steps", help_heading = "Length")]
    pub epochs: Option<f64>,
    /// Time of training after which the run ends, as in 2h30m; the learning rate follows whichever
    /// of steps and time is nearer its end
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Length")]
    pub max_time: Option<Duration>,
    /// Steps between checkpoints [default: 500]
    #[arg(long, value_name = "N", help_heading = "Length")]
    pub save_every: Option<u64>,
    /// Checkpoints kept, the newest [default: 3]
    #[arg(long, value_name = "N", help_heading = "Length")]
    pub keep: Option<usize>,

    /// Patches in a batch [default: 16]
    #[arg(long, value_name = "N", help_heading = "Learning")]
    pub batch: Option<usize>,
    /// Batches whose gradients make one step [default: 1]
    #[arg(long, value_name = "N", help_heading = "Learning")]
    pub accumulate: Option<usize>,
    /// Another seed gives other weights at the start, and other patches [default: 0]
    #[arg(long, value_name = "N", help_heading = "Learning")]
    pub seed: Option<u64>,
    /// The update rule [default: muon; adam with --schedule paper or --preset base]
    #[arg(long, value_enum, value_name = "RULE", help_heading = "Learning")]
    pub optimizer: Option<RuleName>,
    /// Largest learning rate [default of train: 5e-4, with adam 3e-4, with --schedule paper 5e-5; of tune: 2e-4, with
    /// adam 2e-5]
    #[arg(long, value_name = "RATE", help_heading = "Learning")]
    pub lr: Option<f64>,
    /// How the learning rate goes [default: cosine]
    #[arg(long, value_enum, value_name = "SCHEDULE", help_heading = "Learning")]
    pub schedule: Option<ScheduleName>,
    /// Steps in which the learning rate rises at the start [default: 200]
    #[arg(long, value_name = "N", help_heading = "Learning")]
    pub warmup: Option<u64>,
    /// How restored pictures are compared with the true ones [default: l1]
    #[arg(long, value_enum, value_name = "ERROR", help_heading = "Learning")]
    pub loss: Option<LossName>,
    /// Weight of the contrastive loss beside the L1 in levels of 0..255, or the PSNR in dB; 0 for none [default: 0.1]
    #[arg(long, value_name = "WEIGHT", help_heading = "Learning")]
    pub lambda: Option<f64>,
    /// Which contrastive loss [default: paper]
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Learning")]
    pub contrastive_form: Option<FormName>,
    /// Patches of each image that the contrastive loss compares, drawn anew each step; 0 for all,
    /// which costs as much as a step or more where the model is small [default: 32]
    #[arg(long, value_name = "N", help_heading = "Learning")]
    pub contrastive_patches: Option<usize>,
    /// Largest norm of the gradient, the L1 being on the scale 0..1; 0 for no limit. The default is below the norms that
    /// occur, so that each step weighs the same, whatever its task [default: 0.001]
    #[arg(long, value_name = "NORM", help_heading = "Learning")]
    pub clip: Option<f64>,
    /// Decay of the running mean of the weights, which is the result [default: 0.999]
    #[arg(long, value_name = "DECAY", help_heading = "Learning")]
    pub ema: Option<f64>,

    /// Measure on the good pictures in this folder, degraded as the tasks ask; none of them is trained on
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Pictures")]
    pub validate: Option<PathBuf>,
    /// Steps between measurements [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Pictures")]
    pub validate_every: Option<u64>,
    /// Take half of the rain from the pictures in this folder, bright streaks on black
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Pictures")]
    pub rain_streaks: Option<PathBuf>,
    /// Memory for decoded photographs [default: 2048]
    #[arg(long, value_name = "MIB", help_heading = "Pictures")]
    pub cache: Option<usize>,

    /// Where to compute: auto takes a GPU where there is one; cuda:1 is the second GPU
    /// [default: auto]
    #[arg(long, value_name = "DEVICE", value_parser = name::<Placement>(), help_heading = "Machine")]
    pub device: Option<Placement>,
    /// Number format of products, sums being f32; auto takes bf16 where the machine has it
    /// [default: auto]
    #[arg(long, value_name = "NUMBERS", value_parser = name::<Numbers>(), help_heading = "Machine")]
    pub precision: Option<Numbers>,
}

/// How the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScheduleName {
    /// Falls along half a cosine to near zero
    Cosine,
    /// The paper's: constant, and 40 % of that after two thirds of the run
    Paper,
    /// The same throughout
    Constant,
}

/// The update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RuleName {
    /// Adam for all weights, as in the paper
    Adam,
    /// Muon for the matrices inside, with 20 times the rate; Adam for the rest
    Muon,
}

/// How restored pictures are compared with the true ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LossName {
    /// The mean absolute error, as in the paper
    L1,
    /// The PSNR of each patch, negated. In a last phase it gained 0.01 to 0.06 dB of enlargement over l1
    Psnr,
}

/// Which contrastive loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormName {
    /// Equation 5 of the paper
    Paper,
    /// Supervised contrastive, temperature 0.07
    Supcon,
}

/// A time such as `2h30m`, `90s`, `1.5h` or `1d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("'{text}' is no time such as 2h30m, 45m or 90s");
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(malformed)?;
        let number: f64 = rest[..end].parse().map_err(|_| malformed())?;
        let unit = match rest.as_bytes()[end] {
            b'd' => 86400.0,
            b'h' => 3600.0,
            b'm' => 60.0,
            b's' => 1.0,
            _ => return Err(malformed()),
        };
        seconds += number * unit;
        rest = &rest[end + 1..];
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, seconds) in [("2h30m", 9000), ("90s", 90), ("1.5h", 5400), ("1d", 86400), ("1m1s", 61)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "0s", "5", "h", "1x", "-1s", "1..2s", "2h30", "ü"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}

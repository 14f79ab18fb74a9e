//! `ipt export`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::values::name;
use crate::task::Task;

/// Write a model as a file that Python opens
///
/// The tensors get the names of the authors' published code, so that it, or the package spandrel,
/// loads them. Only models of its kind fit: those of `ipt train --preset base`, and published
/// weights, tuned or not. Weights with out_proj.bias, which PyTorch 1.6 to 1.8 made and some published ones
/// have, keep it, and so need such a PyTorch.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Export {
    /// The model
    #[arg(value_name = "MODEL", value_hint = ValueHint::FilePath)]
    pub model: PathBuf,
    /// The file to write: .pt for torch.load, or .safetensors
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What the model's one task is, where MODEL are published weights that do not say
    #[arg(short, long, value_parser = name::<Task>())]
    pub task: Option<Task>,
    /// Replace FILE if it exists
    #[arg(long)]
    pub overwrite: bool,
}

const EXAMPLES: &str = "\
Examples:
  ipt export run/final.safetensors IPT_sr3.pt
  ipt export IPT_pretrain.pt IPT_pretrain.safetensors";

//! The Image Processing Transformer: Chen et al., "Pre-Trained Image Processing Transformer",
//! CVPR 2021 (arXiv 2012.00364).
//!
//! One shared encoder-decoder transformer between a head and a tail per task. Parameters carry the
//! names of the authors' published state dict (huawei-noah/Pretrained-IPT).

mod blocks;
mod body;
mod coarse;
mod config;
mod decoder;
mod encoder;
mod head;
mod ipt;
mod layers;
mod residual;
mod tail;
mod windows;

pub use blocks::closes_block;
pub use body::{TASK_EMBEDDING, is_shared};
pub use config::{CoarseLevel, Config, Preset, TailForm, TaskEmbedding, head_blocks, shared_heads};
pub use ipt::{Ipt, MEAN, Output};

/// Side of the square of features that the transformer sees at once; of the input too where pixels are not unshuffled.
pub const INPUT: usize = 48;

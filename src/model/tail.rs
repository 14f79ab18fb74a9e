//! The tail: features to a picture, enlarged where the task asks for it.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::layers::Conv2d;
use super::{Config, TailForm};
use crate::ops::{self, Activation, Pass};
use crate::task::Task;

/// Upscaling stages, then Conv3×3 C→3; or Conv3×3 C→3·factor² and the rearrangement to pixels. The factor is the
/// task's scale, or what the head has unshuffled by.
pub(super) struct Tail {
    stages: Vec<Upscale>,
    last: Upscale,
}

struct Upscale {
    conv: Conv2d,
    factor: usize,
}

impl Tail {
    pub fn new(config: &Config, task: Task, vb: VarBuilder) -> Result<Self> {
        let channels = config.channels;
        let factor = task.scale() * config.unshuffle_by(task);
        let (factors, last): (&[usize], usize) = match (config.tail, factor) {
            (TailForm::Direct, _) => (&[], factor),
            (TailForm::Staged, 1) => (&[], 1),
            (TailForm::Staged, 2) => (&[2], 1),
            (TailForm::Staged, 3) => (&[3], 1),
            (TailForm::Staged, _) => (&[2, 2], 1),
        };
        let stages = factors
            .iter()
            .enumerate()
            .map(|(i, &factor)| {
                // The published state dict counts the pixel shuffles too.
                let vb = vb.pp(0).pp(2 * i);
                let conv = Conv2d::new(channels, channels * factor * factor, 3, vb)?;
                Ok(Upscale { conv, factor })
            })
            .collect::<Result<_>>()?;
        let conv = if config.bicubic_residual { Conv2d::zero } else { Conv2d::new };
        let last = Upscale { conv: conv(channels, 3 * last * last, 3, vb.pp(1))?, factor: last };
        Ok(Self { stages, last })
    }

    /// `[B, H, W, C]` → `[B, H·factor, W·factor, 3]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let mut x = x.clone();
        for stage in self.stages.iter().chain([&self.last]) {
            x = stage.forward(&x, pass)?;
        }
        Ok(x)
    }
}

impl Upscale {
    fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        ops::pixel_shuffle(&self.conv.forward(x, Activation::None, None, pass)?, self.factor, pass)
    }
}

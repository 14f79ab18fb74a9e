//! The tail: features to a picture, enlarged where the task asks for it.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::Config;
use super::layers::Conv2d;
use crate::ops::{self, Activation, Pass};
use crate::task::Task;

/// Upscaling stages, then Conv3×3 C→3.
pub(super) struct Tail {
    stages: Vec<Upscale>,
    last: Conv2d,
}

struct Upscale {
    conv: Conv2d,
    factor: usize,
}

impl Tail {
    pub fn new(config: &Config, task: Task, vb: VarBuilder) -> Result<Self> {
        let channels = config.channels;
        let factors: &[usize] = match task.scale() {
            1 => &[],
            2 => &[2],
            3 => &[3],
            _ => &[2, 2],
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
        let last = if config.bicubic_residual { Conv2d::zero } else { Conv2d::new };
        Ok(Self { stages, last: last(channels, 3, 3, vb.pp(1))? })
    }

    /// `[B, H, W, C]` → `[B, H·scale, W·scale, 3]`.
    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let mut x = x.clone();
        for stage in &self.stages {
            x = ops::pixel_shuffle(
                &stage.conv.forward(&x, Activation::None, None, pass)?,
                stage.factor,
                pass,
            )?;
        }
        self.last.forward(&x, Activation::None, None, pass)
    }
}

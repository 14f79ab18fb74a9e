//! One task of one model, ready for pictures.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::tiles::{self, Canvas, Tiling};
use crate::error::Result;
use crate::model::{INPUT, Ipt};
use crate::ops::Precision;
use crate::picture::{Picture, Sample, Samples, resize};
use crate::task::Task;
use crate::weights::Model;

/// Tiles that one thread takes through the whole model at once: few, so that what is between the
/// operators stays in its caches.
const TILES_OF_A_THREAD: usize = 2;

/// How to compute.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where.
    pub device: Device,
    /// In which numbers.
    pub precision: Precision,
    /// Whether each tile is restored in its eight flips and transposes and the mean taken: a
    /// little better, eight times the work.
    pub self_ensemble: bool,
    /// How a picture is cut into tiles of the model's input size.
    pub tiling: Tiling,
}

/// Restores pictures for one task.
pub struct Restorer {
    model: Ipt,
    task: Task,
    self_ensemble: bool,
    tiling: Tiling,
}

impl Restorer {
    /// Makes `model` ready.
    ///
    /// # Errors
    /// When the model lacks the task: the message lists those it has.
    pub fn new(model: &Model, task: Task, options: Options) -> Result<Self> {
        model.config.task_index(task)?;
        let ipt = model.parameters.inference_model(&model.config, options.precision, &options.device)?;
        Ok(Self { model: ipt, task, self_ensemble: options.self_ensemble, tiling: options.tiling })
    }

    /// Restores a picture of any size; it comes back `task.scale()` times as large, in the same
    /// layout and depth.
    ///
    /// Grey goes through the model as three equal channels and is their luminance after. Opacity
    /// is enlarged by bicubic interpolation.
    pub fn restore(&self, picture: &Picture) -> Result<Picture> {
        match picture.samples() {
            Samples::Eight(samples) => self.samples(picture, samples),
            Samples::Sixteen(samples) => self.samples(picture, samples),
        }
    }

    fn samples<S: Sample>(&self, picture: &Picture, input: &[S]) -> Result<Picture> {
        let scale = self.task.scale();
        let (width, height) = (picture.width(), picture.height());
        let channels = picture.layout().channels();
        // Opacity stays as the baseline has it; the colours are written over.
        let opacity = picture.layout().has_alpha().then(|| baseline(picture, self.task).into_samples());
        let output = opacity
            .and_then(S::unwrap)
            .unwrap_or_else(|| vec![S::default(); width * height * scale * scale * channels]);
        let mut canvas = Interleaved { input, output, width, scale, channels };
        tiles::restore(&mut canvas, (width, height), scale, self.tiling, |values, count| {
            let at_once = if self.model.device().is_cpu() { TILES_OF_A_THREAD } else { count };
            let parts = values.par_chunks(at_once * INPUT * INPUT * 3).map(|values| self.tiles(values));
            Ok(parts.collect::<Result<Vec<_>>>()?.concat())
        })?;
        Picture::new(width * scale, height * scale, picture.layout(), S::wrap(canvas.output))
    }

    /// Restores some tiles together.
    fn tiles(&self, values: &[f32]) -> Result<Vec<f32>> {
        let shape = (values.len() / (INPUT * INPUT * 3), INPUT, INPUT, 3);
        let x = Tensor::from_slice(values, shape, self.model.device())?;
        let y = match self.self_ensemble {
            true => self.ensemble(&x)?,
            false => self.model.forward(&x, self.task)?.pictures,
        };
        Ok(y.flatten_all()?.to_vec1()?)
    }

    /// Mean over the eight flips and transposes ("geometric self-ensemble", Lim et al. 2017).
    fn ensemble(&self, x: &Tensor) -> Result<Tensor> {
        let turn = |x: &Tensor, transpose: bool, flips: &[usize]| {
            let x = if transpose { x.transpose(1, 2)? } else { x.clone() };
            if flips.is_empty() { x.contiguous() } else { x.contiguous()?.flip(flips)?.contiguous() }
        };
        let side = INPUT * self.task.scale();
        let mut sum = Tensor::zeros((x.dim(0)?, side, side, 3), x.dtype(), x.device())?;
        for flips in [&[][..], &[1], &[2], &[1, 2]] {
            for transpose in [false, true] {
                let y = self.model.forward(&turn(x, transpose, flips)?, self.task)?.pictures;
                let flipped = turn(&y, false, flips)?;
                sum = (sum + turn(&flipped, transpose, &[])?)?;
            }
        }
        Ok((sum / 8.0)?)
    }
}

/// What the field compares with: bicubic enlargement for super-resolution, else the picture itself.
pub fn baseline(picture: &Picture, task: Task) -> Picture {
    match task.scale() {
        1 => picture.clone(),
        scale => resize(picture, scale as f64),
    }
}

/// Interleaved samples as a canvas.
struct Interleaved<'a, S> {
    input: &'a [S],
    output: Vec<S>,
    /// Of the input, in pixels.
    width: usize,
    scale: usize,
    channels: usize,
}

impl<S: Sample> Canvas for Interleaved<'_, S> {
    fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]) {
        let pixels = self.input[(y * self.width + x) * self.channels..][..width * self.channels]
            .chunks_exact(self.channels);
        for (colour, pixel) in row.chunks_exact_mut(3).zip(pixels) {
            match pixel {
                [r, g, b, ..] => colour.copy_from_slice(&[r, g, b].map(|sample| sample.to_f32() / S::STEP)),
                _ => colour.fill(pixel[0].to_f32() / S::STEP),
            }
        }
    }

    fn write(&mut self, y: usize, row: &[f32]) {
        let stride = self.width * self.scale * self.channels;
        let pixels = self.output[y * stride..][..stride].chunks_exact_mut(self.channels);
        for (pixel, colour) in pixels.zip(row.chunks_exact(3)) {
            match pixel {
                [r, g, b, ..] => {
                    *r = S::round_f32(colour[0] * S::STEP);
                    *g = S::round_f32(colour[1] * S::STEP);
                    *b = S::round_f32(colour[2] * S::STEP);
                }
                // Luminance of BT.601.
                _ => {
                    pixel[0] =
                        S::round_f32((0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) * S::STEP)
                }
            }
        }
    }
}

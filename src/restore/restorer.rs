//! A model, ready to restore pictures for one task or a chain of them.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::canvas::{Colours, Pixels, Source, Stage};
use super::tiles::{self, Tiling};
use crate::error::Result;
use crate::model::{Config, Ipt};
use crate::ops::Precision;
use crate::picture::{Picture, Sample, Samples, resize};
use crate::task::Task;
use crate::weights::Model;

/// Inputs of the model's size that one thread takes through it at once, or one tile of as much and more: few, so that
/// what is between the operators stays in its caches.
const INPUTS_OF_A_THREAD: usize = 2;

/// Inputs that a GPU takes at once.
const INPUTS_OF_A_GPU: usize = 32;

/// The longest side of a tile, in inputs of the model. In larger ones less is computed twice, but caches hold less of them.
const INPUTS_OF_A_SIDE: usize = 3;

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
    /// Whether the transformer is left out ([`Ipt::without_transformer`]).
    pub skip_transformer: bool,
    /// How a picture is cut into tiles.
    pub cutting: Cutting,
}

/// How a picture is cut into tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutting {
    /// Into large ones that share ten pixels, or six where a model adds to a bicubic enlargement: what it adds differs
    /// little at their borders. The transformer sees windows of a tile.
    ByTask,
    /// As in the paper, into inputs of the model's size.
    Paper,
    /// As in the published code, the same.
    Published,
}

impl Cutting {
    fn tiling(self, config: &Config, task: Task) -> Tiling {
        let input = config.input(task);
        match self {
            Cutting::ByTask => Tiling {
                most: INPUTS_OF_A_SIDE * input,
                unit: config.unit(task),
                overlap: if config.bicubic_residual && task.scale() > 1 { 6 } else { 10 },
                ..Tiling::paper(input)
            },
            Cutting::Paper => Tiling::paper(input),
            Cutting::Published => Tiling::published(input),
        }
    }
}

/// Restores pictures: one task, or several one after the other.
pub struct Restorer {
    model: Ipt,
    tasks: Vec<Task>,
    self_ensemble: bool,
    cutting: Cutting,
    /// Inputs of the model's size that are computed together, and how many times as many tiles are taken at once.
    inputs: usize,
    turns: usize,
}

/// How far the work on a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiles {
    /// Tiles that are restored, over all tasks.
    pub done: usize,
    /// All tiles.
    pub total: usize,
}

impl Restorer {
    /// Makes `model` ready for `tasks`, to be done in this order.
    ///
    /// # Errors
    /// When the model lacks a task: the message lists those it has.
    pub fn new(model: &Model, tasks: &[Task], options: Options) -> Result<Self> {
        for &task in tasks {
            model.config.task_index(task)?;
        }
        let ipt = model.parameters.inference_model(&model.config, options.precision, &options.device)?;
        let ipt = if options.skip_transformer { ipt.without_transformer() } else { ipt };
        let tasks = tasks.to_vec();
        // Two turns for each thread, so that one that is slow keeps the others waiting for less.
        let (inputs, turns) = match options.device.is_cpu() {
            true => (INPUTS_OF_A_THREAD, 2 * rayon::current_num_threads()),
            false => (INPUTS_OF_A_GPU, 1),
        };
        let Options { self_ensemble, cutting, .. } = options;
        Ok(Self { model: ipt, tasks, self_ensemble, cutting, inputs, turns })
    }

    /// Restores a picture of any size; it comes back in the same layout and depth, and as many times
    /// as large as the tasks' scales multiply to.
    ///
    /// Grey goes through the model as three equal channels and is their luminance after. Opacity
    /// is enlarged by bicubic interpolation, at once by all scales; colours under none are taken from
    /// those around them. Between two tasks colours are f32, 12 bytes a pixel, clipped to 0..255.
    pub fn restore(&self, picture: &Picture) -> Result<Picture> {
        self.restore_watched(picture, |_| {})
    }

    /// [`Restorer::restore`]; `watch` hears of tiles when they are done.
    pub fn restore_watched(&self, picture: &Picture, mut watch: impl FnMut(Tiles)) -> Result<Picture> {
        let picture = &picture.with_hidden_filled();
        match picture.samples() {
            Samples::Eight(samples) => self.samples(picture, samples, &mut watch),
            Samples::Sixteen(samples) => self.samples(picture, samples, &mut watch),
        }
    }

    fn samples<S: Sample>(
        &self,
        picture: &Picture,
        samples: &[S],
        watch: &mut dyn FnMut(Tiles),
    ) -> Result<Picture> {
        let mut size = (picture.width(), picture.height());
        let (scale, channels) = (scale(&self.tasks), picture.layout().channels());
        let (width, height) = (size.0 * scale, size.1 * scale);
        let mut tiles = Tiles { done: 0, total: self.tiles(size) };
        let mut advance = |count| {
            tiles.done += count;
            watch(tiles);
        };
        let input = Pixels { samples, width: size.0, channels };
        let mut between: Option<Colours> = None;
        let Some((&last, first)) = self.tasks.split_last() else { return Ok(picture.clone()) };
        for &task in first {
            let mut next = Colours::new(size.0 * task.scale(), size.1 * task.scale());
            let from = between.as_ref().map_or(&input as &dyn Source, |colours| colours);
            self.stage(task, Stage { from, to: &mut next }, size, &mut advance)?;
            size = (size.0 * task.scale(), size.1 * task.scale());
            between = Some(next);
        }
        // Opacity stays as it is here; the colours are written over.
        let opacity = picture.layout().has_alpha().then(|| enlarged(picture, scale).into_samples());
        let samples =
            opacity.and_then(S::unwrap).unwrap_or_else(|| vec![S::default(); width * height * channels]);
        let mut output = Pixels { samples, width, channels };
        let from = between.as_ref().map_or(&input as &dyn Source, |colours| colours);
        self.stage(last, Stage { from, to: &mut output }, size, &mut advance)?;
        Picture::new(width, height, picture.layout(), S::wrap(output.samples))
    }

    /// Tiles of all tasks for a picture of this size.
    fn tiles(&self, (mut width, mut height): (usize, usize)) -> usize {
        let mut count = 0;
        for task in &self.tasks {
            count += tiles::count((width, height), self.tiling(*task));
            (width, height) = (width * task.scale(), height * task.scale());
        }
        count
    }

    fn tiling(&self, task: Task) -> Tiling {
        self.cutting.tiling(self.model.config(), task)
    }

    fn stage(
        &self,
        task: Task,
        mut canvas: Stage,
        size: (usize, usize),
        advance: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let tiling = self.tiling(task);
        let (width, height) = tiling.sides(size);
        let share = (self.inputs * tiling.least.pow(2) / (width * height)).max(1);
        tiles::restore(&mut canvas, size, task.scale(), tiling, share * self.turns, |values, count| {
            let parts = values.par_chunks(share * width * height * 3);
            let parts = parts.map(|values| self.restored(values, (width, height), task));
            let parts: Vec<_> = parts.collect::<Result<_>>()?;
            advance(count);
            Ok(parts.concat())
        })
    }

    /// Restores some tiles of the same size together.
    fn restored(&self, values: &[f32], (width, height): (usize, usize), task: Task) -> Result<Vec<f32>> {
        let shape = (values.len() / (width * height * 3), height, width, 3);
        let x = Tensor::from_slice(values, shape, self.model.device())?;
        let y = match self.self_ensemble {
            true => self.ensemble(&x, task)?,
            false => self.model.forward(&x, task)?.pictures,
        };
        Ok(y.flatten_all()?.to_vec1()?)
    }

    /// Mean over the eight flips and transposes ("geometric self-ensemble", Lim et al. 2017); for rain,
    /// which falls, over the picture and its mirror image.
    fn ensemble(&self, x: &Tensor, task: Task) -> Result<Tensor> {
        let turn = |x: &Tensor, transpose: bool, flips: &[usize]| {
            let x = if transpose { x.transpose(1, 2)? } else { x.clone() };
            if flips.is_empty() { x.contiguous() } else { x.contiguous()?.flip(flips)?.contiguous() }
        };
        let (batch, height, width, _) = x.dims4()?;
        let shape = (batch, height * task.scale(), width * task.scale(), 3);
        let mut sum = Tensor::zeros(shape, x.dtype(), x.device())?;
        let (all, transposes): (&[&[usize]], &[bool]) = match task {
            Task::Derain => (&[&[], &[2]], &[false]),
            _ => (&[&[], &[1], &[2], &[1, 2]], &[false, true]),
        };
        for &flips in all {
            for &transpose in transposes {
                let y = self.model.forward(&turn(x, transpose, flips)?, task)?.pictures;
                let flipped = turn(&y, false, flips)?;
                sum = (sum + turn(&flipped, transpose, &[])?)?;
            }
        }
        Ok((sum / (all.len() * transposes.len()) as f64)?)
    }
}

/// What the field compares with: bicubic enlargement by `scale`, or the picture itself if that is 1.
pub fn baseline(picture: &Picture, scale: usize) -> Picture {
    if scale == 1 { picture.clone() } else { enlarged(&picture.with_hidden_filled(), scale) }
}

fn enlarged(picture: &Picture, scale: usize) -> Picture {
    match scale {
        1 => picture.clone(),
        scale => resize(picture, scale as f64),
    }
}

/// How many times as large these tasks, one after the other, make a picture's sides; at most what no picture has.
pub fn scale(tasks: &[Task]) -> usize {
    tasks.iter().fold(1, |scale: usize, task| scale.saturating_mul(task.scale()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Preset;
    use crate::picture::Layout;
    use crate::weights::Parameters;

    #[test]
    fn tiles_of_all_tasks_are_counted() {
        let tasks = ["derain", "sr2"].map(|name| name.parse().unwrap());
        let config = Config::preset(Preset::Tiny, tasks.to_vec());
        let parameters = Parameters::init(&config, 1, &Device::Cpu).unwrap();
        let model = Model { config, parameters, provenance: Default::default() };
        let cutting = Cutting::ByTask;
        let options = Options {
            device: Device::Cpu,
            precision: Precision::F32,
            self_ensemble: false,
            skip_transformer: false,
            cutting,
        };
        let picture = Picture::new(150, 49, Layout::Grey, Samples::Eight(vec![7; 150 * 49])).unwrap();
        let restorer = Restorer::new(&model, &[tasks[1], tasks[0]], options).unwrap();
        let mut seen = Vec::new();
        let restored = restorer.restore_watched(&picture, |tiles| seen.push(tiles)).unwrap();
        assert_eq!((restored.width(), restored.height()), (300, 98));
        // 2 × 1 of the picture, and of one twice as large in tiles that are, since rain is unshuffled.
        assert!(seen.iter().all(|tiles| tiles.total == 2 + 2), "{seen:?}");
        assert!(seen.is_sorted_by(|a, b| a.done < b.done), "{seen:?}");
        assert_eq!(seen.last().map(|tiles| tiles.done), Some(4));
    }
}

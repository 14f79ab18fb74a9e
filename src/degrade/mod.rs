//! Good pictures → the damaged ones that a task restores: shrunk, noisy or rained on.
//!
//! All of it is a pure function of the picture and a random stream; [`stream`] gives the one that
//! depends on seed, task and name alone, so that neither order nor threads matter.

mod layer;
mod noise;
mod rain;
mod streaks;

pub use layer::Layer;
pub use rain::Rain;
pub use streaks::StreakSet;

use rand::Rng;
use rand::rngs::ChaCha8Rng;

use crate::error::Result;
use crate::picture::{Picture, Samples, resize};
use crate::rng;
use crate::task::Task;

/// The random stream for degrading the picture `name` (its path relative to the input folder).
pub fn stream(seed: u64, task: Task, name: &str) -> ChaCha8Rng {
    rng::stream(seed, &[b"degrade", task.to_string().as_bytes(), name.as_bytes()])
}

/// The picture as it would be before `task` restored it, in its own layout and depth.
///
/// - Super-resolution: cropped to a multiple of the scale, then MATLAB's bicubic shrinking, opacity
///   included.
/// - Denoising: N(0, σ) is added to each colour sample (σ on the 0..255 scale), the sum rounded and
///   clipped to the depth; opacity stays.
/// - Deraining: a layer of `streaks` if given, else of a random procedural [`Rain`], is added to all
///   colours alike and clipped; opacity stays.
///
/// # Errors
/// When the picture is smaller than the scale.
pub fn degrade(
    picture: &Picture,
    task: Task,
    rng: &mut impl Rng,
    streaks: Option<&StreakSet>,
) -> Result<Picture> {
    match task {
        Task::SuperResolution(_) => {
            let scale = task.scale();
            Ok(resize(&picture.crop_to_multiple(scale)?, 1.0 / scale as f64))
        }
        Task::Denoise(sigma) => {
            let (layout, sigma) = (picture.layout(), f32::from(sigma.get()));
            let samples = match picture.samples() {
                Samples::Eight(samples) => noise::add(samples, layout, sigma, rng),
                Samples::Sixteen(samples) => noise::add(samples, layout, sigma, rng),
            };
            Picture::new(picture.width(), picture.height(), layout, samples)
        }
        Task::Derain => {
            let (width, height) = (picture.width(), picture.height());
            let layer = match streaks {
                Some(streaks) => streaks.layer(width, height, rng),
                None => Rain::random(rng).layer(width, height, rng),
            };
            layer.added_to(picture)
        }
    }
}

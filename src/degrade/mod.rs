//! Good pictures → the damaged ones that a task restores, shrunk, noisy or rained on; and blurred or
//! compressed ones for experiments.
//!
//! All of it is a pure function of the picture and a random stream; [`stream`] gives the one that
//! depends on seed, task and name alone, so that neither order nor threads matter.

mod blur;
mod degradation;
mod jpeg;
mod layer;
mod noise;
mod rain;
mod record;
mod streaks;

pub use degradation::Degradation;
pub use layer::Layer;
pub use rain::Rain;
pub use record::Record;
pub use streaks::StreakSet;

use std::borrow::Cow;

use rand::Rng;
use rand::rngs::ChaCha8Rng;

use crate::error::Result;
use crate::picture::{Picture, Samples, resize};
use crate::rng;

/// The random stream for degrading the picture `name` (its path relative to the input folder).
pub fn stream(seed: u64, degradation: impl Into<Degradation>, name: &str) -> ChaCha8Rng {
    rng::stream(seed, &[b"degrade", degradation.into().to_string().as_bytes(), name.as_bytes()])
}

/// The picture, damaged, in its own layout and depth: as it would be before a task restored it. Where pixels
/// are taken together, colours under no opacity are those around them.
///
/// - Shrinking: cropped to a multiple of the scale, then MATLAB's bicubic filter, opacity included.
/// - Noise: N(0, σ) is added to each colour sample (σ on the 0..255 scale), the sum rounded and
///   clipped to the depth; opacity stays.
/// - Rain: a layer of `streaks` if given, else of a random procedural [`Rain`], is added to all
///   colours alike and clipped; opacity stays.
/// - JPEG: what a file of that quality with 4:2:0 colour gives back; opacity stays.
/// - Blur: a Gaussian filter, the picture mirrored at its borders; opacity stays.
///
/// # Errors
/// When the picture is smaller than the scale, or too large for a JPEG file.
pub fn degrade(
    picture: &Picture,
    degradation: impl Into<Degradation>,
    rng: &mut impl Rng,
    streaks: Option<&StreakSet>,
) -> Result<Picture> {
    let (width, height, layout) = (picture.width(), picture.height(), picture.layout());
    let degradation = degradation.into();
    // What takes pixels together must not bring hidden colours to light.
    let filled = match degradation {
        Degradation::Shrink(_) | Degradation::Jpeg(_) | Degradation::Blur(_) => picture.with_hidden_filled(),
        Degradation::Noise(_) | Degradation::Rain => Cow::Borrowed(picture),
    };
    let picture = &*filled;
    match degradation {
        Degradation::Shrink(scale) => {
            let scale = scale as usize;
            Ok(resize(&picture.crop_to_multiple(scale)?, 1.0 / scale as f64))
        }
        Degradation::Noise(sigma) => {
            let samples = match picture.samples() {
                Samples::Eight(samples) => noise::add(samples, layout, sigma, rng),
                Samples::Sixteen(samples) => noise::add(samples, layout, sigma, rng),
            };
            Picture::new(width, height, layout, samples)
        }
        Degradation::Rain => {
            let layer = match streaks {
                Some(streaks) => streaks.layer(width, height, rng),
                None => Rain::random(rng).layer(width, height, rng),
            };
            layer.added_to(picture)
        }
        Degradation::Jpeg(quality) => jpeg::compressed(picture, quality),
        Degradation::Blur(sigma) => {
            let samples = match picture.samples() {
                Samples::Eight(samples) => blur::blur(samples, layout, width, sigma),
                Samples::Sixteen(samples) => blur::blur(samples, layout, width, sigma),
            };
            Picture::new(width, height, layout, samples)
        }
    }
}

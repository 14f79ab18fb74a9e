//! Gaussian noise.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::picture::{Layout, Sample, Samples};

/// The samples with noise of standard deviation `sigma` (on the 0..255 scale) added to each colour;
/// sums are rounded and clipped. Opacity stays.
pub(super) fn add<T: Sample>(samples: &[T], layout: Layout, sigma: f32, rng: &mut impl Rng) -> Samples {
    let sigma = sigma * T::STEP;
    let mut samples = samples.to_vec();
    for pixel in samples.chunks_exact_mut(layout.channels()) {
        for sample in &mut pixel[..layout.colours()] {
            let noise: f32 = rng.sample(StandardNormal);
            *sample = T::round_f32(sample.to_f32() + sigma * noise);
        }
    }
    T::wrap(samples)
}

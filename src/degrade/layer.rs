//! A layer of light that is added to a picture.

use crate::error::{Error, Result};
use crate::picture::{Layout, Picture, Sample, Samples};

/// Brightness to be added to each pixel, the same to red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Rows from the top, on the 0..=255 scale.
    pub samples: Vec<u8>,
}

impl Layer {
    /// The picture with this layer added to its colours and clipped; opacity stays.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn added_to(&self, picture: &Picture) -> Result<Picture> {
        if (self.width, self.height) != (picture.width(), picture.height()) {
            return Err(Error::Picture(format!(
                "a layer of {}×{} pixels does not fit a picture of {}×{}",
                self.width,
                self.height,
                picture.width(),
                picture.height()
            )));
        }
        let layout = picture.layout();
        let samples = match picture.samples() {
            Samples::Eight(samples) => add(samples, layout, &self.samples),
            Samples::Sixteen(samples) => add(samples, layout, &self.samples),
        };
        Picture::new(self.width, self.height, layout, samples)
    }
}

fn add<T: Sample>(samples: &[T], layout: Layout, light: &[u8]) -> Samples {
    let mut samples = samples.to_vec();
    for (pixel, &light) in samples.chunks_exact_mut(layout.channels()).zip(light) {
        for sample in &mut pixel[..layout.colours()] {
            *sample = T::round_f32(sample.to_f32() + T::STEP * f32::from(light));
        }
    }
    T::wrap(samples)
}

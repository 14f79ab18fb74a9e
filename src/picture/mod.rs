//! Pictures as samples in memory, and the way in and out of files.

use crate::error::{Error, Result};

/// Which samples a pixel has, in this order, interleaved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Luminance.
    Grey,
    /// Luminance, then opacity.
    GreyAlpha,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, then opacity.
    Rgba,
}

impl Layout {
    /// Samples in a pixel, opacity included.
    pub fn channels(self) -> usize {
        match self {
            Layout::Grey => 1,
            Layout::GreyAlpha => 2,
            Layout::Rgb => 3,
            Layout::Rgba => 4,
        }
    }

    /// Whether the last sample is opacity.
    pub fn has_alpha(self) -> bool {
        matches!(self, Layout::GreyAlpha | Layout::Rgba)
    }
}

/// The samples of a picture: rows from the top, pixels from the left, channels interleaved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// 0..=255.
    Eight(Vec<u8>),
    /// 0..=65535.
    Sixteen(Vec<u16>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Samples::Eight(samples) => samples.len(),
            Samples::Sixteen(samples) => samples.len(),
        }
    }
}

/// A picture in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    layout: Layout,
    samples: Samples,
}

impl Picture {
    /// A picture of `width` × `height` pixels.
    ///
    /// # Errors
    /// When a side is 0 or the number of samples is not width · height · channels.
    pub fn new(width: usize, height: usize, layout: Layout, samples: Samples) -> Result<Self> {
        let expected = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(layout.channels()));
        if width == 0 || height == 0 || expected != Some(samples.len()) {
            return Err(Error::Picture(format!(
                "{} samples do not make a {layout:?} picture of {width}×{height} pixels",
                samples.len()
            )));
        }
        Ok(Self { width, height, layout, samples })
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Which samples a pixel has.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The samples, interleaved.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }
}

//! Pictures as samples in memory, and the way in and out of files.

pub mod colour;
mod decode;
mod encode;
mod format;
mod hidden;
mod ifd;
mod layout;
mod metadata;
mod noise_level;
mod resize;

pub use decode::{Decoded, MAX_PIXELS, decode};
pub use encode::{Chroma, Effort, EncodeOptions, encode, encode_with, refuse_layout, refuse_size};
pub use format::Format;
pub use layout::{Layout, Sample, Samples};
pub use metadata::{Metadata, Strip};
pub use resize::resize;

use crate::error::{Error, Result};

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

    /// The samples, interleaved, taken out.
    pub fn into_samples(self) -> Samples {
        self.samples
    }

    /// The samples of an 8-bit RGB picture, interleaved; none of any other picture.
    pub fn as_rgb8(&self) -> Option<&[u8]> {
        match (&self.samples, self.layout) {
            (Samples::Eight(samples), Layout::Rgb) => Some(samples),
            _ => None,
        }
    }

    /// The part of `width` × `height` pixels whose left upper corner is at column `x`, row `y`.
    ///
    /// # Errors
    /// When the part is empty or reaches over the border.
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Result<Picture> {
        let inside = |start: usize, length, all| start.checked_add(length).is_some_and(|end| end <= all);
        if width == 0 || height == 0 || !inside(x, width, self.width) || !inside(y, height, self.height) {
            return Err(Error::Picture(format!(
                "no part of {width}×{height} pixels at ({x}, {y}) in a picture of {}×{}",
                self.width, self.height
            )));
        }
        let channels = self.layout.channels();
        let samples = match &self.samples {
            Samples::Eight(all) => Samples::Eight(cut(all, self.width, channels, [x, y, width, height])),
            Samples::Sixteen(all) => Samples::Sixteen(cut(all, self.width, channels, [x, y, width, height])),
        };
        Ok(Picture { width, height, layout: self.layout, samples })
    }

    /// Without the right and lower pixels that keep the sides from being multiples of `scale`.
    ///
    /// # Errors
    /// When a side is shorter than `scale`.
    pub fn crop_to_multiple(&self, scale: usize) -> Result<Picture> {
        let (width, height) = (self.width - self.width % scale, self.height - self.height % scale);
        if width == 0 || height == 0 {
            return Err(Error::Picture(format!(
                "a picture of {}×{} pixels is too small to be shrunk {scale} times",
                self.width, self.height
            )));
        }
        self.crop(0, 0, width, height)
    }

    /// The picture in 8-bit RGB: opacity is dropped, grey goes to all three, 16 bits are rounded to 8.
    pub fn to_rgb8(&self) -> Picture {
        let narrow = self.to_eight();
        let (channels, colours) = (self.layout.channels(), self.layout.colours());
        if channels == 3 {
            return narrow;
        }
        let Samples::Eight(samples) = narrow.samples else { unreachable!("just narrowed") };
        let mut rgb = Vec::with_capacity(self.width * self.height * 3);
        for pixel in samples.chunks_exact(channels) {
            rgb.extend_from_slice(&if colours == 3 { [pixel[0], pixel[1], pixel[2]] } else { [pixel[0]; 3] });
        }
        Picture { layout: Layout::Rgb, samples: Samples::Eight(rgb), ..*self }
    }

    /// The picture in 8 bits a sample; 16 bits are rounded.
    pub fn to_eight(&self) -> Picture {
        let samples = match &self.samples {
            Samples::Eight(samples) => samples.clone(),
            Samples::Sixteen(samples) => samples.iter().map(|&sample| layout::narrow(sample)).collect(),
        };
        Picture { samples: Samples::Eight(samples), ..*self }
    }
}

/// The samples of the part `[x, y, width, height]`, known to lie inside.
fn cut<T: Sample>(all: &[T], stride: usize, channels: usize, [x, y, width, height]: [usize; 4]) -> Vec<T> {
    let mut part = Vec::with_capacity(width * height * channels);
    for row in all.chunks_exact(stride * channels).skip(y).take(height) {
        part.extend_from_slice(&row[x * channels..(x + width) * channels]);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, height: usize) -> Picture {
        let samples = (0..width * height).map(|i| i as u8).collect();
        Picture::new(width, height, Layout::Grey, Samples::Eight(samples)).unwrap()
    }

    #[test]
    fn sizes_must_agree() {
        assert!(Picture::new(0, 1, Layout::Grey, Samples::Eight(vec![])).is_err());
        assert!(Picture::new(2, 1, Layout::Rgb, Samples::Eight(vec![0; 5])).is_err());
        assert!(Picture::new(usize::MAX, usize::MAX, Layout::Rgb, Samples::Eight(vec![0; 3])).is_err());
    }

    #[test]
    fn parts_are_cut_where_told() {
        let picture = grey(4, 3);
        let part = picture.crop(1, 1, 2, 2).unwrap();
        assert_eq!(part.samples(), &Samples::Eight(vec![5, 6, 9, 10]));
        for (x, y, width, height) in [(3, 0, 2, 1), (0, 0, 0, 1), (usize::MAX, 0, 2, 1), (0, 3, 1, 1)] {
            assert!(picture.crop(x, y, width, height).is_err());
        }
        let cropped = picture.crop_to_multiple(3).unwrap();
        assert_eq!((cropped.width(), cropped.height()), (3, 3));
        assert!(picture.crop_to_multiple(4).is_err());
    }

    #[test]
    fn every_layout_becomes_rgb8() {
        let of = |layout: Layout, samples| Picture::new(1, 1, layout, samples).unwrap().to_rgb8();
        for (layout, samples, rgb) in [
            (Layout::Grey, Samples::Sixteen(vec![257]), [1, 1, 1]),
            (Layout::GreyAlpha, Samples::Eight(vec![7, 0]), [7, 7, 7]),
            (Layout::Rgb, Samples::Eight(vec![1, 2, 3]), [1, 2, 3]),
            (Layout::Rgba, Samples::Sixteen(vec![65535, 0, 129, 5]), [255, 0, 1]),
        ] {
            assert_eq!(of(layout, samples).as_rgb8().unwrap(), rgb);
        }
    }
}

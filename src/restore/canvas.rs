//! Where tiles are read from and written to: samples of a picture, or the colours between two tasks.

use super::tiles::Canvas;
use crate::picture::Sample;

/// Rows of colours to read, interleaved RGB on the 0..255 scale.
pub trait Source {
    /// Copies `width` pixels of row `y` from column `x` on into `row`.
    fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]);
}

/// Rows of colours to write, interleaved RGB on the 0..255 scale.
pub trait Sink {
    /// Takes all of row `y`.
    fn write(&mut self, y: usize, row: &[f32]);
}

/// From one place to another.
pub struct Stage<'a> {
    pub from: &'a dyn Source,
    pub to: &'a mut dyn Sink,
}

impl Canvas for Stage<'_> {
    fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]) {
        self.from.read(x, y, width, row);
    }

    fn write(&mut self, y: usize, row: &[f32]) {
        self.to.write(y, row);
    }
}

/// A picture's samples; grey is read as three equal colours, opacity is passed over.
pub struct Pixels<T> {
    pub samples: T,
    pub width: usize,
    pub channels: usize,
}

impl<S: Sample> Source for Pixels<&[S]> {
    fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]) {
        let pixels = self.samples[(y * self.width + x) * self.channels..][..width * self.channels]
            .chunks_exact(self.channels);
        for (colour, pixel) in row.chunks_exact_mut(3).zip(pixels) {
            match pixel {
                [r, g, b, ..] => colour.copy_from_slice(&[r, g, b].map(|sample| sample.to_f32() / S::STEP)),
                _ => colour.fill(pixel[0].to_f32() / S::STEP),
            }
        }
    }
}

impl<S: Sample> Sink for Pixels<Vec<S>> {
    fn write(&mut self, y: usize, row: &[f32]) {
        let stride = self.width * self.channels;
        let pixels = self.samples[y * stride..][..stride].chunks_exact_mut(self.channels);
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

/// What one task hands to the next: not rounded, but clipped, as a file would have it.
pub struct Colours {
    values: Vec<f32>,
    width: usize,
}

impl Colours {
    /// Black.
    pub fn new(width: usize, height: usize) -> Self {
        Self { values: vec![0.0; width * height * 3], width }
    }
}

impl Source for Colours {
    fn read(&self, x: usize, y: usize, width: usize, row: &mut [f32]) {
        row.copy_from_slice(&self.values[(y * self.width + x) * 3..][..width * 3]);
    }
}

impl Sink for Colours {
    fn write(&mut self, y: usize, row: &[f32]) {
        let own = &mut self.values[y * self.width * 3..][..self.width * 3];
        for (value, &new) in own.iter_mut().zip(row) {
            *value = new.clamp(0.0, 255.0);
        }
    }
}

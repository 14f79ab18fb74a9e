//! One channel of a picture, given a few rows at a time.
//!
//! A picture of 12 megapixels has 96 MB of `f64` a channel; whoever measures asks for a band of
//! rows, and beside the decoded picture only bands are in memory.

use std::ops::Range;

use rayon::prelude::*;

use super::figure::Colour;
use crate::picture::{Picture, Sample, Samples, colour};

/// Rows of a band: enough to share the rows of SSIM's window, few enough to feed all threads.
pub const BAND: usize = 32;

/// A channel on the scale 0..255.
pub trait Rows: Sync {
    /// Samples in a row.
    fn width(&self) -> usize;
    /// Rows.
    fn height(&self) -> usize;
    /// Puts these rows, one after the other, in place of what `out` holds.
    fn read(&self, rows: Range<usize>, out: &mut Vec<f64>);
}

/// Sums what `work` makes of the bands of `0..rows`, with buffers `B` that are used again: the same
/// sum for any number of threads.
pub fn sum_of_bands<B: Default>(rows: usize, work: impl Fn(&mut B, Range<usize>) -> f64 + Sync) -> f64 {
    let band = |buffers: &mut B, band| work(buffers, band * BAND..rows.min((band + 1) * BAND));
    let sums: Vec<f64> = (0..rows.div_ceil(BAND)).into_par_iter().map_init(B::default, band).collect();
    sums.iter().sum()
}

/// The part of a picture that is counted, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// A channel of a picture, red, green or blue.
#[derive(Debug, Clone, Copy)]
pub struct Channel<'a> {
    pub picture: &'a Picture,
    pub area: Area,
    /// 0, 1 or 2; all are one where the picture is grey. None is luma.
    pub index: Option<usize>,
    /// Whether 16 bits are rounded to 8.
    pub round: bool,
}

impl Rows for Channel<'_> {
    fn width(&self) -> usize {
        self.area.width
    }

    fn height(&self) -> usize {
        self.area.height
    }

    fn read(&self, rows: Range<usize>, out: &mut Vec<f64>) {
        out.clear();
        for row in rows {
            match self.picture.samples() {
                Samples::Eight(all) => self.row(row, all, f64::from, out),
                Samples::Sixteen(all) if self.round => {
                    self.row(row, all, |sample| u8::round(f64::from(sample) / 257.0).to_f64(), out);
                }
                Samples::Sixteen(all) => self.row(row, all, |sample| f64::from(sample) / 257.0, out),
            }
        }
    }
}

impl Channel<'_> {
    fn row<T: Sample>(&self, row: usize, all: &[T], value: impl Fn(T) -> f64, out: &mut Vec<f64>) {
        let layout = self.picture.layout();
        let stride = layout.channels();
        let start = ((self.area.top + row) * self.picture.width() + self.area.left) * stride;
        let pixels = all[start..start + self.area.width * stride].chunks_exact(stride);
        match (self.index, layout.colours()) {
            // Grey is taken as R = G = B.
            (None, 1) => out.extend(pixels.map(|pixel| colour::luma([value(pixel[0]); 3]))),
            (None, _) => {
                out.extend(pixels.map(|pixel| colour::luma([0, 1, 2].map(|channel| value(pixel[channel])))));
            }
            (Some(index), colours) => out.extend(pixels.map(|pixel| value(pixel[index % colours]))),
        }
    }
}

/// Two pictures over the part of them that is compared.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    pub restored: &'a Picture,
    pub reference: &'a Picture,
    pub area: Area,
    pub round: bool,
}

impl<'a> Counted<'a> {
    /// The pairs of channels to compare.
    pub fn channels(&self, colour: Colour) -> Vec<[Channel<'a>; 2]> {
        let pair = |index| {
            let Self { area, round, .. } = *self;
            [self.restored, self.reference].map(|picture| Channel { picture, area, index, round })
        };
        // In two grey pictures all three channels are the same: one tells as much.
        let grey = [self.restored, self.reference].iter().all(|picture| picture.layout().colours() == 1);
        match colour {
            Colour::Y => vec![pair(None)],
            Colour::Rgb => (0..if grey { 1 } else { 3 }).map(|index| pair(Some(index))).collect(),
        }
    }
}

/// One channel in memory, row by row, on the scale 0..255.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Samples in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width · height` samples.
    pub samples: Vec<f64>,
}

impl Rows for Plane {
    fn width(&self) -> usize {
        self.width
    }

    fn height(&self) -> usize {
        self.height
    }

    fn read(&self, rows: Range<usize>, out: &mut Vec<f64>) {
        out.clear();
        out.extend_from_slice(&self.samples[rows.start * self.width..rows.end * self.width]);
    }
}

//! How noisy a picture looks.

use super::{Picture, Sample, Samples};

/// Side of a block in pairs of pixels.
const BLOCK: usize = 8;
/// No more blocks than these are looked at, spread over the picture.
const MOST: usize = 4096;
/// Fewer tell nothing.
const FEWEST: usize = 4;
/// Of the medians of blocks of pure noise, the lower quarter, with all their median being 1.
const LOWER_QUARTER: f64 = 0.9;

impl Picture {
    /// The standard deviation of the noise, on the 0..255 scale, as far as the picture lets it be told
    /// from texture; none where too little of it is neither black nor white.
    ///
    /// Donoho's estimate, median(|HH|) / 0.6745 of the finest diagonal Haar coefficients of green or
    /// grey, in blocks of 16×16 pixels, and of the blocks that of the lower quarter: noise is
    /// everywhere, texture is not. The lower quarter of pure noise is a tenth too low, which is made
    /// good. Clipped samples, whose noise is cut off, are passed over.
    pub fn noise_level(&self) -> Option<f64> {
        match &self.samples {
            Samples::Eight(samples) => level(self, samples),
            Samples::Sixteen(samples) => level(self, samples),
        }
    }
}

fn level<S: Sample>(picture: &Picture, samples: &[S]) -> Option<f64> {
    let side = 2 * BLOCK;
    let (columns, rows) = (picture.width / side, picture.height / side);
    let least = (columns * rows).div_ceil(MOST).max(1);
    // With a factor in common the steps would come down in some columns only.
    let every = (least..).find(|&every| common_factor(every, columns) == 1).unwrap_or(least);
    let blocks = (0..columns * rows).step_by(every);
    let mut levels: Vec<f64> =
        blocks.filter_map(|at| block(picture, samples, at % columns * side, at / columns * side)).collect();
    if levels.len() < FEWEST {
        return None;
    }
    let quarter = levels.len() / 4;
    Some(*levels.select_nth_unstable_by(quarter, f64::total_cmp).1 / LOWER_QUARTER)
}

/// The greatest, by Euclid.
fn common_factor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_factor(b, a % b) }
}

/// The estimate for the block whose upper left pixel this is, if enough of it is not clipped.
fn block<S: Sample>(picture: &Picture, samples: &[S], left: usize, top: usize) -> Option<f64> {
    let (channels, colour) = (picture.layout.channels(), picture.layout.colours() / 2);
    let mut details = Vec::with_capacity(BLOCK * BLOCK);
    for y in (top..).step_by(2).take(BLOCK) {
        for x in (left..).step_by(2).take(BLOCK) {
            let at = |x: usize, y: usize| samples[(y * picture.width + x) * channels + colour].to_f64();
            let four = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
            if four.iter().all(|&sample| sample > 0.0 && sample < S::MAX) {
                details.push((four[0] - four[1] - four[2] + four[3]).abs() / 2.0);
            }
        }
    }
    if details.len() < BLOCK * BLOCK / 2 {
        return None;
    }
    let middle = details.len() / 2;
    let median = *details.select_nth_unstable_by(middle, f64::total_cmp).1;
    Some(median / 0.6745 * 255.0 / S::MAX)
}

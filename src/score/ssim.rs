//! Structural similarity (Wang, Bovik, Sheikh, Simoncelli, 2004), as its authors compute it:
//! an 11×11 Gaussian window with σ 1.5, K1 0.01, K2 0.03, only where the window fits.

use std::array;
use std::ops::Range;

use super::rows::{Rows, sum_of_bands};

/// The side of the window in pixels; smaller pictures have no SSIM.
pub const WINDOW: usize = 11;

const HALF: usize = WINDOW / 2;
const SIGMA: f64 = 1.5;
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// Mean SSIM of two channels of the same size, at least [`WINDOW`] pixels a side, on 0..255.
pub fn ssim(a: &impl Rows, b: &impl Rows) -> f64 {
    mean(a, b, similarity)
}

/// Mean of SSIM's second factor, which compares contrast and structure but not luminance.
pub fn contrast(a: &impl Rows, b: &impl Rows) -> f64 {
    mean(a, b, contrast_at)
}

/// Mean over all windows of what `at` makes of the means in each.
fn mean(a: &impl Rows, b: &impl Rows, at: impl Fn(Means) -> f64 + Sync) -> f64 {
    let weights = weights();
    let rows = a.height() - 2 * HALF;
    let columns = a.width() - 2 * HALF;
    let sum = sum_of_bands(rows, |band: &mut Band, rows| {
        band.read(a, b, rows.start..rows.end + 2 * HALF);
        (0..rows.len()).map(|row| band.sum_of_row(row, a.width(), &weights, &at)).sum()
    });
    sum / (rows * columns) as f64
}

/// The Gaussian's samples from its middle outwards; the whole window sums to 1.
fn weights() -> [f64; HALF + 1] {
    let raw: [f64; HALF + 1] =
        std::array::from_fn(|distance| (-((distance * distance) as f64) / (2.0 * SIGMA * SIGMA)).exp());
    let sum = raw[0] + 2.0 * raw[1..].iter().sum::<f64>();
    raw.map(|weight| weight / sum)
}

/// The local means that SSIM needs, of a, b, a² + b² and a·b: the two variances only occur as their
/// sum.
type Means = [f64; 4];

/// The rows of a band before, between and after the two passes of the separable window.
#[derive(Default)]
struct Band {
    /// As many rows as were read.
    samples: [Vec<f64>; 4],
    /// One row, filtered down the columns.
    down: [Vec<f64>; 4],
    /// One row, filtered both ways.
    means: [Vec<f64>; 4],
}

impl Band {
    fn read(&mut self, a: &impl Rows, b: &impl Rows, rows: Range<usize>) {
        let [from_a, from_b, squares, product] = &mut self.samples;
        a.read(rows.clone(), from_a);
        b.read(rows, from_b);
        squares.clear();
        squares.extend(from_a.iter().zip(from_b.iter()).map(|(a, b)| a * a + b * b));
        product.clear();
        product.extend(from_a.iter().zip(from_b.iter()).map(|(a, b)| a * b));
    }

    /// Sum of `at` over the windows whose top row is `row` of the band.
    fn sum_of_row(
        &mut self,
        row: usize,
        width: usize,
        weights: &[f64; HALF + 1],
        at: impl Fn(Means) -> f64,
    ) -> f64 {
        let columns = width - 2 * HALF;
        for ((samples, down), means) in self.samples.iter().zip(&mut self.down).zip(&mut self.means) {
            down.resize(width, 0.0);
            filter(array::from_fn(|tap| &samples[(row + tap) * width..]), weights, down);
            means.resize(columns, 0.0);
            filter(array::from_fn(|tap| &down[tap..]), weights, means);
        }
        let [a, b, squares, product] = self.means.each_ref().map(|means| &means[..columns]);
        (0..columns).map(|x| at([a[x], b[x], squares[x], product[x]])).sum()
    }
}

/// The window along one axis: each of `out` from what stands at its place in each line.
fn filter(lines: [&[f64]; WINDOW], weights: &[f64; HALF + 1], out: &mut [f64]) {
    for (out, middle) in out.iter_mut().zip(lines[HALF]) {
        *out = weights[0] * middle;
    }
    // Two lines at a time, so that the compiler uses vectors.
    for distance in 1..=HALF {
        let (weight, before, after) = (weights[distance], lines[HALF - distance], lines[HALF + distance]);
        for ((out, before), after) in out.iter_mut().zip(before).zip(after) {
            *out += weight * (before + after);
        }
    }
}

/// SSIM in a window.
fn similarity(means: Means) -> f64 {
    let [a, b, ..] = means;
    (2.0 * a * b + C1) / (a * a + b * b + C1) * contrast_at(means)
}

fn contrast_at([a, b, squares, product]: Means) -> f64 {
    let covariance = product - a * b;
    let variances = squares - (a * a + b * b);
    (2.0 * covariance + C2) / (variances + C2)
}

#[cfg(test)]
mod tests {
    use super::super::rows::Plane;
    use super::*;

    #[test]
    fn the_window_is_matlabs() {
        // fspecial('gaussian', 11, 1.5): the middle row's first and middle weights over their sum.
        let weights = weights();
        assert!((weights[0] - 0.266_011_724_861_794_36).abs() < 1e-15);
        assert!((weights[HALF] - 0.001_028_380_084_479_109).abs() < 1e-15);
    }

    #[test]
    fn identical_is_one() {
        let samples = (0..13 * 47).map(|i| f64::from(i * 7919 % 256)).collect();
        let plane = Plane { width: 13, height: 47, samples };
        assert!((ssim(&plane, &plane) - 1.0).abs() < 1e-12);
    }
}

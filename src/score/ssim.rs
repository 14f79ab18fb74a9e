//! Structural similarity (Wang, Bovik, Sheikh, Simoncelli, 2004), as its authors compute it:
//! an 11×11 Gaussian window with σ 1.5, K1 0.01, K2 0.03, only where the window fits.

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

/// Mean over all windows of what `at` makes of the means of a, b, a² + b² and a·b in each.
fn mean(a: &impl Rows, b: &impl Rows, at: impl Fn(Means<f64>) -> f64 + Sync) -> f64 {
    let weights = weights();
    let rows = a.height() - 2 * HALF;
    let columns = a.width() - 2 * HALF;
    let sum = sum_of_bands(rows, |(from_a, from_b), band| {
        let count = band.len();
        a.read(band.start..band.end + 2 * HALF, from_a);
        b.read(band.start..band.end + 2 * HALF, from_b);
        let mut filter = RowFilter::new(a.width(), weights);
        (0..count).map(|row| filter.row(from_a, from_b, row, &at)).sum()
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

/// The four local means that SSIM needs. The two variances only occur as their sum, so that
/// a² + b² is filtered once.
struct Means<T> {
    a: T,
    b: T,
    squares: T,
    product: T,
}

impl Means<Vec<f64>> {
    fn new(width: usize) -> Self {
        let zeros = || vec![0.0; width];
        Self { a: zeros(), b: zeros(), squares: zeros(), product: zeros() }
    }
}

/// The separable window at one row: down the columns first, then along the row.
struct RowFilter {
    weights: [f64; HALF + 1],
    width: usize,
    down: Means<Vec<f64>>,
    along: Means<Vec<f64>>,
}

impl RowFilter {
    fn new(width: usize, weights: [f64; HALF + 1]) -> Self {
        Self { weights, width, down: Means::new(width), along: Means::new(width - 2 * HALF) }
    }

    /// Sum of `at` over the windows whose top row is `row` of these.
    fn row(&mut self, a: &[f64], b: &[f64], row: usize, at: impl Fn(Means<f64>) -> f64) -> f64 {
        let width = self.width;
        let down = &mut self.down;
        for means in [&mut down.a, &mut down.b, &mut down.squares, &mut down.product] {
            means.fill(0.0);
        }
        for tap in 0..WINDOW {
            let weight = self.weights[tap.abs_diff(HALF)];
            let line = (row + tap) * width..(row + tap + 1) * width;
            let (a, b) = (&a[line.clone()], &b[line]);
            // Cut to one length, so that the compiler drops the checks and uses vectors.
            let (to_a, to_b) = (&mut down.a[..width], &mut down.b[..width]);
            let (squares, product) = (&mut down.squares[..width], &mut down.product[..width]);
            for x in 0..width {
                let (a, b) = (a[x], b[x]);
                to_a[x] += weight * a;
                to_b[x] += weight * b;
                squares[x] += weight * (a * a + b * b);
                product[x] += weight * (a * b);
            }
        }
        let along = &mut self.along;
        convolve(&down.a, &self.weights, &mut along.a);
        convolve(&down.b, &self.weights, &mut along.b);
        convolve(&down.squares, &self.weights, &mut along.squares);
        convolve(&down.product, &self.weights, &mut along.product);
        let means = along.a.iter().zip(&along.b).zip(along.squares.iter().zip(&along.product));
        means.map(|((&a, &b), (&squares, &product))| at(Means { a, b, squares, product })).sum()
    }
}

fn convolve(line: &[f64], weights: &[f64; HALF + 1], out: &mut [f64]) {
    let count = out.len();
    let middle = &line[HALF..HALF + count];
    for (out, middle) in out.iter_mut().zip(middle) {
        *out = weights[0] * middle;
    }
    for (distance, weight) in weights.iter().enumerate().skip(1) {
        let left = &line[HALF - distance..][..count];
        let right = &line[HALF + distance..][..count];
        for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
            *out += weight * (left + right);
        }
    }
}

/// SSIM in a window.
fn similarity(means: Means<f64>) -> f64 {
    let Means { a, b, .. } = means;
    (2.0 * a * b + C1) / (a * a + b * b + C1) * contrast_at(means)
}

fn contrast_at(Means { a, b, squares, product }: Means<f64>) -> f64 {
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

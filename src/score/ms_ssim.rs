//! SSIM at five scales (Wang, Simoncelli, Bovik, 2003), as its authors compute it.
//!
//! Contrast and structure are compared at every scale and luminance at the coarsest; from one scale
//! to the next the mean of 2×2 pixels becomes one, edges mirrored where a side is odd. A factor
//! below 0, where the authors' power has no real value, counts as 0.

use rayon::prelude::*;

use super::rows::{Plane, Rows};
use super::ssim::{WINDOW, contrast, ssim};

/// The exponents, from the finest scale to the coarsest.
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// The shortest side in pixels of which five scales can be made: at the last, the window just fits.
pub const SHORTEST: usize = (WINDOW - 1) * (1 << (WEIGHTS.len() - 1)) + 1;

/// MS-SSIM of two channels of the same size, at least [`SHORTEST`] pixels a side, on 0..255.
pub fn ms_ssim(a: &impl Rows, b: &impl Rows) -> f64 {
    let [finest, rest @ ..] = WEIGHTS;
    let [middle @ .., coarsest] = rest;
    let mut product = factor(contrast(a, b), finest);
    let (mut a, mut b) = (halve(a), halve(b));
    for weight in middle {
        product *= factor(contrast(&a, &b), weight);
        (a, b) = (halve(&a), halve(&b));
    }
    product * factor(ssim(&a, &b), coarsest)
}

fn factor(mean: f64, weight: f64) -> f64 {
    mean.max(0.0).powf(weight)
}

/// Half as many rows and columns, rounded up.
fn halve(from: &impl Rows) -> Plane {
    let (width, height) = (from.width().div_ceil(2), from.height().div_ceil(2));
    let mut samples = vec![0.0; width * height];
    samples.par_chunks_mut(width).enumerate().for_each_init(Vec::new, |two, (row, out)| {
        from.read(2 * row..(2 * row + 2).min(from.height()), two);
        let (upper, lower) = two.split_at(from.width());
        let lower = if lower.is_empty() { upper } else { lower };
        for ((out, upper), lower) in out.iter_mut().zip(upper.chunks(2)).zip(lower.chunks(2)) {
            let sum = |pixels: &[f64]| pixels[0] + pixels[pixels.len() - 1];
            *out = (sum(upper) + sum(lower)) / 4.0;
        }
    });
    Plane { width, height, samples }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_scales_fit() {
        let mut side = SHORTEST;
        assert_eq!(side, 161);
        for _ in 1..WEIGHTS.len() {
            side = side.div_ceil(2);
        }
        assert_eq!(side, WINDOW);
        assert!((WEIGHTS.iter().sum::<f64>() - 1.0001).abs() < 1e-12, "the published ones");
    }

    #[test]
    fn halves_mirror_an_odd_edge() {
        let plane = Plane { width: 3, height: 3, samples: (0..9).map(f64::from).collect() };
        assert_eq!(halve(&plane), Plane { width: 2, height: 2, samples: vec![2.0, 3.5, 6.5, 8.0] });
    }

    #[test]
    fn identical_is_one_and_opposite_is_nothing() {
        let side = SHORTEST;
        let samples: Vec<f64> = (0..side * side).map(|i| f64::from((i * 7919 % 256) as u8)).collect();
        let negative = samples.iter().map(|sample| 255.0 - sample).collect();
        let plane = |samples| Plane { width: side, height: side, samples };
        let (picture, negative) = (plane(samples), plane(negative));
        assert!((ms_ssim(&picture, &picture) - 1.0).abs() < 1e-12);
        assert_eq!(ms_ssim(&picture, &negative), 0.0);
    }
}

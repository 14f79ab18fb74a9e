//! Gaussian blur.

use crate::picture::{Layout, Sample, Samples};

/// How far the kernel reaches on either side, in pixels: four σ, as SciPy's `gaussian_filter` has it.
pub(super) fn radius(sigma: f32) -> usize {
    (4.0 * sigma + 0.5) as usize
}

/// The samples with each colour blurred by a Gaussian of `sigma` pixels. Beyond the border the picture
/// is mirrored, its border pixels repeated. Opacity stays.
pub(super) fn blur<T: Sample>(samples: &[T], layout: Layout, width: usize, sigma: f32) -> Samples {
    let (channels, reach) = (layout.channels(), radius(sigma) as isize);
    let kernel = kernel(sigma);
    let rows: Vec<&[T]> = samples.chunks_exact(width * channels).collect();
    let mut blurred = Vec::with_capacity(samples.len());
    let mut line = vec![0f32; width * channels];
    for (y, row) in rows.iter().enumerate() {
        line.fill(0.0);
        for (offset, &weight) in (-reach..=reach).zip(&kernel) {
            let other = rows[mirrored(y as isize + offset, rows.len())];
            line.iter_mut().zip(other).for_each(|(sum, &sample)| *sum += weight * sample.to_f32());
        }
        for x in 0..width {
            for channel in 0..channels {
                let at = |offset: isize| line[mirrored(x as isize + offset, width) * channels + channel];
                blurred.push(if channel < layout.colours() {
                    let parts = (-reach..=reach).zip(&kernel).map(|(offset, &weight)| weight * at(offset));
                    T::round_f32(parts.sum())
                } else {
                    row[x * channels + channel]
                });
            }
        }
    }
    T::wrap(blurred)
}

/// Weights from the left to the right, with a sum of 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let (sigma, reach) = (f64::from(sigma), radius(sigma) as i32);
    let weights: Vec<f64> =
        (-reach..=reach).map(|offset| (-0.5 * (f64::from(offset) / sigma).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| (weight / sum) as f32).collect()
}

/// The position in `0..length` that stands for one that may lie outside: … 1 0 | 0 1 2 | 2 1 …
fn mirrored(position: isize, length: usize) -> usize {
    let around = position.rem_euclid(2 * length as isize) as usize;
    if around < length { around } else { 2 * length - 1 - around }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_mirrored() {
        let positions: Vec<usize> = (-4..7).map(|position| mirrored(position, 3)).collect();
        assert_eq!(positions, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }
}

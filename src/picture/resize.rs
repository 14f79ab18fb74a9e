//! Bicubic resizing of pictures, sample for sample as MATLAB's `imresize`.

use super::{Layout, Picture, Sample, Samples};
use crate::bicubic::{Contributions, contributions};

/// The picture with each side `scale` times as long (0.5 halves, 2.0 doubles), rounded up to whole
/// pixels: MATLAB's `imresize(picture, scale, 'bicubic')`.
///
/// Columns first, then rows; after each, samples are rounded half up and clamped to their depth.
/// Opacity is resized like a colour. `scale` is positive and finite.
pub fn resize(picture: &Picture, scale: f64) -> Picture {
    assert!(scale > 0.0 && scale.is_finite(), "a scale is positive and finite");
    let size = |side: usize| (side as f64 * scale).ceil().max(1.0) as usize;
    let (width, height) = (size(picture.width), size(picture.height));
    let down = contributions(picture.height, height, scale);
    let along = contributions(picture.width, width, scale);
    let samples = match &picture.samples {
        Samples::Eight(samples) => both(samples, picture.width, picture.layout, &down, &along),
        Samples::Sixteen(samples) => both(samples, picture.width, picture.layout, &down, &along),
    };
    Picture { width, height, layout: picture.layout, samples }
}

fn both<T: Sample>(
    samples: &[T],
    width: usize,
    layout: Layout,
    down: &Contributions,
    along: &Contributions,
) -> Samples {
    let samples = vertical(samples, width * layout.channels(), down);
    T::wrap(match layout {
        Layout::Grey => horizontal::<T, 1>(&samples, width, along),
        Layout::GreyAlpha => horizontal::<T, 2>(&samples, width, along),
        Layout::Rgb => horizontal::<T, 3>(&samples, width, along),
        Layout::Rgba => horizontal::<T, 4>(&samples, width, along),
    })
}

/// Resizes columns; a row has `stride` samples.
fn vertical<T: Sample>(samples: &[T], stride: usize, rows: &Contributions) -> Vec<T> {
    let mut resized = Vec::with_capacity(rows.indices.len() / rows.taps * stride);
    let mut sums = vec![0.0; stride];
    for (indices, weights) in rows.indices.chunks(rows.taps).zip(rows.weights.chunks(rows.taps)) {
        sums.fill(0.0);
        for (&index, &weight) in indices.iter().zip(weights) {
            for (sum, sample) in sums.iter_mut().zip(&samples[index * stride..][..stride]) {
                *sum += weight * sample.to_f64();
            }
        }
        resized.extend(sums.iter().map(|&sum| T::round(sum)));
    }
    resized
}

/// Resizes rows of `width` pixels of `C` samples.
fn horizontal<T: Sample, const C: usize>(samples: &[T], width: usize, columns: &Contributions) -> Vec<T> {
    let mut resized =
        Vec::with_capacity(samples.len() / (width * C) * (columns.indices.len() / columns.taps) * C);
    for row in samples.chunks_exact(width * C) {
        let (pixels, _) = row.as_chunks::<C>();
        for (indices, weights) in
            columns.indices.chunks(columns.taps).zip(columns.weights.chunks(columns.taps))
        {
            let mut sums = [0.0; C];
            for (&index, &weight) in indices.iter().zip(weights) {
                let pixel = &pixels[index];
                for channel in 0..C {
                    sums[channel] += weight * pixel[channel].to_f64();
                }
            }
            resized.extend(sums.map(T::round));
        }
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(layout: Layout, width: usize, height: usize) -> Picture {
        let pixel: Vec<u8> = (1..=layout.channels()).map(|channel| channel as u8 * 60).collect();
        Picture::new(width, height, layout, Samples::Eight(pixel.repeat(width * height))).unwrap()
    }

    #[test]
    fn sizes_are_rounded_up_and_flat_stays_flat() {
        for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
            for (scale, width, height) in
                [(0.5, 4, 3), (1.0 / 3.0, 3, 2), (0.25, 2, 2), (2.0, 14, 10), (3.0, 21, 15)]
            {
                assert_eq!(resize(&flat(layout, 7, 5), scale), flat(layout, width, height), "{scale}");
            }
        }
    }

    #[test]
    fn sixteen_bits_are_kept() {
        let picture = Picture::new(2, 1, Layout::Grey, Samples::Sixteen(vec![1000, 1001])).unwrap();
        assert_eq!(resize(&picture, 1.0), picture);
    }

    #[test]
    fn thirds_have_whole_sizes() {
        for side in 1..2000 {
            assert_eq!((3.0 * f64::from(side) * (1.0 / 3.0)).ceil(), f64::from(side));
        }
    }
}

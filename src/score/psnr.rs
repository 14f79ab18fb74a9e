//! Peak signal-to-noise ratio.

use super::Plane;

/// PSNR in dB of all channels together, peak 255; infinite where nothing differs.
///
/// The planes of a pair have the same size.
pub fn psnr(channels: &[(&Plane, &Plane)]) -> f64 {
    let mut total = 0.0;
    let mut count = 0;
    for (a, b) in channels {
        // Summed row by row, so that no rounding error grows with the picture.
        for (a, b) in a.samples.chunks_exact(a.width).zip(b.samples.chunks_exact(b.width)) {
            total += a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        }
        count += a.samples.len();
    }
    10.0 * (255.0 * 255.0 * count as f64 / total).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_step() {
        let plane = |value| Plane { width: 4, height: 3, samples: vec![value; 12] };
        assert_eq!(psnr(&[(&plane(0.0), &plane(255.0))]), 0.0);
        // 20 log10 255
        assert!((psnr(&[(&plane(8.0), &plane(9.0))]) - 48.130_803_608_679_1).abs() < 1e-12);
        assert_eq!(psnr(&[(&plane(7.0), &plane(7.0))]), f64::INFINITY);
    }
}

//! Peak signal-to-noise ratio.

use super::rows::{Rows, sum_of_bands};

/// PSNR in dB of all channels together, peak 255; infinite where nothing differs.
///
/// The channels of a pair have the same size.
pub fn psnr<R: Rows>(channels: &[[R; 2]]) -> f64 {
    let total: f64 = channels.iter().map(squared_error).sum();
    let count: usize = channels.iter().map(|[a, _]| a.width() * a.height()).sum();
    10.0 * (255.0 * 255.0 * count as f64 / total).log10()
}

fn squared_error<R: Rows>([a, b]: &[R; 2]) -> f64 {
    sum_of_bands(a.height(), |(from_a, from_b): &mut (Vec<f64>, Vec<f64>), rows| {
        a.read(rows.clone(), from_a);
        b.read(rows, from_b);
        // Summed row by row, so that no rounding error grows with the picture.
        let rows = from_a.chunks_exact(a.width()).zip(from_b.chunks_exact(a.width()));
        rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>()).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::super::rows::Plane;
    use super::*;

    #[test]
    fn of_one_step() {
        let plane = |value| Plane { width: 4, height: 67, samples: vec![value; 4 * 67] };
        assert_eq!(psnr(&[[plane(0.0), plane(255.0)]]), 0.0);
        // 20 log10 255
        assert!((psnr(&[[plane(8.0), plane(9.0)]]) - 48.130_803_608_679_1).abs() < 1e-12);
        assert_eq!(psnr(&[[plane(7.0), plane(7.0)]]), f64::INFINITY);
    }
}

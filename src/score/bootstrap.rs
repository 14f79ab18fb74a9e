//! How far a mean over pictures can be trusted.

use rand::RngExt;
use rayon::prelude::*;
use serde::Serialize;

use crate::rng;

/// An interval that holds the mean with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Resamples: the ends vary by about a hundredth of the interval from one seed to another.
const RESAMPLES: usize = 10_000;

/// Resamples that share a random stream.
const CHUNK: usize = 100;

/// Resamples beyond each end.
const OUTSIDE: usize = RESAMPLES / 40;

/// The percentile bootstrap's interval for the mean (Efron, 1979); none of fewer than two values.
///
/// The pictures are drawn with replacement as often as there are some, the same ones for all
/// figures of as many pictures.
pub fn interval(values: &[f64]) -> Option<Interval> {
    if values.len() < 2 {
        return None;
    }
    let mut means: Vec<f64> = (0..RESAMPLES / CHUNK)
        .into_par_iter()
        .flat_map_iter(|chunk| {
            let mut random = rng::stream(0, &[b"score", b"bootstrap", &chunk.to_le_bytes()]);
            let draw = move |_| -> f64 {
                let sum: f64 = (0..values.len()).map(|_| values[random.random_range(0..values.len())]).sum();
                sum / values.len() as f64
            };
            (0..CHUNK).map(draw)
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    Some(Interval { low: means[OUTSIDE], high: means[RESAMPLES - 1 - OUTSIDE] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_values_is_the_normal_one() {
        // 0..1 evenly: the mean's standard error is 1 / √(12 n).
        let values: Vec<f64> = (0..400).map(|i| (f64::from(i * 7 % 400) + 0.5) / 400.0).collect();
        let Interval { low, high } = interval(&values).unwrap();
        let half = 1.96 / (12.0 * 400.0f64).sqrt();
        assert!((low - (0.5 - half)).abs() < 0.1 * half, "{low}");
        assert!((high - (0.5 + half)).abs() < 0.1 * half, "{high}");
    }

    #[test]
    fn is_the_same_again_on_any_number_of_threads() {
        let values = [31.0, 29.5, 33.25, 30.0];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(interval(&values), pool.install(|| interval(&values)));
    }

    #[test]
    fn of_few_or_equal_or_infinite_values() {
        assert_eq!(interval(&[30.0]), None);
        assert_eq!(interval(&[30.0; 3]), Some(Interval { low: 30.0, high: 30.0 }));
        let Interval { low, high } = interval(&[30.0, 31.0, f64::INFINITY]).unwrap();
        assert!(low.is_finite() && high == f64::INFINITY);
    }
}

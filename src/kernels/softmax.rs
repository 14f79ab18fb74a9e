//! Softmax of rows, and its gradient.

/// Sums that are taken side by side, so that the compiler can keep them in one register.
const LANES: usize = 16;

/// e^x for x ≤ 0 (or NaN), relative error below 1e-6 wherever the result is a normal number; 0 below that.
///
/// e^x = 2^n · e^r with |r| ≤ ln 2 / 2. The polynomial is that of Cephes `expf` (Moshier, 1992).
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 · 2^23: adding it leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const LEAST: f32 = -87.0;
    let clamped = if x < LEAST { LEAST } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.987_569_1e-4 * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * (r * r) + r + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < LEAST { 0.0 } else { p * power }
}

/// Folds a row in [`LANES`] fixed lanes.
#[inline(always)]
fn fold(values: &[f32], start: f32, step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, *value);
    }
    lanes.into_iter().fold(start, step)
}

dispatch! {
    /// Replaces each row of `width` scores by the softmax of `scale` · row; `scale` > 0.
    pub fn softmax(scores: &mut [f32], width: usize, scale: f32) {
        for row in scores.chunks_exact_mut(width) {
            let most = fold(row, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
            for value in row.iter_mut() {
                *value = exp((*value - most) * scale);
            }
            let factor = 1.0 / fold(row, 0.0, |a, b| a + b);
            for value in row.iter_mut() {
                *value *= factor;
            }
        }
    }
}

dispatch! {
    /// Replaces the gradient of each row of `weights` (softmax of `scale` · scores) by the gradient of the scores.
    pub fn softmax_gradient(gradient: &mut [f32], weights: &[f32], width: usize, scale: f32) {
        for (gradient, weights) in gradient.chunks_exact_mut(width).zip(weights.chunks_exact(width)) {
            let mut lanes = [0.0; LANES];
            for (gradient, weights) in gradient.chunks(LANES).zip(weights.chunks(LANES)) {
                for ((lane, g), w) in lanes.iter_mut().zip(gradient).zip(weights) {
                    *lane += g * w;
                }
            }
            let mean: f32 = lanes.iter().sum();
            for (g, w) in gradient.iter_mut().zip(weights) {
                *g = (*g - mean) * *w * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate_to_one_in_a_million() {
        let mut worst: f64 = 0.0;
        for i in 0..870_000 {
            let x = -1e-4 * i as f32;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - exact).abs() / exact);
        }
        assert!(worst < 1e-6, "{worst}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn rows_sum_to_one_and_keep_nan() {
        let mut rows: Vec<f32> = (0..3 * 37).map(|i| ((i * 7919) % 101) as f32 - 50.0).collect();
        rows[40] = f32::NAN;
        softmax(&mut rows, 37, 0.3);
        assert!((rows[..37].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(rows[37..74].iter().all(|x| x.is_nan()));
    }
}

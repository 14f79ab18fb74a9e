//! Which input samples make an output sample, as MATLAB's `imresize` has it.
//!
//! The field's low-resolution pictures are made by MATLAB's bicubic, so the same numbers are needed
//! wherever a picture or a tensor is resized: Keys' cubic with a = −0.5, stretched by 1/scale when
//! shrinking (antialiasing), weights normalised, borders mirrored (the border sample twice).

/// For each output sample, `taps` input samples and their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// Input samples per output sample.
    pub taps: usize,
    /// Indices of input samples, `taps` for each output sample in turn; one may come twice at a border.
    pub indices: Vec<usize>,
    /// The weight of each index; those of an output sample add up to 1.
    pub weights: Vec<f64>,
}

/// Keys' cubic convolution kernel with a = −0.5, zero outside −2..=2.
fn cubic(x: f64) -> f64 {
    let x = x.abs();
    let (x2, x3) = (x * x, x * x * x);
    if x <= 1.0 {
        1.5 * x3 - 2.5 * x2 + 1.0
    } else if x <= 2.0 {
        -0.5 * x3 + 2.5 * x2 - 4.0 * x + 2.0
    } else {
        0.0
    }
}

/// The contributions of `input` samples to `output` samples where an input sample becomes `scale`
/// output samples (2.0 enlarges, 0.5 shrinks); both lengths are at least 1.
///
/// Operations are in MATLAB's order, so that the weights are its to the last bit.
pub fn contributions(input: usize, output: usize, scale: f64) -> Contributions {
    let shrink = scale.min(1.0);
    let width = 4.0 / shrink;
    let mut taps = width.ceil() as usize + 2;
    let mut indices = Vec::with_capacity(output * taps);
    let mut weights = Vec::with_capacity(output * taps);
    for i in 1..=output {
        // Where the output sample's centre lies, counted from 1 as MATLAB does.
        let centre = i as f64 / scale + 0.5 * (1.0 - 1.0 / scale);
        let left = (centre - width / 2.0).floor();
        let start = weights.len();
        for tap in 0..taps {
            let position = left + tap as f64;
            let weight = shrink * cubic(shrink * (centre - position));
            // 1 2 … n n … 2 1, repeated to both sides.
            let mirrored = (position as i64 - 1).rem_euclid(2 * input as i64) as usize;
            indices.push(mirrored.min(2 * input - 1 - mirrored));
            weights.push(weight);
        }
        let sum: f64 = weights[start..].iter().sum();
        weights[start..].iter_mut().for_each(|weight| *weight /= sum);
    }
    // The kernel rarely fills all the taps set aside for it: taps that no output uses are dropped.
    let used: Vec<bool> =
        (0..taps).map(|tap| weights.iter().skip(tap).step_by(taps).any(|&weight| weight != 0.0)).collect();
    let keep = |position: usize| used[position % taps];
    let mut position = 0..indices.len();
    indices.retain(|_| position.next().is_some_and(keep));
    let mut position = 0..weights.len();
    weights.retain(|_| position.next().is_some_and(keep));
    taps = used.iter().filter(|&&used| used).count();
    Contributions { taps, indices, weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_uses_the_known_kernel() {
        let found = contributions(16, 8, 0.5);
        let kernel = [-3.0, -9.0, 29.0, 111.0, 111.0, 29.0, -9.0, -3.0].map(|weight| weight / 256.0);
        assert_eq!(found.taps, 8);
        assert_eq!(found.weights[3 * 8..4 * 8], kernel);
        assert_eq!(found.indices[3 * 8..4 * 8], [3, 4, 5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn borders_are_mirrored() {
        let found = contributions(3, 6, 2.0);
        assert_eq!(found.taps, 4);
        assert_eq!(found.indices[..4], [1, 0, 0, 1]);
        let one = contributions(1, 2, 2.0);
        assert!(one.indices.iter().all(|&index| index == 0));
    }

    #[test]
    fn weights_add_up_to_one() {
        for (input, output, scale) in
            [(7, 21, 3.0), (12, 4, 1.0 / 3.0), (9, 3, 0.25), (1, 1, 0.25), (5, 5, 1.0)]
        {
            let found = contributions(input, output, scale);
            assert_eq!(found.indices.len(), output * found.taps);
            for weights in found.weights.chunks(found.taps) {
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
            assert!(found.indices.iter().all(|&index| index < input));
        }
    }
}

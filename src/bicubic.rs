//! MATLAB's bicubic interpolation along one dimension: which inputs make an output.
//!
//! `imresize` of MATLAB is the degradation that the field's super-resolution figures stand on.

/// The weighted sum of inputs that each output is.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    /// Inputs to an output.
    pub taps: usize,
    /// `taps` input positions for each output.
    pub indices: Vec<usize>,
    /// Their weights, summing to 1 for each output.
    pub weights: Vec<f64>,
}

/// Contributions of `input` samples to `output` samples, `scale` times as dense.
///
/// Keys' cubic with a = −0.5, stretched by 1/scale when shrinking (antialiasing); the line of
/// samples goes on as its mirror image (the border sample is repeated).
pub fn contributions(input: usize, output: usize, scale: f64) -> Contributions {
    let stretch = scale.min(1.0);
    let width = 4.0 / stretch;
    let taps = width.ceil() as usize + 2;
    let mut indices = Vec::with_capacity(output * taps);
    let mut weights = Vec::with_capacity(output * taps);
    for i in 0..output {
        // Both grids cover the same stretch; positions are those of sample centres, from 0.
        let centre = (i as f64 + 0.5) / scale - 0.5;
        let first = (centre - width / 2.0 + 1.0).floor() as i64 - 1;
        let positions = first..first + taps as i64;
        let raw: Vec<f64> = positions.clone().map(|j| keys(stretch * (centre - j as f64))).collect();
        let sum: f64 = raw.iter().sum();
        indices.extend(positions.map(|j| mirror(j, input)));
        weights.extend(raw.iter().map(|weight| weight / sum));
    }
    drop_unused(Contributions { taps, indices, weights })
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981, a = −0.5.
fn keys(x: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x <= 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

fn mirror(position: i64, length: usize) -> usize {
    let length = length as i64;
    let folded = position.rem_euclid(2 * length);
    folded.min(2 * length - 1 - folded) as usize
}

/// Leaves out the taps that weigh nothing in any output.
fn drop_unused(all: Contributions) -> Contributions {
    let used: Vec<usize> = (0..all.taps)
        .filter(|&tap| all.weights.iter().skip(tap).step_by(all.taps).any(|&weight| weight != 0.0))
        .collect();
    fn pick<T: Copy>(values: &[T], taps: usize, used: &[usize]) -> Vec<T> {
        values.chunks(taps).flat_map(|row| used.iter().map(|&tap| row[tap])).collect()
    }
    Contributions {
        taps: used.len(),
        indices: pick(&all.indices, all.taps, &used),
        weights: pick(&all.weights, all.taps, &used),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_point_inside() {
        for (input, output, scale) in
            [(48, 96, 2.0), (48, 144, 3.0), (97, 49, 0.5), (10, 4, 1.0 / 3.0), (1, 4, 4.0)]
        {
            let taps = contributions(input, output, scale);
            assert_eq!(taps.indices.len(), output * taps.taps);
            assert!(taps.indices.iter().all(|&index| index < input));
            for row in taps.weights.chunks(taps.taps) {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn unit_scale_is_the_identity() {
        let taps = contributions(5, 5, 1.0);
        for (i, row) in taps.indices.chunks(taps.taps).enumerate() {
            let at: f64 = row
                .iter()
                .zip(&taps.weights[i * taps.taps..])
                .filter(|(j, _)| **j == i)
                .map(|(_, w)| w)
                .sum();
            assert_eq!(at, 1.0);
        }
    }

    #[test]
    fn halving_stretches_the_kernel() {
        // Half of the cubic at 7/4, 5/4, 3/4 and 1/4 sample.
        let taps = contributions(8, 4, 0.5);
        assert_eq!(taps.taps, 8);
        let expected =
            [-0.0117187, -0.0351562, 0.1132813, 0.4335937, 0.4335937, 0.1132813, -0.0351562, -0.0117187];
        for (have, want) in taps.weights[8..16].iter().zip(expected) {
            assert!((have - want).abs() < 1e-6, "{have} {want}");
        }
    }
}

//! What training makes small: L1 + λ · contrastive (the paper's equations 4 to 6), or with PSNR in L1's
//! place.
//!
//! Errors are in 8-bit levels (0..255), as in the published code; λ is meant on that scale.
//!
//! The contrastive term has a similarity for every pair of patches of the batch. Its gradient is
//! short in closed form, so it is computed here, in blocks of rows, beside its value. Memory is that
//! of one block, and nothing is recomputed on the way back.

use candle_core::{D, Result, Tensor};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::ops;
use crate::rng;

/// Similarities held at once (a block of rows times all columns), 4 bytes each.
const BLOCK: usize = 1 << 24;

/// The temperature of [`ContrastiveForm::Supcon`].
const TEMPERATURE: f64 = 0.07;

/// How a restored picture is compared with the true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// The mean absolute error (paper, equation 4).
    #[default]
    L1,
    /// The mean of the pictures' PSNR in dB, negated, as NAFNet learns (Chen et al., ECCV 2022). A picture that is nearly
    /// right weighs more than with L1, and one that is far off less, as they do in the mean PSNR of a set.
    Psnr,
}

/// Added to the mean squared error where its logarithm is taken: the largest error of rounding to 8 bits, squared, below
/// which nothing is to be gained.
const FLOOR: f64 = 0.25;

/// What the comparison of pictures gives.
pub struct Compared {
    /// The loss, a scalar.
    pub loss: Tensor,
    /// Its gradient by the restored pictures.
    pub gradient: Tensor,
    /// The mean absolute error, a scalar, whatever the loss is.
    pub l1: Tensor,
}

/// Which contrastive loss is taken of the mlp head's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContrastiveForm {
    /// Equation 5 of Chen et al. 2021: for images j and patch indices i1, i2,
    /// −log(exp d(f_i1^j, f_i2^j) / Σ_{k≠j} exp d(f_i1^j, f_i2^k)), d the cosine; mean over j, i1, i2.
    #[default]
    Paper,
    /// Supervised contrastive (Khosla et al. 2020) with temperature 0.07, the image as the class:
    /// mean over anchors a of −1/|P| Σ_{p∈P} log(exp(d(a,p)/τ) / Σ_{n≠a} exp(d(a,n)/τ)).
    Supcon,
}

impl Comparison {
    /// Compares two tensors `[pictures, ...]` of 8-bit levels; all results are times `weight`.
    pub fn of(self, output: &Tensor, target: &Tensor, weight: f64) -> Result<Compared> {
        let weight = weight / output.elem_count().max(1) as f64;
        let (sum, sign) = ops::absolute_error(output, target, weight)?;
        let l1 = (sum * weight)?;
        match self {
            Comparison::L1 => Ok(Compared { loss: l1.clone(), gradient: sign, l1 }),
            Comparison::Psnr => {
                let pictures = output.dim(0)?;
                let values = output.elem_count() / pictures.max(1);
                let error = (output.detach() - target)?.reshape((pictures, values))?;
                let mse = (error.sqr()?.mean_keepdim(1)? + FLOOR)?;
                // PSNR = 20·log10 255 − 10·log10 mse, of which the natural logarithm's derivative is taken.
                let decibel = 10.0 / f64::ln(10.0);
                let negated = ((mse.log()? * decibel)? - 20.0 * f64::log10(255.0))?;
                let loss = (negated.sum_all()? * (weight * values as f64))?;
                let gradient = (error.broadcast_div(&mse)? * (2.0 * decibel * weight))?;
                Ok(Compared { loss, gradient: gradient.reshape(output.shape())?, l1 })
            }
        }
    }
}

/// The contrastive loss of `features` (`[images, patches, width]`), a scalar, and its gradient by
/// them.
///
/// Both are zero for fewer than two images: the loss has no negatives then.
pub fn contrastive(features: &Tensor, form: ContrastiveForm) -> Result<(Tensor, Tensor)> {
    value_and_gradient(&features.detach(), form, BLOCK)
}

/// Which `count` of `patches` patch indices stand for all at this step; sorted, all where `count`
/// is 0 or not below `patches`. The same ones serve every image, so that pairs of equal and unequal
/// indices keep the proportion that they have among few indices.
pub fn sample_patches(seed: u64, step: u64, patches: usize, count: usize) -> Vec<u32> {
    let mut indices: Vec<u32> = (0..patches as u32).collect();
    if count > 0 && count < patches {
        let mut random = rng::stream(seed, &[b"contrastive", &step.to_le_bytes()]);
        for i in 0..count {
            let j = random.random_range(i..patches);
            indices.swap(i, j);
        }
        indices.truncate(count);
        indices.sort_unstable();
    }
    indices
}

/// The loss and its gradient by the features; at most `block` similarities exist at once, unless
/// one image's rows alone are more.
fn value_and_gradient(features: &Tensor, form: ContrastiveForm, block: usize) -> Result<(Tensor, Tensor)> {
    let (images, patches, width) = features.dims3()?;
    let device = features.device();
    if images < 2 {
        return Ok((Tensor::zeros((), features.dtype(), device)?, features.zeros_like()?));
    }
    let rows = images * patches;
    let flat = features.reshape((rows, width))?;
    // The small number keeps an all-zero feature from dividing by zero.
    let norm = (flat.sqr()?.sum_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
    let unit = flat.broadcast_div(&norm)?;
    let unit_t = unit.t()?.contiguous()?;
    let images_eye = Tensor::eye(images, features.dtype(), device)?;

    let at_once = (block / (patches * rows)).clamp(1, images);
    let mut value = Tensor::zeros((), features.dtype(), device)?;
    // d(loss)/d(similarity) = W gives d(loss)/d(unit) = (W + Wᵀ) unit.
    let mut by_rows = Vec::new();
    let mut by_columns = unit.zeros_like()?;
    for first in (0..images).step_by(at_once) {
        let count = at_once.min(images - first);
        let here = unit.narrow(0, first * patches, count * patches)?;
        let similar = here.matmul(&unit_t)?;
        let same = images_eye.narrow(0, first, count)?.reshape((count, 1, images, 1))?;
        let (part, weight) = match form {
            ContrastiveForm::Paper => paper_block(&similar, &same, patches)?,
            ContrastiveForm::Supcon => supcon_block(&similar, &same, patches, first * patches)?,
        };
        value = (value + part)?;
        by_rows.push(weight.matmul(&unit)?);
        by_columns = (by_columns + weight.t()?.matmul(&here)?)?;
    }
    let by_unit = (Tensor::cat(&by_rows, 0)? + by_columns)?;
    let along = (&by_unit * &unit)?.sum_keepdim(D::Minus1)?;
    let by_flat = (by_unit - unit.broadcast_mul(&along)?)?.broadcast_div(&norm)?;

    let terms = match form {
        ContrastiveForm::Paper => rows * patches,
        ContrastiveForm::Supcon => rows,
    };
    let scale = 1.0 / terms as f64;
    Ok(((value * scale)?, (by_flat * scale)?.reshape((images, patches, width))?))
}

/// Equation 5 on the rows of some images: the sum of the terms, and its derivative by the
/// similarities. `same` is 1 where the row's image is the column's, `[count, 1, images, 1]`.
fn paper_block(similar: &Tensor, same: &Tensor, patches: usize) -> Result<(Tensor, Tensor)> {
    let (rows, columns) = similar.dims2()?;
    let (count, _, images, _) = same.dims4()?;
    let similar = similar.reshape((count, patches, images, patches))?;
    let other = (1.0 - same)?;
    // Cosines are at most 1: exp needs no shift.
    let e = similar.exp()?.broadcast_mul(&other)?;
    let sum = e.sum_keepdim(2)?;
    let positive = similar.broadcast_mul(same)?.sum_all()?;
    let value = (sum.log()?.sum_all()? - positive)?;
    let weight = e.broadcast_div(&sum)?.broadcast_sub(same)?;
    Ok((value, weight.reshape((rows, columns))?))
}

/// Supervised contrastive on the rows from `first` on; as [`paper_block`].
fn supcon_block(similar: &Tensor, same: &Tensor, patches: usize, first: usize) -> Result<(Tensor, Tensor)> {
    let (rows, columns) = similar.dims2()?;
    let own = Tensor::eye(rows, similar.dtype(), similar.device())?.pad_with_zeros(
        1,
        first,
        columns - first - rows,
    )?;
    let (count, _, images, _) = same.dims4()?;
    let same = same.broadcast_as((count, patches, images, patches))?.reshape((rows, columns))?;
    // With one patch an image there is no positive; the mean over none is taken as nothing.
    let positive = ((same - &own)? / (patches - 1).max(1) as f64)?;
    // Shifted by the largest possible logit, 1/τ: exp stays within f32.
    let logits = ((similar - 1.0)? / TEMPERATURE)?;
    let e = (logits.exp()? * (1.0 - own)?)?;
    let sum = e.sum_keepdim(1)?;
    let value = (sum.log()?.sum_all()? - (&logits * &positive)?.sum_all()?)?;
    let weight = ((e.broadcast_div(&sum)? - positive)? / TEMPERATURE)?;
    Ok((value, weight))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    const IMAGES: usize = 3;
    const PATCHES: usize = 4;
    const WIDTH: usize = 5;

    fn features() -> Vec<f64> {
        let mut random = rng::stream(7, &[b"features"]);
        (0..IMAGES * PATCHES * WIDTH).map(|_| random.random_range(-1.0..1.0)).collect()
    }

    fn cosine(f: &[f64], a: usize, b: usize) -> f64 {
        let (a, b) = (&f[a * WIDTH..][..WIDTH], &f[b * WIDTH..][..WIDTH]);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// The definitions, word for word.
    fn naive(f: &[f64], form: ContrastiveForm) -> f64 {
        let mut sum = 0.0;
        match form {
            ContrastiveForm::Paper => {
                for (j, i1, i2) in
                    (0..IMAGES * PATCHES * PATCHES).map(|n| (n / 16, n / PATCHES % PATCHES, n % PATCHES))
                {
                    let d = |k: usize| cosine(f, j * PATCHES + i1, k * PATCHES + i2).exp();
                    let others: f64 = (0..IMAGES).filter(|&k| k != j).map(d).sum();
                    sum -= (d(j) / others).ln();
                }
                sum / (IMAGES * PATCHES * PATCHES) as f64
            }
            ContrastiveForm::Supcon => {
                let rows = IMAGES * PATCHES;
                for a in 0..rows {
                    let d = |n: usize| (cosine(f, a, n) / TEMPERATURE).exp();
                    let all: f64 = (0..rows).filter(|&n| n != a).map(d).sum();
                    let positives = (0..rows).filter(|&p| p != a && p / PATCHES == a / PATCHES);
                    sum -= positives.map(|p| (d(p) / all).ln()).sum::<f64>() / (PATCHES - 1) as f64;
                }
                sum / rows as f64
            }
        }
    }

    #[test]
    fn equals_the_definition_and_its_differences() {
        let f = features();
        let shape = (IMAGES, PATCHES, WIDTH);
        let x = Tensor::from_vec(f.iter().map(|&x| x as f32).collect(), shape, &Device::Cpu).unwrap();
        for form in [ContrastiveForm::Paper, ContrastiveForm::Supcon] {
            let (value, gradient) = contrastive(&x, form).unwrap();
            let value = f64::from(value.to_scalar::<f32>().unwrap());
            assert!((value - naive(&f, form)).abs() < 1e-4, "{form:?}: {value} {}", naive(&f, form));
            let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
            for n in 0..f.len() {
                let shifted = |by: f64| {
                    let mut f = f.clone();
                    f[n] += by;
                    naive(&f, form)
                };
                let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                let gradient = f64::from(gradient[n]);
                assert!((gradient - difference).abs() < 2e-4, "{form:?} {n}: {gradient} {difference}");
            }
        }
    }

    #[test]
    fn comparisons_are_means_with_their_gradients() {
        // Two pictures of two values, half of a batch.
        let (output, target) = ([1.0, 5.0, -2.0, 7.0], [3.0, 4.0, -2.5, 3.0]);
        let of = |comparison: Comparison, output: [f32; 4]| {
            let tensor = |values: [f32; 4]| Tensor::new(&values, &Device::Cpu)?.reshape((2, 2));
            let compared = comparison.of(&tensor(output).unwrap(), &tensor(target).unwrap(), 0.5).unwrap();
            let scalar = |tensor: &Tensor| f64::from(tensor.to_scalar::<f32>().unwrap());
            let gradient: Vec<f32> = compared.gradient.flatten_all().unwrap().to_vec1().unwrap();
            (scalar(&compared.loss), gradient, scalar(&compared.l1))
        };
        let (loss, gradient, l1) = of(Comparison::L1, output);
        assert_eq!((loss, gradient, l1), (0.9375, vec![-0.125, 0.125, 0.125, 0.125], 0.9375));
        let (loss, gradient, l1) = of(Comparison::Psnr, output);
        let psnr = |squares: f64| 10.0 * (255.0f64.powi(2) / (squares / 2.0 + FLOOR)).log10();
        assert!((loss + (psnr(5.0) + psnr(16.25)) / 4.0).abs() < 1e-4, "{loss}");
        assert_eq!(l1, 0.9375);
        for (i, gradient) in gradient.into_iter().enumerate() {
            let shifted = |by: f32| {
                let mut output = output;
                output[i] += by;
                of(Comparison::Psnr, output).0
            };
            let difference = (shifted(0.05) - shifted(-0.05)) / 0.1;
            assert!((f64::from(gradient) - difference).abs() < 1e-3, "{i}: {gradient} {difference}");
        }
    }

    #[test]
    fn gradients_are_numbers() {
        // On a GPU the output is in candle's graph, which must not be walked through the gradient.
        let variable = candle_core::Var::new(&[[3f32, 4.0]], &Device::Cpu).unwrap();
        let output = (variable.as_tensor() * 2.0).unwrap();
        for comparison in [Comparison::L1, Comparison::Psnr] {
            let compared = comparison.of(&output, &output.zeros_like().unwrap(), 1.0).unwrap();
            assert!(output.track_op() && !compared.gradient.track_op(), "{comparison:?}");
        }
    }

    #[test]
    fn blocks_change_nothing() {
        let f: Vec<f32> = features().iter().map(|&x| x as f32).collect();
        let f = Tensor::from_vec(f, (IMAGES, PATCHES, WIDTH), &Device::Cpu).unwrap();
        for form in [ContrastiveForm::Paper, ContrastiveForm::Supcon] {
            let (one, one_gradient) = value_and_gradient(&f, form, 1).unwrap();
            let (all, all_gradient) = value_and_gradient(&f, form, BLOCK).unwrap();
            let far = |a: &Tensor, b: &Tensor| {
                (a - b).unwrap().abs().unwrap().flatten_all().unwrap().sum_all().unwrap().to_scalar::<f32>()
            };
            assert!(far(&one, &all).unwrap() < 1e-5);
            assert!(far(&one_gradient, &all_gradient).unwrap() < 1e-5);
        }
    }

    #[test]
    fn one_image_has_no_contrast() {
        let f = Tensor::from_vec(vec![1f32, 2.0], (1, 2, 1), &Device::Cpu).unwrap();
        let (value, gradient) = contrastive(&f, ContrastiveForm::Paper).unwrap();
        assert_eq!(value.to_scalar::<f32>().unwrap(), 0.0);
        assert_eq!(gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [0.0, 0.0]);
    }

    #[test]
    fn samples_are_sorted_distinct_and_named_by_the_step() {
        let first = sample_patches(1, 5, 256, 32);
        assert_eq!(first.len(), 32);
        assert!(first.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(first, sample_patches(1, 5, 256, 32));
        assert_ne!(first, sample_patches(1, 6, 256, 32));
        assert_eq!(sample_patches(1, 5, 9, 0), (0..9).collect::<Vec<u32>>());
    }
}

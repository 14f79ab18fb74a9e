//! Chains of residual blocks.

use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use super::conv2d::{conv2d, geometry};
use super::cpu::{tensor, with_values};
use super::precision::with_element;
use super::{Activation, Pass};
use crate::kernels::matmul::Packed;
use crate::kernels::residual::{Gradient, backward, forward, pack_turned_weights, pack_weights};

/// The parameters of a convolution: `[C, C, k, k]` and `[C]`.
#[derive(Debug, Clone, Copy)]
pub struct Convolution<'a> {
    /// The weights.
    pub weight: &'a Tensor,
    /// The biases.
    pub bias: &'a Tensor,
}

/// `x ← x + conv(relu(conv(x)))` for each block in turn, with zero borders of k/2 pixels.
///
/// `x` is `[B, H, W, C]` and so is the result; all convolutions have one shape, with odd k.
pub fn residual_blocks(x: &Tensor, blocks: &[[Convolution; 2]], pass: Pass) -> Result<Tensor> {
    let Some([Convolution { weight: shape, .. }, _]) = blocks.first() else { return Ok(x.clone()) };
    if !x.device().is_cpu() {
        return blocks.iter().try_fold(x.clone(), |x, [first, second]| {
            let inner = conv2d(&x, first.weight, first.bias, Activation::Relu, None, pass)?;
            conv2d(&inner, second.weight, second.bias, Activation::None, Some(&x), pass)
        });
    }
    let geometry = geometry(x.shape(), shape.shape())?;
    let all: Vec<&Convolution> = blocks.iter().flatten().collect();
    let fits =
        |conv: &&Convolution| conv.weight.shape() == shape.shape() && conv.bias.dims() == [geometry.outputs];
    if geometry.inputs == 0 || geometry.inputs != geometry.outputs || !all.iter().all(fits) {
        bail!("residual_blocks: convolutions of {:?}, {:?} do not all fit", x.shape(), shape.shape());
    }
    let inputs: Vec<&Tensor> =
        std::iter::once(x).chain(all.iter().flat_map(|conv| [conv.weight, conv.bias])).collect();
    let keep = pass.wants(&inputs);
    let biases = all.iter().map(|conv| conv.bias.to_vec1::<f32>()).collect::<Result<Vec<_>>>()?;
    let biases: Vec<[&[f32]; 2]> = biases.chunks_exact(2).map(|two| [&two[0][..], &two[1][..]]).collect();
    with_element!(pass.precision, E => {
        let pack = |weight: &Tensor| {
            with_values([weight], |[values]| pass.packed((weight, 0), || pack_weights::<E>(&geometry, values)))
        };
        let packed = all.iter().map(|conv| pack(conv.weight)).collect::<Result<Vec<_>>>()?;
        let (result, kept) = with_values([x], |[x]| forward(&geometry, x, &pairs(&packed), &biases, keep))?;
        let result = tensor(result, x.shape())?;
        let input = x.clone();
        let variables: Vec<[Tensor; 2]> =
            all.iter().map(|conv| [conv.weight.clone(), conv.bias.clone()]).collect();
        pass.record(&result, &inputs, move |gradient, gradients| {
            let pack = |weight: &Tensor| {
                with_values([weight], |[values]| Arc::new(pack_turned_weights::<E>(&geometry, values)))
            };
            let turned = variables.iter().map(|[weight, _]| pack(weight)).collect::<Result<Vec<_>>>()?;
            let gradient = with_values([&gradient], |[values]| values.to_vec())?;
            let (earlier, parameters) = backward(&geometry, gradient, kept, &pairs(&turned));
            for ([weight, bias], found) in variables.iter().zip(parameters.into_iter().flatten()) {
                let Gradient { weights: by_weight, bias: by_bias } = found;
                gradients.add_values(weight, || Ok(by_weight))?;
                gradients.add_values(bias, || Ok(by_bias))?;
            }
            gradients.add_values(&input, || Ok(earlier))
        });
        Ok(result)
    })
}

/// Two convolutions a block.
fn pairs<E>(packed: &[Arc<Packed<E>>]) -> Vec<[&Packed<E>; 2]> {
    packed.chunks_exact(2).map(|pair| [&*pair[0], &*pair[1]]).collect()
}

//! Multi-head attention.

use candle_core::{Result, Tensor};

use super::cpu::{tensor, with_values};
use super::linear::Product;
use super::precision::with_element;
use super::{Pass, gpu};
use crate::kernels::attention::{Heads, backward, forward};
use crate::kernels::matmul::Finish;

/// `softmax(Q · Kᵀ / sqrt(D / heads)) · V` for each head, heads being contiguous blocks of D, where
/// Q, K and V are `q`, `k` and `v` times a third of `weight` each.
///
/// `q`, `k`, `v` and the result are `[B, N, D]`; `weight` is `[3·D, D]`, the three projections one
/// below the other as PyTorch's `MultiheadAttention` has them.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    weight: &Tensor,
    heads: usize,
    pass: Pass,
) -> Result<Tensor> {
    if !q.device().is_cpu() {
        return gpu::attention(q, k, v, weight, heads, pass);
    }
    let (batch, tokens, width) = q.dims3()?;
    if heads == 0 || width % heads != 0 || k.dims() != q.dims() || v.dims() != q.dims() {
        let (q, k, v) = (q.dims(), k.dims(), v.dims());
        candle_core::bail!("attention: shapes {q:?}, {k:?}, {v:?} and {heads} heads");
    }
    if weight.dims() != [3 * width, width] {
        candle_core::bail!("attention: a weight {:?} for width {width}", weight.dims());
    }
    let precision = pass.precision;
    let heads = Heads { batch, tokens, heads, width: width / heads };
    let product = Product { inputs: width, outputs: width, precision };
    let part = width * width;
    let project = |x: &Tensor, i: usize| {
        with_values([x, weight], |[x, values]| {
            product.forward(x, &values[i * part..][..part], (weight, i), &Finish::SET, pass)
        })
    };
    let projected = [project(q, 0)?, project(k, 1)?, project(v, 2)?];
    let result = {
        let [q, k, v] = &projected;
        with_element!(precision, E => forward::<E>(&heads, q, k, v))
    };
    let result = tensor(result, q.shape())?;
    let inputs = [q, k, v];
    let all = [q, k, v, weight];
    let (inputs, weight) = (inputs.map(Tensor::clone), weight.clone());
    pass.record(&result, &all, move |gradient, gradients| {
        let by_projected = with_values([&gradient], |[gradient]| {
            let [q, k, v] = &projected;
            with_element!(precision, E => backward::<E>(&heads, q, k, v, gradient))
        })?;
        for (i, (x, gradient)) in inputs.iter().zip(&by_projected).enumerate() {
            gradients.extend(x, |earlier| {
                with_values([&weight], |[weight]| {
                    product.for_x(gradient, &weight[i * part..][..part], earlier)
                })
            })?;
        }
        gradients.add_values(&weight, || {
            let parts = inputs.iter().zip(&by_projected);
            let parts = parts.map(|(x, gradient)| with_values([x], |[x]| product.for_weight(gradient, x)));
            Ok(parts.collect::<Result<Vec<_>>>()?.concat())
        })
    });
    Ok(result)
}

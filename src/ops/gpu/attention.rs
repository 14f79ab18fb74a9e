use candle_core::{D, Result, Tensor};

use super::linear::project;
use super::{differentiable, factor};
use crate::ops::{Pass, Precision};

/// As [`crate::ops::attention`]. Of the N×N weights nothing is kept for the way back, which computes
/// them again.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    weight: &Tensor,
    heads: usize,
    pass: Pass,
) -> Result<Tensor> {
    let (batch, tokens, width) = q.dims3()?;
    let split = |x: &Tensor, part: usize| {
        let weight = weight.narrow(0, part * width, width)?;
        let projected = project(&x.reshape((batch * tokens, width))?, &weight, pass)?;
        projected.reshape((batch, tokens, heads, width / heads))?.transpose(1, 2)?.contiguous()
    };
    let inputs = [split(q, 0)?, split(k, 1)?, split(v, 2)?];
    let heads = Heads {
        q: factor(&inputs[0].detach(), pass.precision)?,
        k: factor(&inputs[1].detach(), pass.precision)?,
        v: factor(&inputs[2].detach(), pass.precision)?,
        precision: pass.precision,
        scale: 1.0 / ((width / heads) as f64).sqrt(),
    };
    let all = heads.weights(inputs[0].dtype())?;
    let result = factor(&all, heads.precision)?.matmul(&heads.v)?.to_dtype(all.dtype())?;
    let [q, k, v] = &inputs;
    let result = differentiable(result, [q, k, v], pass, move |gradient| heads.backward(gradient))?;
    result.transpose(1, 2)?.reshape((batch, tokens, width))
}

/// Queries, keys and values, `[B, heads, N, D / heads]`, as factors.
struct Heads {
    q: Tensor,
    k: Tensor,
    v: Tensor,
    precision: Precision,
    scale: f64,
}

impl Heads {
    /// `softmax(Q · Kᵀ · scale)`.
    fn weights(&self, dtype: candle_core::DType) -> Result<Tensor> {
        let scores = (self.q.matmul(&self.k.t()?)?.to_dtype(dtype)? * self.scale)?;
        candle_nn::ops::softmax_last_dim(&scores)
    }

    fn backward(&self, gradient: &Tensor) -> Result<[Tensor; 3]> {
        let dtype = gradient.dtype();
        let weights = self.weights(dtype)?;
        let gradient = factor(&gradient.contiguous()?, self.precision)?;
        let by_weights = gradient.matmul(&self.v.t()?)?.to_dtype(dtype)?;
        let along = (&weights * &by_weights)?.sum_keepdim(D::Minus1)?;
        let by_scores = ((&weights * by_weights.broadcast_sub(&along)?)? * self.scale)?;
        let by_scores = factor(&by_scores, self.precision)?;
        let by_v = factor(&weights, self.precision)?.t()?.matmul(&gradient)?;
        let (by_q, by_k) = (by_scores.matmul(&self.k)?, by_scores.t()?.matmul(&self.q)?);
        Ok([by_q.to_dtype(dtype)?, by_k.to_dtype(dtype)?, by_v.to_dtype(dtype)?])
    }
}

//! Multi-head attention.

use candle_core::{D, Result, Tensor};

use super::Precision;

/// `softmax(q · kᵀ / sqrt(D / heads)) · v` for each head, heads being contiguous blocks of D.
///
/// `q`, `k`, `v` and the result are `[B, N, D]`.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, _precision: Precision) -> Result<Tensor> {
    let (batch, tokens, width) = q.dims3()?;
    let split = |x: &Tensor| x.reshape((batch, tokens, heads, width / heads))?.transpose(1, 2)?.contiguous();
    let scale = 1.0 / ((width / heads) as f64).sqrt();
    let scores = (split(q)?.matmul(&split(k)?.t()?)? * scale)?;
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
    weights.matmul(&split(v)?)?.transpose(1, 2)?.reshape((batch, tokens, width))
}

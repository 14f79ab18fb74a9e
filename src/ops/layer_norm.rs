//! Layer normalisation.

use candle_core::{D, Result, Tensor};

/// `(x − mean) / sqrt(variance + eps) · gamma + beta` over the last dimension.
///
/// `gamma` and `beta` have that dimension's length; the variance is the biased one.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f32) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + f64::from(eps))?.sqrt()?)?;
    normal.broadcast_mul(gamma)?.broadcast_add(beta)
}

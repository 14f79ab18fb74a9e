//! Convolution of channels-last pictures.

use candle_core::{Result, Tensor};

use super::{Activation, Precision, finish};

/// `act(conv(x, weight) + bias) + residual` with zero borders of k/2 pixels and stride 1.
///
/// `x` is `[B, H, W, Cin]`, `weight` `[Cout, Cin, k, k]` with odd k, `bias` `[Cout]`; the result
/// and `residual` are `[B, H, W, Cout]`.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    residual: Option<&Tensor>,
    _precision: Precision,
) -> Result<Tensor> {
    let padding = weight.dim(2)? / 2;
    let planes = x.permute((0, 3, 1, 2))?.contiguous()?;
    let product = planes.conv2d(weight, padding, 1, 1, 1)?.permute((0, 2, 3, 1))?.contiguous()?;
    finish(product, Some(bias), activation, residual)
}

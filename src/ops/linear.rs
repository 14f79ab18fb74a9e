//! The linear layer.

use candle_core::{Result, Tensor};

use super::{Activation, Precision, finish};

/// `act(x · weightᵀ + bias) + residual`.
///
/// `x` is `[.., Din]`, `weight` `[Dout, Din]`, `bias` `[Dout]`; the result and `residual` are
/// `[.., Dout]`.
pub fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    residual: Option<&Tensor>,
    _precision: Precision,
) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let inputs = shape.pop().unwrap_or(1);
    shape.push(weight.dim(0)?);
    let product = x.reshape(((), inputs))?.matmul(&weight.t()?)?.reshape(shape)?;
    finish(product, bias, activation, residual)
}

use candle_core::{Result, Tensor};

use super::factor;
use crate::ops::{Activation, Pass, finish};

/// As [`crate::ops::linear`]; candle's own way back is products already.
pub fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    residual: Option<&Tensor>,
    pass: Pass,
) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let inputs = shape.pop().unwrap_or(1);
    shape.push(weight.dim(0)?);
    let product = project(&x.reshape(((), inputs))?, weight, pass)?;
    finish(product.reshape(shape)?, bias, activation, residual)
}

/// `x · weightᵀ` of two matrices.
pub(super) fn project(x: &Tensor, weight: &Tensor, pass: Pass) -> Result<Tensor> {
    let product = factor(x, pass.precision)?.matmul(&factor(weight, pass.precision)?.t()?)?;
    product.to_dtype(x.dtype())
}

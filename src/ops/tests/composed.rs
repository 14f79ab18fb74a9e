//! The operators as plain compositions of candle's, in any numbers: what they should give.

use candle_core::{D, Result, Tensor};

use crate::ops::{Activation, finish};

pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, weight: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = q.dims3()?;
    let split = |x: &Tensor, part: usize| {
        let weight = weight.narrow(0, part * width, width)?;
        let projected = x.reshape((batch * tokens, width))?.matmul(&weight.t()?)?;
        projected.reshape((batch, tokens, heads, width / heads))?.transpose(1, 2)?.contiguous()
    };
    let scale = 1.0 / ((width / heads) as f64).sqrt();
    let scores = (split(q, 0)?.matmul(&split(k, 1)?.t()?)? * scale)?;
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
    weights.matmul(&split(v, 2)?)?.transpose(1, 2)?.reshape((batch, tokens, width))
}

pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let padding = weight.dim(2)? / 2;
    let planes = x.permute((0, 3, 1, 2))?.contiguous()?;
    let product = planes.conv2d(weight, padding, 1, 1, 1)?.permute((0, 2, 3, 1))?.contiguous()?;
    finish(product, Some(bias), activation, residual)
}

pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f32) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + f64::from(eps))?.sqrt()?)?;
    normal.broadcast_mul(gamma)?.broadcast_add(beta)
}

pub fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let inputs = shape.pop().unwrap_or(1);
    shape.push(weight.dim(0)?);
    let product = x.reshape(((), inputs))?.matmul(&weight.t()?)?.reshape(shape)?;
    finish(product, bias, activation, residual)
}

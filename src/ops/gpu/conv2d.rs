use candle_core::{Result, Tensor};

use super::{differentiable, factor};
use crate::ops::{Activation, Pass, Precision, finish};

/// As [`crate::ops::conv2d`]: a product of the pixels' neighbourhoods, forward and back; candle's way
/// back through a convolution takes a kernel without tensor cores.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    residual: Option<&Tensor>,
    pass: Pass,
) -> Result<Tensor> {
    let (pixels, kernels) = (factor(&x.detach(), pass.precision)?, factor(&weight.detach(), pass.precision)?);
    let product = convolve(&pixels, &kernels.permute((0, 2, 3, 1))?)?.to_dtype(x.dtype())?;
    let result = product.broadcast_add(&bias.detach())?;
    let precision = pass.precision;
    let result = differentiable(result, [x, weight, bias], pass, move |gradient| {
        backward(&pixels, &kernels, &gradient.contiguous()?, precision)
    })?;
    finish(result, None, activation, residual)
}

fn backward(
    pixels: &Tensor,
    kernels: &Tensor,
    gradient: &Tensor,
    precision: Precision,
) -> Result<[Tensor; 3]> {
    let (outputs, inputs, side, _) = kernels.dims4()?;
    let dtype = gradient.dtype();
    let by_bias = gradient.flatten_to(2)?.sum(0)?;
    let gradient = factor(gradient, precision)?;
    let turned = kernels.flip(&[2, 3])?.permute((1, 2, 3, 0))?;
    let by_x = convolve(&gradient, &turned)?.to_dtype(dtype)?;
    let rows = gradient.flatten_to(2)?;
    let by_kernels = rows.t()?.matmul(&neighbourhoods(pixels, side)?)?;
    let by_kernels = by_kernels.reshape((outputs, side, side, inputs))?.permute((0, 3, 1, 2))?;
    Ok([by_x, by_kernels.contiguous()?.to_dtype(dtype)?, by_bias])
}

/// `[B, H, W, Cin]` with kernels `[Cout, k, k, Cin]` → `[B, H, W, Cout]`, zero borders.
fn convolve(x: &Tensor, kernels: &Tensor) -> Result<Tensor> {
    let (batch, height, width, inputs) = x.dims4()?;
    let (outputs, side, _, _) = kernels.dims4()?;
    let kernels = kernels.reshape((outputs, side * side * inputs))?;
    neighbourhoods(x, side)?.matmul(&kernels.t()?)?.reshape((batch, height, width, outputs))
}

/// `[B, H, W, C]` → `[B·H·W, side·side·C]`: what a kernel sees around each pixel.
fn neighbourhoods(x: &Tensor, side: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let border = side / 2;
    let padded = x.pad_with_zeros(1, border, border)?.pad_with_zeros(2, border, border)?;
    let shifted = (0..side * side).map(|i| padded.narrow(1, i / side, height)?.narrow(2, i % side, width));
    let shifted = shifted.collect::<Result<Vec<_>>>()?;
    Tensor::cat(&shifted, 3)?.reshape((batch * height * width, side * side * channels))
}

//! Convolution of channels-last pictures.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::cpu::{output, tensor, values, with_values};
use super::precision::with_element;
use super::{Activation, Precision, add_residual, finish};
use crate::kernels::conv2d::{Geometry, forward, pack_turned_weights, pack_weights, weight_gradient};
use crate::kernels::matmul::Finish;
use crate::kernels::rows::{relu_gradient, sum_rows};

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
    precision: Precision,
) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed(x, weight, bias, activation, residual);
    }
    let op = Conv2d { activation, precision };
    let result = x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)?;
    add_residual(result, residual)
}

/// The same of candle's operators, for any device.
pub(super) fn composed(
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

struct Conv2d {
    activation: Activation,
    precision: Precision,
}

fn geometry(x: &Shape, weight: &Shape) -> Result<Geometry> {
    let (batch, height, width, channels) = x.dims4()?;
    let (outputs, inputs, kernel, across) = weight.dims4()?;
    if inputs != channels || kernel != across || kernel % 2 == 0 {
        candle_core::bail!("conv2d: shapes {x:?}, {weight:?} do not fit");
    }
    Ok(Geometry { batch, height, width, inputs, outputs, kernel })
}

impl CustomOp3 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let geometry = geometry(xl.shape(), wl.shape())?;
        let bias = values(b, bl)?;
        if bias.len() != geometry.outputs {
            candle_core::bail!("conv2d: {} biases for {} outputs", bias.len(), geometry.outputs);
        }
        let (x, weight) = (values(x, xl)?, values(w, wl)?);
        let finish = Finish { bias: Some(bias), relu: self.activation == Activation::Relu, ..Finish::SET };
        let product = with_element!(self.precision, E => {
            forward(&geometry, x, &pack_weights::<E>(&geometry, weight), &finish)
        });
        Ok(output(product, (geometry.batch, geometry.height, geometry.width, geometry.outputs)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let geometry = geometry(x.shape(), weight.shape())?;
        let gradient = match self.activation {
            Activation::None => gradient.contiguous()?,
            Activation::Relu => {
                let masked = with_values([&gradient.contiguous()?, result], |[g, y]| relu_gradient(g, y))?;
                tensor(masked, result.shape())?
            }
        };
        let for_x = |[gradient, weight]: [&[f32]; 2]| {
            with_element!(self.precision, E => {
                let weights = pack_turned_weights::<E>(&geometry, weight);
                forward(&geometry.turned(), gradient, &weights, &Finish::SET)
            })
        };
        let for_weight = |[x, gradient]: [&[f32]; 2]| with_element!(self.precision, E => weight_gradient::<E>(&geometry, x, gradient));
        let x_gradient = match x.track_op() {
            true => Some(tensor(with_values([&gradient, weight], for_x)?, x.shape())?),
            false => None,
        };
        let weight_gradient = match weight.track_op() {
            true => Some(tensor(with_values([x, &gradient], for_weight)?, weight.shape())?),
            false => None,
        };
        let bias_gradient = match bias.track_op() {
            true => {
                Some(tensor(with_values([&gradient], |[g]| sum_rows(g, geometry.outputs))?, bias.shape())?)
            }
            false => None,
        };
        Ok((x_gradient, weight_gradient, bias_gradient))
    }
}

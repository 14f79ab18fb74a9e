//! Convolution of channels-last pictures.

use candle_core::{Result, Shape, Tensor};

use super::cpu::{tensor, with_options, with_values};
use super::precision::with_element;
use super::{Activation, Pass, activation_gradient, add, gpu};
use crate::kernels::conv2d::{Geometry, forward, pack_turned_weights, pack_weights, weight_gradient};
use crate::kernels::matmul::Finish;
use crate::kernels::rows::sum_rows;

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
    pass: Pass,
) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return gpu::conv2d(x, weight, bias, activation, residual, pass);
    }
    if let (Activation::Relu, Some(residual)) = (activation, residual) {
        return add(&conv2d(x, weight, bias, activation, None, pass)?, residual, pass);
    }
    let geometry = geometry(x.shape(), weight.shape())?;
    let Geometry { batch, height, width, outputs, .. } = geometry;
    let shape = Shape::from((batch, height, width, outputs));
    if bias.dims() != [outputs] || residual.is_some_and(|residual| residual.shape() != &shape) {
        candle_core::bail!("conv2d: bias {:?} or residual do not fit {shape:?}", bias.dims());
    }
    let precision = pass.precision;
    let relu = activation == Activation::Relu;
    let result = with_options([x, weight, bias], [residual], |[x, values, bias], [residual]| {
        let finish = Finish { bias: Some(bias), relu, residual, ..Finish::SET };
        with_element!(precision, E => {
            let packed = pass.packed((weight, 0), || pack_weights::<E>(&geometry, values));
            forward(&geometry, x, &packed, &finish)
        })
    })?;
    let result = tensor(result, shape)?;

    let inputs: Vec<&Tensor> = [x, weight, bias].into_iter().chain(residual).collect();
    let [x, weight, bias] = [x, weight, bias].map(Tensor::clone);
    let (kept, output) = (residual.cloned(), relu.then(|| result.clone()));
    pass.record(&result, &inputs, move |gradient, gradients| {
        if let Some(residual) = &kept {
            gradients.add(residual, gradient.clone())?;
        }
        let gradient = activation_gradient(gradient, output.as_ref())?;
        gradients.extend(&x, |earlier| {
            let finish = Finish { residual: earlier, ..Finish::SET };
            with_values([&gradient, &weight], |[gradient, weight]| {
                with_element!(precision, E => {
                    let weights = pack_turned_weights::<E>(&geometry, weight);
                    forward(&geometry.turned(), gradient, &weights, &finish)
                })
            })
        })?;
        gradients.add_values(&weight, || {
            with_values(
                [&x, &gradient],
                |[x, gradient]| with_element!(precision, E => weight_gradient::<E>(&geometry, x, gradient)),
            )
        })?;
        gradients.add_values(&bias, || with_values([&gradient], |[gradient]| sum_rows(gradient, outputs)))
    });
    Ok(result)
}

pub(super) fn geometry(x: &Shape, weight: &Shape) -> Result<Geometry> {
    let (batch, height, width, channels) = x.dims4()?;
    let (outputs, inputs, kernel, across) = weight.dims4()?;
    if inputs != channels || kernel != across || kernel % 2 == 0 {
        candle_core::bail!("conv2d: shapes {x:?}, {weight:?} do not fit");
    }
    Ok(Geometry { batch, height, width, inputs, outputs, kernel })
}

//! Layer normalisation.

use candle_core::{D, Result, Tensor};

use super::cpu::{tensor, with_options, with_values};
use super::{Pass, gpu};
use crate::kernels::layer_norm::{backward, forward};

/// `(x − mean) / sqrt(variance + eps) · gamma + beta` over the last dimension.
///
/// `gamma` and `beta` have that dimension's length; the variance is the biased one.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f32, pass: Pass) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return gpu::layer_norm(x, gamma, beta, eps, pass);
    }
    let width = x.dim(D::Minus1)?;
    if width == 0 || gamma.dims() != [width] || beta.dims() != [width] {
        candle_core::bail!("layer_norm: shapes {:?}, {:?}, {:?}", x.dims(), gamma.dims(), beta.dims());
    }
    let result = with_values([x, gamma, beta], |[x, gamma, beta]| forward(x, gamma, beta, eps))?;
    let result = tensor(result, x.shape())?;
    let inputs = [x, gamma, beta];
    let [x, gamma, beta] = inputs.map(Tensor::clone);
    pass.record(&result, &inputs, move |gradient, gradients| {
        let earlier = gradients.take(&x);
        let [for_x, for_gamma, for_beta] =
            with_options([&x, &gamma, &gradient], [earlier.as_ref()], |[x, gamma, gradient], [earlier]| {
                backward(x, gamma, eps, gradient, earlier)
            })?;
        gradients.add(&x, tensor(for_x, x.shape())?)?;
        gradients.add(&gamma, tensor(for_gamma, width)?)?;
        gradients.add(&beta, tensor(for_beta, width)?)
    });
    Ok(result)
}

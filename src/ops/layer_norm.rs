//! Layer normalisation.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};

use super::cpu::{output, tensor, values, with_values};
use crate::kernels::layer_norm::{backward, forward};

/// `(x − mean) / sqrt(variance + eps) · gamma + beta` over the last dimension.
///
/// `gamma` and `beta` have that dimension's length; the variance is the biased one.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f32) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed(x, gamma, beta, eps);
    }
    let width = x.dim(D::Minus1)?;
    if width == 0 || gamma.dims() != [width] || beta.dims() != [width] {
        candle_core::bail!("layer_norm: shapes {:?}, {:?}, {:?}", x.dims(), gamma.dims(), beta.dims());
    }
    x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, LayerNorm { eps })
}

/// The same of candle's operators, for any device.
pub(super) fn composed(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f32) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + f64::from(eps))?.sqrt()?)?;
    normal.broadcast_mul(gamma)?.broadcast_add(beta)
}

struct LayerNorm {
    eps: f32,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        gamma: &CpuStorage,
        gl: &Layout,
        beta: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let result = forward(values(x, xl)?, values(gamma, gl)?, values(beta, bl)?, self.eps);
        Ok(output(result, xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dgamma, dbeta] =
            with_values([x, gamma, &gradient.contiguous()?], |[x, gamma, gradient]| {
                backward(x, gamma, self.eps, gradient)
            })?;
        Ok((
            Some(tensor(dx, x.shape())?),
            Some(tensor(dgamma, gamma.shape())?),
            Some(tensor(dbeta, beta.shape())?),
        ))
    }
}

use candle_core::{D, Result, Tensor};

use super::differentiable;
use crate::ops::Pass;

/// As [`crate::ops::layer_norm`]: candle's kernel, which has no way back, and a way back.
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f32, pass: Pass) -> Result<Tensor> {
    let [rows, gain, shift] = [x.contiguous()?.detach(), gamma.detach(), beta.detach()];
    let result = candle_nn::ops::layer_norm(&rows, &gain, &shift, eps)?;
    differentiable(result, [x, gamma, beta], pass, move |gradient| {
        let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let scale = (variance + f64::from(eps))?.sqrt()?.recip()?;
        let normal = centred.broadcast_mul(&scale)?;
        let by_normal = gradient.broadcast_mul(&gain)?;
        // What changes the mean or the variance of a row is undone by the norm.
        let along = (&by_normal * &normal)?.mean_keepdim(D::Minus1)?;
        let free = by_normal
            .broadcast_sub(&by_normal.mean_keepdim(D::Minus1)?)?
            .sub(&normal.broadcast_mul(&along)?)?;
        let last = gradient.rank() - 1;
        let sum = |x: &Tensor| if last == 0 { Ok(x.clone()) } else { x.flatten_to(last - 1)?.sum(0) };
        Ok([free.broadcast_mul(&scale)?, sum(&(gradient * &normal)?)?, sum(gradient)?])
    })
}

//! Multi-head attention.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};

use super::Precision;
use super::cpu::{output, tensor, values, with_values};
use super::precision::with_element;
use crate::kernels::attention::{Heads, backward, forward};

/// `softmax(q · kᵀ / sqrt(D / heads)) · v` for each head, heads being contiguous blocks of D.
///
/// `q`, `k`, `v` and the result are `[B, N, D]`.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize, precision: Precision) -> Result<Tensor> {
    if !q.device().is_cpu() {
        return composed(q, k, v, heads);
    }
    let (batch, tokens, width) = q.dims3()?;
    if heads == 0 || width % heads != 0 || k.dims() != q.dims() || v.dims() != q.dims() {
        candle_core::bail!(
            "attention: shapes {:?}, {:?}, {:?} and {heads} heads",
            q.dims(),
            k.dims(),
            v.dims()
        );
    }
    let op = Attention { heads: Heads { batch, tokens, heads, width: width / heads }, precision };
    q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op)
}

/// The same of candle's operators, for any device.
pub(super) fn composed(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = q.dims3()?;
    let split = |x: &Tensor| x.reshape((batch, tokens, heads, width / heads))?.transpose(1, 2)?.contiguous();
    let scale = 1.0 / ((width / heads) as f64).sqrt();
    let scores = (split(q)?.matmul(&split(k)?.t()?)? * scale)?;
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
    weights.matmul(&split(v)?)?.transpose(1, 2)?.reshape((batch, tokens, width))
}

struct Attention {
    heads: Heads,
    precision: Precision,
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        k: &CpuStorage,
        kl: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k, v) = (values(q, ql)?, values(k, kl)?, values(v, vl)?);
        let result = with_element!(self.precision, E => forward::<E>(&self.heads, q, k, v));
        Ok(output(result, ql.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradients = with_values(
            [q, k, v, &gradient.contiguous()?],
            |[q, k, v, gradient]| with_element!(self.precision, E => backward::<E>(&self.heads, q, k, v, gradient)),
        )?;
        let [dq, dk, dv] = gradients.map(|values| tensor(values, q.shape()));
        Ok((Some(dq?), Some(dk?), Some(dv?)))
    }
}

//! Sums, multiples and distances.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::Pass;
use super::cpu::{tensor, with_values};
use crate::kernels::elementwise;
use crate::kernels::rows::sum_rows;

/// `a + b`, of one shape.
pub fn add(a: &Tensor, b: &Tensor, pass: Pass) -> Result<Tensor> {
    if !a.device().is_cpu() {
        return a + b;
    }
    let result = plus(a, b)?;
    let inputs = [a, b];
    let [a, b] = inputs.map(Tensor::clone);
    pass.record(&result, &inputs, move |gradient, gradients| {
        gradients.add(&a, gradient.clone())?;
        gradients.add(&b, gradient)
    });
    Ok(result)
}

/// `a + b` on the CPU.
pub(super) fn plus(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.shape() != b.shape() {
        candle_core::bail!("add: shapes {:?}, {:?}", a.dims(), b.dims());
    }
    tensor(with_values([a, b], |[a, b]| elementwise::add(a, b))?, a.shape())
}

/// `factor · x`.
pub fn scale(x: &Tensor, factor: f64, pass: Pass) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return x.affine(factor, 0.0);
    }
    let times = move |x: &Tensor| with_values([x], |[x]| elementwise::scale(x, factor as f32));
    let result = tensor(times(x)?, x.shape())?;
    let input = x.clone();
    pass.record(&result, &[x], move |gradient, gradients| gradients.add_values(&input, || times(&gradient)));
    Ok(result)
}

/// Σ |a − b|, and `weight` times its gradient by a.
pub fn absolute_error(a: &Tensor, b: &Tensor, weight: f64) -> Result<(Tensor, Tensor)> {
    if a.shape() != b.shape() {
        candle_core::bail!("absolute_error: shapes {:?}, {:?}", a.dims(), b.dims());
    }
    if !a.device().is_cpu() {
        let difference = (a - b)?.detach();
        return Ok((difference.abs()?.sum_all()?, (difference.sign()? * weight)?));
    }
    let (sum, gradient) = with_values([a, b], |[a, b]| elementwise::absolute_error(a, b, weight as f32))?;
    Ok((Tensor::new(sum as f32, a.device())?, tensor(gradient, a.shape())?))
}

/// `x` plus the values `part` of `table`, again and again: their number divides that of the last
/// dimensions of `x`, as one of a colour, a token or all tokens of a picture.
pub fn add_repeated(x: &Tensor, table: &Tensor, part: Range<usize>, pass: Pass) -> Result<Tensor> {
    if part.is_empty() || part.end > table.elem_count() || !x.elem_count().is_multiple_of(part.len()) {
        candle_core::bail!("add_repeated: {part:?} of {:?} to {:?}", table.dims(), x.dims());
    }
    if !x.device().is_cpu() {
        let values = table.flatten_all()?.narrow(0, part.start, part.len())?;
        return x.reshape(((), part.len()))?.broadcast_add(&values)?.reshape(x.shape());
    }
    let sum = with_values([x, table], |[x, table]| elementwise::add_repeated(x, &table[part.clone()]))?;
    let result = tensor(sum, x.shape())?;
    let inputs = [x, table];
    let [x, table] = inputs.map(Tensor::clone);
    pass.record(&result, &inputs, move |gradient, gradients| {
        gradients.add_values(&table, || {
            let mut whole = vec![0.0; table.elem_count()];
            let sum = with_values([&gradient], |[gradient]| sum_rows(gradient, part.len()))?;
            whole[part].copy_from_slice(&sum);
            Ok(whole)
        })?;
        gradients.add(&x, gradient)
    });
    Ok(result)
}

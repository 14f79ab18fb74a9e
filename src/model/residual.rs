//! The bicubic enlargement that the tail's output may be added to.

use candle_core::{Device, Result, Tensor};

use crate::bicubic::contributions;
use crate::ops::{self, Activation, Pass, Precision};

/// Bicubic enlargement of model inputs, unrounded; MATLAB's kernel and borders. `[B, H, W, 3]` → `[B, H·scale, W·scale, 3]`.
pub(super) fn bicubic(x: &Tensor, scale: usize) -> Result<Tensor> {
    if scale == 1 {
        return Ok(x.clone());
    }
    // A linear layer works on the last dimension: turn columns, then rows, there.
    let enlarge = |x: &Tensor| {
        let rows = rows(x.dims()[3], scale, x.device())?;
        ops::linear(x, &rows, None, Activation::None, None, Pass::forward(Precision::F32))
    };
    let wide = enlarge(&x.permute((0, 3, 1, 2))?.contiguous()?)?; // [B, 3, H, W·s]
    let both = enlarge(&wide.transpose(2, 3)?.contiguous()?)?; // [B, 3, W·s, H·s]
    both.permute((0, 3, 2, 1))?.contiguous()
}

/// `[inputs·scale, inputs]`: what each output takes from the inputs.
fn rows(inputs: usize, scale: usize, device: &Device) -> Result<Tensor> {
    let outputs = inputs * scale;
    let taps = contributions(inputs, outputs, scale as f64);
    let mut rows = vec![0f32; outputs * inputs];
    for (i, (&index, &weight)) in taps.indices.iter().zip(&taps.weights).enumerate() {
        rows[i / taps.taps * inputs + index] += weight as f32;
    }
    Tensor::from_vec(rows, (outputs, inputs), device)
}

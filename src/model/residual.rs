//! The bicubic enlargement that the tail's output may be added to.

use candle_core::{Device, Result, Tensor};

use super::INPUT;
use crate::bicubic::contributions;
use crate::ops::{self, Activation, Pass, Precision};

/// Bicubic interpolation of a model input, unrounded; MATLAB's kernel and borders.
pub(super) struct Bicubic {
    /// `[48·scale, 48]`: what each output row takes from the input rows; `None` for ×1.
    rows: Option<Tensor>,
}

impl Bicubic {
    pub fn new(scale: usize, device: &Device) -> Result<Self> {
        if scale == 1 {
            return Ok(Self { rows: None });
        }
        let outputs = INPUT * scale;
        let taps = contributions(INPUT, outputs, scale as f64);
        let mut rows = vec![0f32; outputs * INPUT];
        for (i, (&index, &weight)) in taps.indices.iter().zip(&taps.weights).enumerate() {
            rows[i / taps.taps * INPUT + index] += weight as f32;
        }
        Ok(Self { rows: Some(Tensor::from_vec(rows, (outputs, INPUT), device)?) })
    }

    /// `[B, 48, 48, 3]` → `[B, 48·scale, 48·scale, 3]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let Some(rows) = &self.rows else { return Ok(x.clone()) };
        // A linear layer works on the last dimension: turn columns, then rows, there.
        let enlarge =
            |x: &Tensor| ops::linear(x, rows, None, Activation::None, None, Pass::forward(Precision::F32));
        let wide = enlarge(&x.permute((0, 3, 1, 2))?.contiguous()?)?; // [B, 3, 48, 48·s]
        let both = enlarge(&wide.transpose(2, 3)?.contiguous()?)?; // [B, 3, 48·s, 48·s], x before y
        both.permute((0, 3, 2, 1))?.contiguous()
    }
}

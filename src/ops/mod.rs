//! Differentiable operators of the model, channels-last and f32.
//!
//! Activations are pictures `[B, H, W, C]` or tokens `[B, N, D]`; weights keep the shapes of the
//! published state dict. Candle lacks some of these, does others slowly, and its fast LayerNorm
//! and softmax silently have no gradient.

mod attention;
mod conv2d;
mod cpu;
mod layer_norm;
mod linear;
mod patches;
mod pixel_shuffle;
mod precision;

pub use attention::attention;
pub use conv2d::conv2d;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use patches::{fold, unfold};
pub use pixel_shuffle::pixel_shuffle;
pub use precision::Precision;

use candle_core::{Result, Tensor};

/// What follows a product, before the residual is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// max(x, 0).
    Relu,
}

impl Activation {
    fn apply(self, x: Tensor) -> Result<Tensor> {
        match self {
            Activation::None => Ok(x),
            Activation::Relu => x.relu(),
        }
    }
}

/// `act(product + bias) + residual`, the end of every convolution and linear layer.
fn finish(
    product: Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let biased = match bias {
        Some(bias) => product.broadcast_add(bias)?,
        None => product,
    };
    add_residual(activation.apply(biased)?, residual)
}

fn add_residual(result: Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
    match residual {
        Some(residual) => result + residual,
        None => Ok(result),
    }
}

#[cfg(test)]
mod tests;

//! Differentiable operators of the model, channels-last and f32.
//!
//! Activations are pictures `[B, H, W, C]` or tokens `[B, N, D]`; weights keep the shapes of the
//! published state dict. Candle lacks some of these, does others slowly, and its fast LayerNorm
//! and softmax silently have no gradient. On the CPU inputs are contiguous, and gradients come
//! through a [`Tape`].

mod attention;
mod conv2d;
pub(crate) mod cpu;
mod elementwise;
mod gpu;
mod layer_norm;
mod linear;
mod orthogonal;
mod packed;
mod patches;
mod precision;
mod residual;
mod tape;

pub use attention::attention;
pub use conv2d::conv2d;
pub use elementwise::{absolute_error, add, add_repeated, scale};
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use orthogonal::orthogonal;
pub use packed::PackedWeights;
pub use patches::{fold, pixel_shuffle, pixel_unshuffle, unfold};
pub use precision::{Numbers, Precision};
pub use residual::{Convolution, residual_blocks};
pub use tape::{Gradients, Pass, Tape};

use candle_core::{Result, Tensor};

use crate::kernels::elementwise::relu_gradient;

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
    let result = activation.apply(biased)?;
    match residual {
        Some(residual) => result + residual,
        None => Ok(result),
    }
}

/// The gradient before an activation: `output` is what a ReLU gave, `None` where there was none.
fn activation_gradient(gradient: Tensor, output: Option<&Tensor>) -> Result<Tensor> {
    match output {
        Some(output) => {
            let masked = cpu::with_values([&gradient, output], |[g, y]| relu_gradient(g, y))?;
            cpu::tensor(masked, output.shape())
        }
        None => Ok(gradient),
    }
}

#[cfg(test)]
mod tests;

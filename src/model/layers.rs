//! Layers with weights: the operators, their parameters, and how those start.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use super::Config;
use crate::ops::{self, Activation, Convolution, Pass};

/// PyTorch's default for convolutions and linear layers: uniform within ±1/√fan-in.
fn fan_in(inputs: usize) -> Init {
    let bound = 1.0 / (inputs as f64).sqrt();
    Init::Uniform { lo: -bound, up: bound }
}

/// Square convolution, stride 1, zero borders.
pub(super) struct Conv2d {
    weight: Tensor,
    bias: Tensor,
}

impl Conv2d {
    pub fn new(inputs: usize, outputs: usize, kernel: usize, vb: VarBuilder) -> Result<Self> {
        let init = fan_in(inputs * kernel * kernel);
        Self::starting(inputs, outputs, kernel, init, vb)
    }

    /// A convolution that gives 0 until it has learnt something.
    pub fn zero(inputs: usize, outputs: usize, kernel: usize, vb: VarBuilder) -> Result<Self> {
        Self::starting(inputs, outputs, kernel, Init::Const(0.0), vb)
    }

    fn starting(inputs: usize, outputs: usize, kernel: usize, init: Init, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get_with_hints((outputs, inputs, kernel, kernel), "weight", init)?;
        let bias = vb.get_with_hints(outputs, "bias", init)?;
        Ok(Self { weight, bias })
    }

    /// `[B, H, W, inputs]` → `[B, H, W, outputs]`.
    pub fn forward(
        &self,
        x: &Tensor,
        activation: Activation,
        residual: Option<&Tensor>,
        pass: Pass,
    ) -> Result<Tensor> {
        ops::conv2d(x, &self.weight, &self.bias, activation, residual, pass)
    }

    /// What it computes with.
    pub fn parameters(&self) -> Convolution<'_> {
        Convolution { weight: &self.weight, bias: &self.bias }
    }
}

/// Linear layer with bias.
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub fn new(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        Self::starting(inputs, outputs, fan_in(inputs), vb)
    }

    /// A layer that gives 0 until it has learnt something.
    pub fn zero(inputs: usize, outputs: usize, vb: VarBuilder) -> Result<Self> {
        Self::starting(inputs, outputs, Init::Const(0.0), vb)
    }

    fn starting(inputs: usize, outputs: usize, init: Init, vb: VarBuilder) -> Result<Self> {
        let weight = vb.get_with_hints((outputs, inputs), "weight", init)?;
        let bias = vb.get_with_hints(outputs, "bias", init)?;
        Ok(Self { weight, bias })
    }

    /// `[.., inputs]` → `[.., outputs]`.
    pub fn forward(
        &self,
        x: &Tensor,
        activation: Activation,
        residual: Option<&Tensor>,
        pass: Pass,
    ) -> Result<Tensor> {
        ops::linear(x, &self.weight, Some(&self.bias), activation, residual, pass)
    }
}

/// Layer normalisation over the last dimension.
pub(super) struct LayerNorm {
    gamma: Tensor,
    beta: Tensor,
}

impl LayerNorm {
    pub fn new(width: usize, vb: VarBuilder) -> Result<Self> {
        let gamma = vb.get_with_hints(width, "weight", Init::Const(1.0))?;
        let beta = vb.get_with_hints(width, "bias", Init::Const(0.0))?;
        Ok(Self { gamma, beta })
    }

    pub fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        ops::layer_norm(x, &self.gamma, &self.beta, 1e-5, pass)
    }
}

/// Linear → ReLU → Linear, added to its residual.
pub(super) struct FeedForward {
    expand: Linear,
    contract: Linear,
}

impl FeedForward {
    pub fn new(expand: Linear, contract: Linear) -> Self {
        Self { expand, contract }
    }

    pub fn forward(&self, x: &Tensor, residual: Option<&Tensor>, pass: Pass) -> Result<Tensor> {
        let wide = self.expand.forward(x, Activation::Relu, None, pass)?;
        self.contract.forward(&wide, Activation::None, residual, pass)
    }
}

/// Multi-head attention, without biases unless asked; MSA in the paper's equations 1 and 2.
pub(super) struct MultiHeadAttention {
    /// The projections of query, key and value, one below the other.
    stacked: Tensor,
    out: Tensor,
    out_bias: Option<Tensor>,
    heads: usize,
}

impl MultiHeadAttention {
    pub fn new(config: &Config, vb: VarBuilder) -> Result<Self> {
        let Config { width, heads, .. } = *config;
        // Xavier over the three stacked projections, as PyTorch's MultiheadAttention starts.
        let bound = (6.0 / (4 * width) as f64).sqrt();
        let init = Init::Uniform { lo: -bound, up: bound };
        let stacked = vb.get_with_hints((3 * width, width), "in_proj_weight", init)?;
        let out = vb.get_with_hints((width, width), "out_proj.weight", fan_in(width))?;
        let out_bias = match config.output_bias {
            true => Some(vb.get_with_hints(width, "out_proj.bias", Init::Const(0.0))?),
            false => None,
        };
        Ok(Self { stacked, out, out_bias, heads })
    }

    /// `attention(q, k, v) + residual`, each `[B, N, D]`.
    pub fn forward(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        residual: &Tensor,
        pass: Pass,
    ) -> Result<Tensor> {
        let x = ops::attention(q, k, v, &self.stacked, self.heads, pass)?;
        let bias = self.out_bias.as_ref();
        ops::linear(&x, &self.out, bias, Activation::None, Some(residual), pass)
    }
}

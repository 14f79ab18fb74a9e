//! The linear layer.

use candle_core::{Result, Tensor};

use super::cpu::{tensor, with_options, with_values};
use super::precision::with_element;
use super::{Activation, Pass, Precision, activation_gradient, add, gpu};
use crate::kernels::matmul::{Finish, Matrix, Packed, matmul};
use crate::kernels::rows::sum_rows;

/// `act(x · weightᵀ + bias) + residual`.
///
/// `x` is `[.., Din]`, `weight` `[Dout, Din]`, `bias` `[Dout]`; the result and `residual` are
/// `[.., Dout]`.
pub fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    residual: Option<&Tensor>,
    pass: Pass,
) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return gpu::linear(x, weight, bias, activation, residual, pass);
    }
    if let (Activation::Relu, Some(residual)) = (activation, residual) {
        return add(&linear(x, weight, bias, activation, None, pass)?, residual, pass);
    }
    let (outputs, inputs) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    if shape.pop() != Some(inputs) || bias.is_some_and(|bias| bias.dims() != [outputs]) {
        candle_core::bail!("linear: shapes {:?}, {:?} do not fit", x.dims(), weight.dims());
    }
    shape.push(outputs);
    if residual.is_some_and(|residual| residual.dims() != shape) {
        candle_core::bail!("linear: the residual is not {shape:?}");
    }
    let product = Product { inputs, outputs, precision: pass.precision };
    let relu = activation == Activation::Relu;
    let result = with_options([x, weight], [bias, residual], |[x, values], [bias, residual]| {
        product.forward(x, values, (weight, 0), &Finish { bias, relu, residual, ..Finish::SET }, pass)
    })?;
    let result = tensor(result, shape)?;

    let all: Vec<&Tensor> = [x, weight].into_iter().chain(bias).chain(residual).collect();
    let (x, weight) = (x.clone(), weight.clone());
    let (bias, residual, output) = (bias.cloned(), residual.cloned(), relu.then(|| result.clone()));
    pass.record(&result, &all, move |gradient, gradients| {
        if let Some(residual) = &residual {
            gradients.add(residual, gradient.clone())?;
        }
        let gradient = activation_gradient(gradient, output.as_ref())?;
        gradients.extend(&x, |earlier| {
            with_values([&gradient, &weight], |[gradient, weight]| product.for_x(gradient, weight, earlier))
        })?;
        gradients.add_values(&weight, || {
            with_values([&gradient, &x], |[gradient, x]| product.for_weight(gradient, x))
        })?;
        match &bias {
            Some(bias) => gradients
                .add_values(bias, || with_values([&gradient], |[gradient]| sum_rows(gradient, outputs))),
            None => Ok(()),
        }
    });
    Ok(result)
}

/// y = x · weightᵀ and its gradients, on slices.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub inputs: usize,
    pub outputs: usize,
    pub precision: Precision,
}

impl Product {
    /// `finish(x · weightᵀ)`; the weight is the numbered part of a tensor.
    pub fn forward(
        self,
        x: &[f32],
        weight: &[f32],
        part_of: (&Tensor, usize),
        finish: &Finish,
        pass: Pass,
    ) -> Vec<f32> {
        let Self { inputs, outputs, precision } = self;
        with_element!(precision, E => {
            let pack = || Packed::<E>::new(Matrix::Columns(weight, inputs), inputs, outputs);
            let weight = pass.packed(part_of, pack);
            matmul(Matrix::Rows(x, inputs), x.len() / inputs.max(1), inputs, &weight, finish)
        })
    }

    /// x · weightᵀ.
    pub fn plain(self, x: &[f32], weight: &[f32]) -> Vec<f32> {
        let Self { inputs, outputs, precision } = self;
        with_element!(precision, E => {
            let weight = Packed::<E>::new(Matrix::Columns(weight, inputs), inputs, outputs);
            matmul(Matrix::Rows(x, inputs), x.len() / inputs.max(1), inputs, &weight, &Finish::SET)
        })
    }

    /// The gradient of x, added to `earlier`.
    pub fn for_x(self, gradient: &[f32], weight: &[f32], earlier: Option<&[f32]>) -> Vec<f32> {
        let Self { inputs, outputs, precision } = self;
        let finish = Finish { residual: earlier, ..Finish::SET };
        with_element!(precision, E => {
            let weight = Packed::<E>::new(Matrix::Rows(weight, inputs), outputs, inputs);
            matmul(Matrix::Rows(gradient, outputs), gradient.len() / outputs.max(1), outputs, &weight, &finish)
        })
    }

    /// The gradient of the weight.
    pub fn for_weight(self, gradient: &[f32], x: &[f32]) -> Vec<f32> {
        let Self { inputs, outputs, precision } = self;
        let rows = x.len() / inputs.max(1);
        with_element!(precision, E => {
            let x = Packed::<E>::new(Matrix::Rows(x, inputs), rows, inputs);
            matmul(Matrix::Columns(gradient, outputs), outputs, rows, &x, &Finish::SET)
        })
    }
}

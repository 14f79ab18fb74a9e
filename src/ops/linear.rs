//! The linear layer.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::cpu::{output, tensor, values, with_values};
use super::precision::with_element;
use super::{Activation, Precision, add_residual, finish};
use crate::kernels::matmul::{Finish, Matrix, Packed, matmul};
use crate::kernels::rows::{relu_gradient, sum_rows};

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
    precision: Precision,
) -> Result<Tensor> {
    if !x.device().is_cpu() {
        return composed(x, weight, bias, activation, residual);
    }
    let op = Linear { activation, precision };
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    let result = match bias {
        Some(bias) => x.apply_op3(&weight, &bias.contiguous()?, op)?,
        None => x.apply_op2(&weight, op)?,
    };
    add_residual(result, residual)
}

/// The same of candle's operators, for any device.
pub(super) fn composed(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
    residual: Option<&Tensor>,
) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let inputs = shape.pop().unwrap_or(1);
    shape.push(weight.dim(0)?);
    let product = x.reshape(((), inputs))?.matmul(&weight.t()?)?.reshape(shape)?;
    finish(product, bias, activation, residual)
}

struct Linear {
    activation: Activation,
    precision: Precision,
}

impl Linear {
    fn forward(
        &self,
        x: (&[f32], &Layout),
        weight: (&[f32], &Layout),
        bias: Option<&[f32]>,
    ) -> Result<(CpuStorage, Shape)> {
        let (outputs, inputs) = weight.1.shape().dims2()?;
        let mut shape = x.1.dims().to_vec();
        if shape.pop() != Some(inputs) || bias.is_some_and(|bias| bias.len() != outputs) {
            candle_core::bail!("linear: shapes {:?}, {:?} do not fit", x.1.dims(), weight.1.dims());
        }
        let rows = shape.iter().product();
        shape.push(outputs);
        let finish = Finish { bias, relu: self.activation == Activation::Relu, ..Finish::SET };
        let product = with_element!(self.precision, E => {
            let weight = Packed::<E>::new(Matrix::Columns(weight.0, inputs), inputs, outputs);
            matmul(Matrix::Rows(x.0, inputs), rows, inputs, &weight, &finish)
        });
        Ok(output(product, shape))
    }

    /// The gradients of x, weight and bias.
    fn backward(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        result: &Tensor,
        gradient: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let (outputs, inputs) = weight.dims2()?;
        let gradient = match self.activation {
            Activation::None => gradient.contiguous()?,
            Activation::Relu => {
                let masked = with_values([&gradient.contiguous()?, result], |[g, y]| relu_gradient(g, y))?;
                tensor(masked, result.shape())?
            }
        };
        let rows = result.elem_count() / outputs.max(1);
        let for_x = |[gradient, weight]: [&[f32]; 2]| {
            with_element!(self.precision, E => {
                let weight = Packed::<E>::new(Matrix::Rows(weight, inputs), outputs, inputs);
                matmul(Matrix::Rows(gradient, outputs), rows, outputs, &weight, &Finish::SET)
            })
        };
        let for_weight = |[gradient, x]: [&[f32]; 2]| {
            with_element!(self.precision, E => {
                let x = Packed::<E>::new(Matrix::Rows(x, inputs), rows, inputs);
                matmul(Matrix::Columns(gradient, outputs), outputs, rows, &x, &Finish::SET)
            })
        };
        let x_gradient = match x.track_op() {
            true => Some(tensor(with_values([&gradient, weight], for_x)?, x.shape())?),
            false => None,
        };
        let weight_gradient = match weight.track_op() {
            true => Some(tensor(with_values([&gradient, x], for_weight)?, weight.shape())?),
            false => None,
        };
        let bias_gradient = match bias.filter(|bias| bias.track_op()) {
            Some(bias) => Some(tensor(with_values([&gradient], |[g]| sum_rows(g, outputs))?, bias.shape())?),
            None => None,
        };
        Ok([x_gradient, weight_gradient, bias_gradient])
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((values(x, xl)?, xl), (values(w, wl)?, wl), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [x, w, _] = self.backward(x, w, None, y, g)?;
        Ok((x, w))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((values(x, xl)?, xl), (values(w, wl)?, wl), Some(values(b, bl)?))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [x, w, b] = self.backward(x, w, Some(b), y, g)?;
        Ok((x, w, b))
    }
}

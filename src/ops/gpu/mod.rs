//! Operators where candle computes: few large products instead of what its graph would make of the
//! slow compositions, in bf16 where asked, with ways back of our own.
//!
//! All are compositions of candle's operators for any device, so that tests run them on the CPU.

mod attention;
mod conv2d;
mod layer_norm;
mod linear;

pub use attention::attention;
pub use conv2d::conv2d;
pub use layer_norm::layer_norm;
pub use linear::linear;

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor};

use super::{Pass, Precision};

/// `x` as a factor of products.
fn factor(x: &Tensor, precision: Precision) -> Result<Tensor> {
    match precision {
        Precision::F32 => Ok(x.clone()),
        Precision::Bf16 => x.to_dtype(DType::BF16),
    }
}

/// Makes of the gradient of a result those of its three inputs.
type Backward = dyn Fn(&Tensor) -> Result<[Tensor; 3]> + Send + Sync;

/// `result`, for candle's graph made of `inputs`, whose gradients `backward` makes.
///
/// Both are computed without a graph: from inputs that are detached.
fn differentiable(
    result: Tensor,
    inputs: [&Tensor; 3],
    pass: Pass,
    backward: impl Fn(&Tensor) -> Result<[Tensor; 3]> + Send + Sync + 'static,
) -> Result<Tensor> {
    match pass.tape {
        Some(_) => inputs[0].apply_op3(inputs[1], inputs[2], Known { result, backward: Box::new(backward) }),
        None => Ok(result),
    }
}

/// An operator whose result is there already.
struct Known {
    result: Tensor,
    backward: Box<Backward>,
}

impl CustomOp3 for Known {
    fn name(&self) -> &'static str {
        "known"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        match &*self.result.storage_and_layout().0 {
            Storage::Cpu(storage) => Ok((storage.clone(), self.result.shape().clone())),
            _ => candle_core::bail!("the result is on another device than the inputs"),
        }
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (storage, layout) = self.result.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, self.result.shape().clone())),
            _ => candle_core::bail!("the result is on another device than the inputs"),
        }
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = (self.backward)(&gradient.detach())?;
        Ok((Some(a), Some(b), Some(c)))
    }
}

//! From tensors to slices and back.

use std::cell::Cell;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Shape, Storage, Tensor, bail};

/// Calls `f` with the elements of contiguous f32 tensors on the CPU.
pub fn with_values<const N: usize, T>(tensors: [&Tensor; N], f: impl FnOnce([&[f32]; N]) -> T) -> Result<T> {
    with_options(tensors, [], |slices, []| f(slices))
}

/// As [`with_values`], with tensors more that need not be there.
pub fn with_options<const N: usize, const M: usize, T>(
    tensors: [&Tensor; N],
    options: [Option<&Tensor>; M],
    f: impl FnOnce([&[f32]; N], [Option<&[f32]>; M]) -> T,
) -> Result<T> {
    let needed = tensors.map(Tensor::storage_and_layout);
    let optional = options.map(|option| option.map(Tensor::storage_and_layout));
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&needed) {
        *slice = elements(storage, layout)?;
    }
    let mut others = [None; M];
    for (other, found) in others.iter_mut().zip(&optional) {
        *other = found.as_ref().map(|(storage, layout)| elements(storage, layout)).transpose()?;
    }
    Ok(f(slices, others))
}

/// Calls `f` with the elements of a contiguous f32 tensor on the CPU, to be written. `f` must leave tensors alone that share
/// its memory.
pub fn with_values_mut(tensor: &Tensor, f: impl FnOnce(&mut [f32]) -> Result<()>) -> Result<()> {
    struct Write<F>(Cell<Option<F>>);

    impl<F: FnOnce(&mut [f32]) -> Result<()>> InplaceOp1 for Write<F> {
        fn name(&self) -> &'static str {
            "write"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            match self.0.take() {
                Some(f) => f(values_mut(storage, layout)?),
                None => bail!("a tensor is written once"),
            }
        }
    }

    tensor.inplace_op1(&Write(Cell::new(Some(f))))
}

fn elements<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    match storage {
        Storage::Cpu(storage) => values(storage, layout),
        _ => bail!("the operator takes tensors on the CPU only"),
    }
}

/// The elements of a contiguous f32 tensor.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => bail!("the operator takes contiguous f32 tensors only"),
    }
}

/// The same, to be written.
fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => bail!("the operator takes contiguous f32 tensors only"),
    }
}

/// A tensor of these values.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

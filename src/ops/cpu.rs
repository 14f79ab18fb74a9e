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

/// Calls `f` with the elements of a contiguous f32 tensor on the CPU, to be written. Of all tensors that share its memory
/// `f` must leave the others alone.
pub fn with_values_mut<T>(tensor: &Tensor, f: impl FnOnce(&mut [f32]) -> Result<T>) -> Result<T> {
    /// What is to be done, and what came of it.
    struct Write<F, T>(Cell<Option<F>>, Cell<Option<T>>);

    impl<T, F: FnOnce(&mut [f32]) -> Result<T>> InplaceOp1 for Write<F, T> {
        fn name(&self) -> &'static str {
            "write"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let values = values_mut(storage, layout)?;
            self.1.set(self.0.take().map(|f| f(values)).transpose()?);
            Ok(())
        }
    }

    let write = Write(Cell::new(Some(f)), Cell::new(None));
    tensor.inplace_op1(&write)?;
    match write.1.into_inner() {
        Some(result) => Ok(result),
        None => bail!("a tensor was not to be written"),
    }
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

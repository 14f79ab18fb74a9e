//! From tensors to slices and back.

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, Tensor};

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

fn elements<'a>(storage: &'a Storage, layout: &Layout) -> Result<&'a [f32]> {
    let Storage::Cpu(CpuStorage::F32(values)) = storage else {
        candle_core::bail!("the operator takes f32 tensors on the CPU only")
    };
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("the operator takes contiguous tensors only")
    };
    Ok(&values[start..end])
}

/// A tensor of these values.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

//! From tensors to slices and back.

use candle_core::{CpuStorage, Device, Result, Shape, Storage, Tensor};

/// Calls `f` with the elements of contiguous f32 tensors on the CPU.
pub fn with_values<const N: usize, T>(tensors: [&Tensor; N], f: impl FnOnce([&[f32]; N]) -> T) -> Result<T> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let mut slices = [&[][..]; N];
    for (slice, (storage, layout)) in slices.iter_mut().zip(&guards) {
        let Storage::Cpu(CpuStorage::F32(values)) = &**storage else {
            candle_core::bail!("the operator takes f32 tensors on the CPU only")
        };
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("the operator takes contiguous tensors only")
        };
        *slice = &values[start..end];
    }
    Ok(f(slices))
}

/// As [`with_values`], with one tensor more that need not be there.
pub fn with_option<const N: usize, T>(
    tensors: [&Tensor; N],
    option: Option<&Tensor>,
    f: impl FnOnce([&[f32]; N], Option<&[f32]>) -> T,
) -> Result<T> {
    match option {
        Some(option) => {
            with_values([option], |[option]| with_values(tensors, |slices| f(slices, Some(option))))?
        }
        None => with_values(tensors, |slices| f(slices, None)),
    }
}

/// A tensor of these values.
pub fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

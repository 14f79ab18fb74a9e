//! Named tensors and one JSON document in a safetensors file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The metadata key of the document. One key, because the format does not keep the order of
/// several, and the same contents shall give the same bytes.
const KEY: &str = "ipt";

/// What a safetensors file of this program holds.
#[derive(Debug)]
pub struct Archive<T> {
    /// Configuration, provenance, state: whatever is not a tensor.
    pub document: T,
    /// The tensors by name, on the CPU.
    pub tensors: BTreeMap<String, Tensor>,
}

impl<T: Serialize + DeserializeOwned> Archive<T> {
    /// The bytes of the file. The same contents give the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let document = serde_json::to_string(&self.document).map_err(malformed)?;
        let views = self
            .tensors
            .iter()
            .map(|(name, tensor)| Ok((name, Bytes::of(tensor)?)))
            .collect::<Result<Vec<_>>>()?;
        let metadata = HashMap::from([(KEY.to_owned(), document)]);
        safetensors::serialize(views, Some(metadata)).map_err(malformed)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// When the bytes are no safetensors file, damaged, or not of this program.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
        let document = (metadata.metadata().as_ref())
            .and_then(|metadata| metadata.get(KEY))
            .ok_or_else(|| Error::Model("the file was not written by ipt".into()))?;
        let document = serde_json::from_str(document).map_err(malformed)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(malformed)?;
        let tensors = tensors
            .iter()
            .map(|(name, view)| {
                let dtype: DType = view.dtype().try_into()?;
                let tensor = Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?;
                Ok((name.to_owned(), tensor))
            })
            .collect::<Result<_>>()?;
        Ok(Self { document, tensors })
    }
}

fn malformed(error: impl std::fmt::Display) -> Error {
    Error::Model(format!("not a sound safetensors file: {error}"))
}

/// A tensor's elements as the file has them: little-endian, row-major.
struct Bytes {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Bytes {
    fn of(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.flatten_all()?;
        let (dtype, bytes) = match tensor.dtype() {
            DType::F32 => (Dtype::F32, little_endian(&flat.to_vec1::<f32>()?, |x| x.to_le_bytes())),
            DType::F16 => (Dtype::F16, little_endian(&flat.to_vec1::<half::f16>()?, |x| x.to_le_bytes())),
            other => return Err(Error::Model(format!("{other:?} tensors are not written"))),
        };
        Ok(Self { dtype, shape: tensor.dims().to_vec(), bytes })
    }
}

fn little_endian<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

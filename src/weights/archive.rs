//! Named tensors and one JSON document in a safetensors file.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::published::Source;
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
        self.tensors.values().try_for_each(refuse_kind)?;
        let metadata = HashMap::from([(KEY.to_owned(), document)]);
        safetensors::serialize(&self.tensors, Some(metadata)).map_err(malformed)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// When the bytes are no safetensors file, damaged, or not of this program.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let document =
            document(bytes)?.ok_or_else(|| Error::Model("the file was not written by ipt".into()))?;
        let document = serde_json::from_str(&document).map_err(malformed)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(malformed)?;
        let tensors = tensors
            .iter()
            .map(|(name, view)| Ok((name.to_owned(), tensor(&view)?)))
            .collect::<Result<_>>()?;
        Ok(Self { document, tensors })
    }
}

/// The document of a safetensors file, if it is one of this program.
fn document(bytes: &[u8]) -> Result<Option<String>> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
    Ok(metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).cloned())
}

fn tensor(view: &TensorView) -> Result<Tensor> {
    let dtype: DType = view.dtype().try_into()?;
    Ok(Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?)
}

/// A safetensors file of another program.
#[derive(Debug)]
pub struct Foreign<'a>(SafeTensors<'a>);

impl<'a> Foreign<'a> {
    /// Reads a file's bytes; `None` if this program wrote them.
    ///
    /// # Errors
    /// When the bytes are no safetensors file, or damaged.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Option<Self>> {
        match document(bytes)? {
            Some(_) => Ok(None),
            None => Ok(Some(Self(SafeTensors::deserialize(bytes).map_err(malformed)?))),
        }
    }
}

impl Source for Foreign<'_> {
    fn format(&self) -> &'static str {
        "safetensors"
    }

    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.0.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec())).collect()
    }

    fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let view = self.0.tensor(name).map_err(malformed)?;
        Ok(tensor(&view)?.to_dtype(DType::F32)?)
    }
}

fn refuse_kind(tensor: &Tensor) -> Result<()> {
    match tensor.dtype() {
        DType::F32 | DType::F16 => Ok(()),
        other => Err(Error::Model(format!("{other:?} tensors are not written"))),
    }
}

fn malformed(error: impl std::fmt::Display) -> Error {
    Error::Model(format!("not a sound safetensors file: {error}"))
}

/// A tensor's elements as the file has them: little-endian, row-major.
pub(super) struct Bytes {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Bytes {
    /// Of the number at each place in turn.
    pub fn new<const N: usize>(dtype: Dtype, shape: Vec<usize>, number: impl Fn(usize) -> [u8; N]) -> Self {
        let bytes = (0..shape.iter().product()).flat_map(number).collect();
        Self { dtype, shape, bytes }
    }

    pub fn of(tensor: &Tensor) -> Result<Self> {
        refuse_kind(tensor)?;
        Ok(Self {
            dtype: View::dtype(&tensor),
            shape: tensor.dims().to_vec(),
            bytes: View::data(&tensor).into_owned(),
        })
    }
}

impl View for &Bytes {
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

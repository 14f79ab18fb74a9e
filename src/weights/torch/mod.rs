//! Files of `torch.save`: a pickle that says what the tensors are, and their numbers beside it.
//!
//! Of either kind: the zip archive of PyTorch 1.6 and later, or the row of pickles of before. A
//! tensor is read when it is asked for, straight from its place in the file. Before any memory is
//! taken for numbers, they are known to be in the file, and no two tensors share theirs: all
//! together never take more memory than the file has bytes, or twice that for 16-bit numbers.

mod legacy;
mod machine;
mod pickle;
mod zipped;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom};

use candle_core::{Device, Tensor};
use half::{bf16, f16};

use super::published::Source;
use crate::error::{Error, Result};
use pickle::{Pickle, Value};

pub use legacy::MAGIC;

/// The first bytes of a zip archive.
pub const ZIP: &[u8] = b"PK\x03\x04";

/// Types of numbers in storages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dtype {
    F32,
    F16,
    Bf16,
    F64,
    I64,
    I32,
}

impl Dtype {
    fn bytes(self) -> u64 {
        match self {
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::F32 | Dtype::I32 => 4,
            Dtype::F64 | Dtype::I64 => 8,
        }
    }
}

/// A tensor's place.
#[derive(Debug)]
struct Entry {
    storage: Storage,
    /// The first number of the storage that is the tensor's.
    offset: usize,
    dims: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Storage {
    key: String,
    dtype: Dtype,
    count: usize,
}

impl Storage {
    /// How many bytes it takes; more than a file has, if it does not fit a u64.
    fn bytes(&self) -> u64 {
        (self.count as u64).saturating_mul(self.dtype.bytes())
    }
}

/// A state dict in a file.
#[derive(Debug)]
pub struct StateDict<R> {
    entries: BTreeMap<String, Entry>,
    file: File<R>,
}

/// Where the numbers are.
#[derive(Debug)]
enum File<R> {
    Zip(zipped::Zip<R>),
    Legacy(legacy::Legacy<R>),
}

impl<R: Read + Seek> StateDict<R> {
    /// Opens a zip archive.
    ///
    /// # Errors
    /// When it is damaged, or holds anything but tensors by name.
    pub fn open_zip(reader: R) -> Result<Self> {
        let (entries, zip) = zipped::open(reader)?;
        Ok(Self { entries, file: File::Zip(zip) })
    }

    /// Opens a file of before PyTorch 1.6.
    ///
    /// # Errors
    /// When it is damaged, or holds anything but tensors by name.
    pub fn open_legacy(reader: R) -> Result<Self> {
        let (entries, legacy) = legacy::open(reader)?;
        Ok(Self { entries, file: File::Legacy(legacy) })
    }
}

impl<R: Read + Seek> Source for StateDict<R> {
    fn format(&self) -> &'static str {
        match self.file {
            File::Zip(_) => "PyTorch zip pickle",
            File::Legacy(_) => "PyTorch legacy pickle",
        }
    }

    fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        self.entries.iter().map(|(name, entry)| (name.clone(), entry.dims.clone())).collect()
    }

    fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let entry = self.entries.get(name).ok_or_else(|| Error::Model(format!("no tensor {name}")))?;
        let values = match &mut self.file {
            File::Zip(zip) => zip.read(entry),
            File::Legacy(legacy) => legacy.read(entry),
        };
        let values = values.map_err(|error| Error::Model(format!("tensor {name}: {error}")))?;
        Ok(Tensor::from_vec(values, entry.dims.as_slice(), &Device::Cpu)?)
    }
}

/// The tensors of a state dict by name, each known to lie within its own storage.
fn entries(pickle: &Pickle) -> Result<BTreeMap<String, Entry>> {
    let refuse = |reason: String| Err(Error::Model(reason));
    let Value::Dict(items) = pickle.root() else {
        return refuse("the file holds no state dict: its pickle is no dict".into());
    };
    let mut entries = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for &(name, value) in items {
        let Some(name) = pickle.text(name) else {
            return refuse("the file holds no state dict: a key is no text".into());
        };
        let Value::Tensor(tensor) = pickle.get(value) else {
            return refuse(format!("the file holds no flat state dict: {name} is no tensor"));
        };
        let count = tensor.dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim));
        let end = count.and_then(|count| count.checked_add(tensor.offset));
        if end.is_none_or(|end| end > tensor.storage.count) {
            return refuse(format!("tensor {name} is larger than its storage"));
        }
        if !row_major(&tensor.dims, &tensor.strides) {
            return refuse(format!("the numbers of tensor {name} are not in the order of its shape"));
        }
        let key = pickle.text(tensor.storage.key).unwrap_or_default().to_owned();
        if !taken.insert(key.clone()) {
            return refuse(format!("tensor {name} shares its numbers with another"));
        }
        let storage = Storage { key, dtype: tensor.storage.dtype, count: tensor.storage.count };
        let entry = Entry { storage, offset: tensor.offset, dims: tensor.dims.clone() };
        if entries.insert(name.to_owned(), entry).is_some() {
            return refuse(format!("tensor {name} is there twice"));
        }
    }
    Ok(entries)
}

/// Whether the strides are those of an array without gaps; along a side of 1 there is no step.
fn row_major(dims: &[usize], strides: &[usize]) -> bool {
    let mut step = 1usize;
    dims.iter().zip(strides).rev().all(|(&dim, &stride)| {
        let fits = dim == 1 || stride == step;
        step = step.saturating_mul(dim);
        fits
    })
}

/// Reads the entry's numbers from a reader that is at the start of its storage.
fn read_values(reader: &mut impl Read, entry: &Entry) -> io::Result<Vec<f32>> {
    let Storage { dtype, .. } = entry.storage;
    skip(reader, entry.offset as u64 * dtype.bytes())?;
    let count: usize = entry.dims.iter().product();
    let mut values = Vec::with_capacity(count);
    let width = dtype.bytes() as usize;
    let mut buffer = vec![0; 64 << 10];
    while values.len() < count {
        let part = &mut buffer[..((count - values.len()) * width).min(64 << 10)];
        reader.read_exact(part)?;
        let numbers = part.chunks_exact(width);
        match dtype {
            Dtype::F32 => values.extend(numbers.map(|x| f32::from_le_bytes(array(x)))),
            Dtype::F16 => values.extend(numbers.map(|x| f16::from_le_bytes(array(x)).to_f32())),
            Dtype::Bf16 => values.extend(numbers.map(|x| bf16::from_le_bytes(array(x)).to_f32())),
            Dtype::F64 => values.extend(numbers.map(|x| f64::from_le_bytes(array(x)) as f32)),
            Dtype::I64 => values.extend(numbers.map(|x| i64::from_le_bytes(array(x)) as f32)),
            Dtype::I32 => values.extend(numbers.map(|x| i32::from_le_bytes(array(x)) as f32)),
        }
    }
    Ok(values)
}

/// The bytes of a chunk whose length is `N`.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

fn skip(reader: &mut impl Read, count: u64) -> io::Result<()> {
    match io::copy(&mut reader.take(count), &mut io::sink())? {
        skipped if skipped == count => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// How many bytes the file has; the reader is then at its start.
fn length(reader: &mut impl Seek) -> io::Result<u64> {
    let length = reader.seek(SeekFrom::End(0))?;
    reader.seek(SeekFrom::Start(0))?;
    Ok(length)
}

//! A model in a file: configuration, parameters, and where they come from.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::parameters::Parameters;
use crate::atomic::{self, Existing};
use crate::error::{AtPath, Error, Result};
use crate::model::Config;

/// The model inside the binary; `PROVENANCE.md` beside it tells how it was trained.
const EMBEDDED: &[u8] = include_bytes!("default/model.safetensors");

/// A trained model.
#[derive(Debug)]
pub struct Model {
    /// Its shape and tasks.
    pub config: Config,
    /// Its parameters, on the CPU.
    pub parameters: Parameters,
    /// How it came about: command, data, hours, figures, by name.
    pub provenance: BTreeMap<String, String>,
}

/// What the file's metadata says.
#[derive(Serialize, Deserialize)]
struct Document {
    config: Config,
    #[serde(default)]
    provenance: BTreeMap<String, String>,
}

impl Model {
    /// The default model that is part of the program.
    pub fn embedded() -> Result<Self> {
        Self::from_bytes(EMBEDDED)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// When the file cannot be read, is no model, or lacks a parameter, has one in another shape,
    /// or one too many.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::read(path).map_err(Error::from).and_then(|bytes| Self::from_bytes(&bytes)).at(path)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let archive: Archive<Document> = Archive::from_bytes(bytes)?;
        let Document { config, provenance } = archive.document;
        let parameters = Parameters::from_tensors(&config, archive.tensors, &Device::Cpu)?;
        Ok(Self { config, parameters, provenance })
    }

    /// Writes a model file with the parameters as `dtype`: F32, or F16 for half the size.
    ///
    /// # Errors
    /// When the file cannot be written, or a parameter is not finite in `dtype`.
    pub fn save(&self, path: &Path, dtype: DType) -> Result<()> {
        let mut tensors = self.parameters.tensors();
        for (name, tensor) in &mut tensors {
            *tensor = tensor.to_dtype(dtype)?;
            let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            if !values.into_iter().all(f32::is_finite) {
                return Err(Error::Model(format!("parameter {name} is not finite as {dtype:?}"))).at(path);
            }
        }
        let document = Document { config: self.config.clone(), provenance: self.provenance.clone() };
        let bytes = Archive { document, tensors }.to_bytes().at(path)?;
        atomic::write(path, &bytes, Existing::Replace)
    }
}

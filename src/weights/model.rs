//! A model in a file: configuration, parameters, and where they come from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::archive::{Archive, Foreign};
use super::parameters::Parameters;
use super::published;
use super::torch::{self, StateDict};
use crate::atomic::{self, Existing};
use crate::error::{AtPath, Error, Result};
use crate::model::Config;
use crate::task::Task;

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

/// What the metadata of a run's checkpoint have, of which no model can be made.
#[derive(Serialize, Deserialize)]
struct State {
    step: u64,
}

impl Model {
    /// The file of the model inside the binary; `docs/default-model.md` tells how it was trained.
    pub const EMBEDDED: &[u8] = include_bytes!("default/model.safetensors");
    /// The entry of the provenance that says what was inferred from published weights.
    pub const INFERRED: &str = "inferred";

    /// The default model that is part of the program.
    pub fn embedded() -> Result<Self> {
        Self::from_bytes(Self::EMBEDDED)
    }

    /// Reads a model file: one of this program, or published weights as safetensors or as either
    /// kind of PyTorch file; the contents tell which.
    ///
    /// # Errors
    /// When the file cannot be read, is no model, or lacks a parameter, has one in another shape,
    /// or one too many.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_for(path, None)
    }

    /// Reads a model file to be used for `task`: published weights for one task that keeps the
    /// picture's size do not say which it is.
    ///
    /// # Errors
    /// As [`Model::open`], and when nobody names such a task.
    pub fn open_for(path: &Path, task: Option<Task>) -> Result<Self> {
        File::open(path).map_err(Error::from).and_then(|file| Self::from_reader(file, task)).at(path)
    }

    /// Reads what [`Model::open_for`] reads from a file.
    ///
    /// # Errors
    /// As [`Model::open_for`].
    pub fn from_reader(reader: impl Read + Seek, task: Option<Task>) -> Result<Self> {
        let model = Self::of_any_kind(reader, task)?;
        for (name, variable) in model.parameters.iter() {
            if !finite(variable)? {
                return Err(Error::Model(format!("parameter {name} is not finite: the file is damaged")));
            }
        }
        Ok(model)
    }

    fn of_any_kind(mut reader: impl Read + Seek, task: Option<Task>) -> Result<Self> {
        let mut start = Vec::new();
        reader.by_ref().take(16).read_to_end(&mut start)?;
        reader.rewind()?;
        // A safetensors file may begin with any length, but then with a brace.
        if start.get(8) != Some(&b'{') {
            if start.starts_with(torch::ZIP) {
                return published::read(&mut StateDict::open_zip(reader)?, task);
            }
            if start.starts_with(torch::MAGIC) {
                return published::read(&mut StateDict::open_legacy(reader)?, task);
            }
        }
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        match Foreign::from_bytes(&bytes)? {
            Some(mut foreign) => published::read(&mut foreign, task),
            None => Self::from_bytes(&bytes),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let archive: Archive<Document> = Archive::from_bytes(bytes).map_err(|error| {
            let state = Archive::<State>::from_bytes(bytes);
            let said = "a checkpoint and no model: a run's model is its final.safetensors, once it has ended";
            state.map_or(error, |_| Error::Model(said.into()))
        })?;
        let Document { config, provenance } = archive.document;
        let parameters = Parameters::from_tensors(&config, archive.tensors, &Device::Cpu)?;
        Ok(Self { config, parameters, provenance })
    }

    /// 12 hexadecimal digits that stand for the configuration and the parameters, for reports.
    ///
    /// They are the start of a BLAKE3 hash of both, the numbers as f32: neither the kind of file, nor
    /// the provenance, nor f16 that was widened makes a difference. Rounding to f16 does.
    pub fn id(&self) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let config = serde_json::to_string(&self.config).map_err(|error| Error::Model(error.to_string()))?;
        hasher.update(config.as_bytes());
        for (name, tensor) in self.parameters.tensors() {
            hasher.update(name.as_bytes());
            hasher.update(format!("{:?}", tensor.dims()).as_bytes());
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            hasher.update(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
        }
        Ok(hasher.finalize().to_hex()[..12].to_owned())
    }

    /// Writes a model file with the parameters as `dtype`: F32, or F16 for half the size. One that is
    /// there is replaced.
    ///
    /// # Errors
    /// When the file cannot be written, or a parameter is not finite in `dtype`.
    pub fn save(&self, path: &Path, dtype: DType) -> Result<()> {
        self.write(path, dtype, Existing::Replace)
    }

    /// As [`Model::save`]; `existing` says what becomes of a file that is there.
    ///
    /// # Errors
    /// As [`Model::save`], and when the file is there and must stay.
    pub fn write(&self, path: &Path, dtype: DType, existing: Existing) -> Result<()> {
        let mut tensors = self.parameters.tensors();
        for (name, tensor) in &mut tensors {
            *tensor = tensor.to_dtype(dtype)?;
            if !finite(tensor)? {
                return Err(Error::Model(format!("parameter {name} is not finite as {dtype:?}"))).at(path);
            }
        }
        let document = Document { config: self.config.clone(), provenance: self.provenance.clone() };
        let bytes = Archive { document, tensors }.to_bytes().at(path)?;
        atomic::write(path, &bytes, existing)
    }
}

fn finite(tensor: &Tensor) -> Result<bool> {
    let values = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.into_iter().all(f32::is_finite))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny(seed: u64) -> Model {
        super::super::tests::tiny(&["derain"], seed)
    }

    #[test]
    fn an_id_is_of_what_computes() {
        let model = tiny(1);
        let id = model.id().unwrap();
        assert!(id.len() == 12 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
        assert_eq!(tiny(1).id().unwrap(), id);
        assert_ne!(tiny(2).id().unwrap(), id);
        let renamed = Config { tasks: vec!["denoise30".parse().unwrap()], ..model.config.clone() };
        assert_ne!(Model { config: renamed, ..tiny(1) }.id().unwrap(), id);
        let told = BTreeMap::from([("hours".to_owned(), "1".to_owned())]);
        assert_eq!(Model { provenance: told, ..tiny(1) }.id().unwrap(), id);
        // As a file, too; and once rounded to f16, the number format of the file is no matter.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let through = |model: &Model, dtype| {
            model.save(&path, dtype).unwrap();
            Model::open(&path).unwrap()
        };
        assert_eq!(through(&model, DType::F32).id().unwrap(), id);
        let rounded = through(&model, DType::F16);
        assert_ne!(rounded.id().unwrap(), id);
        assert_eq!(through(&rounded, DType::F32).id().unwrap(), rounded.id().unwrap());
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        let model = tiny(1);
        let mut tensors = model.parameters.tensors();
        let (name, tensor) = tensors.iter_mut().next().unwrap();
        let name = name.clone();
        *tensor = (tensor.zeros_like().unwrap() / 0.0).unwrap();
        let document = Document { config: model.config.clone(), provenance: BTreeMap::new() };
        let bytes = Archive { document, tensors }.to_bytes().unwrap();
        let error = Model::from_reader(std::io::Cursor::new(bytes), None).unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains("not finite"), "{error}");
    }
}

//! The state of a run in one file, whole or not there.
//!
//! Weights, their running mean, the optimizer's memory, the step, and the options. Random state
//! needs no saving: every stream is named by the seed and the step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::adam::Moments;
use super::average::Mean;
use super::optimizer::Memory;
use super::options::Options;
use crate::atomic::{self, Existing};
use crate::error::{AtPath, Error, Result};
use crate::weights::Archive;

/// All that a run needs to go on as if it had not stopped.
#[derive(Debug)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// Patches learned from.
    pub patches: u64,
    /// Milliseconds of training so far, where they decide the run's end; else 0, so that equal
    /// runs have equal files.
    pub milliseconds: u64,
    /// What the run was asked.
    pub options: Options,
    /// The weights by name.
    pub weights: BTreeMap<String, Tensor>,
    /// Their running mean.
    pub average: BTreeMap<String, Mean>,
    /// The optimizer's memory.
    pub memory: BTreeMap<String, Memory>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    step: u64,
    /// None in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patches: Option<u64>,
    milliseconds: u64,
    /// As TOML: JSON's reader does not give back every fraction exactly.
    options: String,
    updates: BTreeMap<String, u64>,
    /// The steps that a running mean takes in, where that is not all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    averaged: BTreeMap<String, u64>,
    /// BLAKE3 of all the above and all tensors: a flipped bit is found out, not trained on.
    digest: String,
}

const WEIGHTS: &str = "weights/";
const AVERAGE: &str = "average/";
const FIRST: &str = "first/";
const SECOND: &str = "second/";
const MOMENTUM: &str = "momentum/";

impl Checkpoint {
    /// Writes the file, synced, and removes all but the newest `keep` in the folder.
    ///
    /// # Errors
    /// When it cannot be written, or not all numbers are finite; what was in the folder is still there then.
    pub fn save(&self, folder: &Path, keep: usize) -> Result<PathBuf> {
        let path = folder.join(format!("step-{:08}.safetensors", self.step));
        let mut tensors = BTreeMap::new();
        let mut put = |kind: &str, name: &str, tensor: &Tensor| {
            tensors.insert(format!("{kind}{name}"), tensor.clone());
        };
        self.weights.iter().for_each(|(name, tensor)| put(WEIGHTS, name, tensor));
        self.average.iter().for_each(|(name, mean)| put(AVERAGE, name, &mean.tensor));
        let mut updates = BTreeMap::new();
        for (name, memory) in &self.memory {
            match memory {
                Memory::Moments(moments) => {
                    put(FIRST, name, &moments.first);
                    put(SECOND, name, &moments.second);
                    updates.insert(name.clone(), moments.steps);
                }
                Memory::Momentum(momentum) => put(MOMENTUM, name, momentum),
            }
        }
        let mut document = Document {
            step: self.step,
            patches: Some(self.patches),
            milliseconds: self.milliseconds,
            options: self.options.to_toml().at(&path)?,
            updates,
            averaged: (self.average.iter())
                .filter(|(_, mean)| mean.steps < self.step)
                .map(|(name, mean)| (name.clone(), mean.steps))
                .collect(),
            digest: String::new(),
        };
        document.digest = digest(&document, &tensors).at(&path)?;
        let bytes = Archive { document, tensors }.to_bytes().at(&path)?;
        atomic::write(&path, &bytes, Existing::Replace)?;
        for (_, old) in list(folder)?.into_iter().filter(|(step, _)| *step <= self.step).skip(keep) {
            std::fs::remove_file(&old).at(&old)?;
        }
        Ok(path)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// When it cannot be read or is not exactly what was written.
    pub fn open(path: &Path) -> Result<Self> {
        std::fs::read(path).map_err(Error::from).and_then(|bytes| Self::from_bytes(&bytes)).at(path)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let Archive { mut document, tensors } = Archive::<Document>::from_bytes(bytes)?;
        let written = std::mem::take(&mut document.digest);
        if digest(&document, &tensors)? != written {
            return Err(Error::Model("damaged: the contents do not have the digest that was written".into()));
        }
        let of = |kind: &str| -> BTreeMap<String, Tensor> {
            let named =
                |(name, tensor): (&String, &Tensor)| Some((name.strip_prefix(kind)?.into(), tensor.clone()));
            tensors.iter().filter_map(named).collect()
        };
        let (first, mut second) = (of(FIRST), of(SECOND));
        let moments = first.into_iter().map(|(name, first)| {
            let missing = || Error::Model(format!("the optimizer's memory of {name} is incomplete"));
            let second = second.remove(&name).ok_or_else(missing)?;
            let steps = *document.updates.get(&name).ok_or_else(missing)?;
            Ok((name, Memory::Moments(Moments { first, second, steps })))
        });
        let momenta = of(MOMENTUM).into_iter().map(|(name, momentum)| Ok((name, Memory::Momentum(momentum))));
        let options = Options::from_toml(&document.options)?;
        let of_a_step = (options.batch * options.accumulate) as u64;
        Ok(Self {
            memory: moments.chain(momenta).collect::<Result<_>>()?,
            weights: of(WEIGHTS),
            average: of(AVERAGE)
                .into_iter()
                .map(|(name, tensor)| {
                    let steps = document.averaged.get(&name).copied().unwrap_or(document.step);
                    (name, Mean { tensor, steps })
                })
                .collect(),
            step: document.step,
            patches: document.patches.unwrap_or(document.step.saturating_mul(of_a_step)),
            milliseconds: document.milliseconds,
            options,
        })
    }

    /// The newest sound checkpoint in `folder` with its path, and what is wrong with newer ones.
    ///
    /// # Errors
    /// When there is none that can be used; the message says why each cannot.
    pub fn newest(folder: &Path) -> Result<(Self, PathBuf, Vec<Error>)> {
        let mut damaged = Vec::new();
        for (_, path) in list(folder)? {
            match Self::open(&path) {
                Ok(checkpoint) => return Ok((checkpoint, path, damaged)),
                Err(error) => damaged.push(error),
            }
        }
        let reasons: String = damaged.iter().map(|error| format!("\n{error}")).collect();
        Err(Error::Usage(format!("no checkpoint to resume from{reasons}")).at(folder))
    }
}

/// The checkpoints in a folder, newest first; none where the folder is not there.
pub fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at(folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.at(folder)?.path();
        let step = (path.file_name().and_then(|name| name.to_str()))
            .and_then(|name| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok());
        found.extend(step.map(|step| (step, path)));
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Removes what runs that were killed in the middle of writing have left in a folder.
pub fn clean(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).at(folder)? {
        let path = entry.at(folder)?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(atomic::TEMPORARY)) {
            std::fs::remove_file(&path).at(&path)?;
        }
    }
    Ok(())
}

/// BLAKE3 of a state, of which all numbers must be finite: with others there is nothing to go on.
fn digest(document: &Document, tensors: &BTreeMap<String, Tensor>) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let text = serde_json::to_string(document).map_err(|error| Error::Model(error.to_string()))?;
    hasher.update(text.as_bytes());
    for (name, tensor) in tensors {
        hasher.update(format!("\n{name} {:?}\n", tensor.dims()).as_bytes());
        let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(Error::Model(format!("{name} is not finite after step {}", document.step)));
        }
        for block in values.chunks(4096) {
            let bytes: Vec<u8> = block.iter().flat_map(|value| value.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use candle_core::Device;

    use super::*;
    use crate::model::{Config, Preset};
    use crate::task::Task;

    fn checkpoint(step: u64) -> Checkpoint {
        let tensor = |x: f32| Tensor::new(&[x, -1.5e-9, 3.0], &Device::Cpu).unwrap();
        let named = |x| BTreeMap::from([("body.w".to_string(), tensor(x))]);
        let moments = Moments { first: tensor(0.3), second: tensor(0.4), steps: 5 };
        Checkpoint {
            step,
            patches: 48,
            milliseconds: 12,
            options: Options::new(Vec::new(), Config::preset(Preset::Tiny, vec![Task::Derain])),
            weights: named(0.1),
            average: BTreeMap::from([
                ("body.w".to_string(), Mean { tensor: tensor(0.2), steps: step }),
                ("head.w".to_string(), Mean { tensor: tensor(0.7), steps: step - 1 }),
            ]),
            memory: BTreeMap::from([
                ("body.b".to_string(), Memory::Moments(moments)),
                ("body.w".to_string(), Memory::Momentum(tensor(0.5))),
            ]),
        }
    }

    #[test]
    fn round_trips_and_keeps_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        for step in [1, 2, 10, 30] {
            checkpoint(step).save(folder.path(), 2).unwrap();
        }
        assert_eq!(list(folder.path()).unwrap().iter().map(|(step, _)| *step).collect::<Vec<_>>(), [30, 10]);
        let (read, _, damaged) = Checkpoint::newest(folder.path()).unwrap();
        assert!(damaged.is_empty());
        assert_eq!((read.step, read.patches, read.milliseconds), (30, 48, 12));
        assert!(matches!(&read.memory["body.b"], Memory::Moments(moments) if moments.steps == 5));
        assert!(matches!(&read.memory["body.w"], Memory::Momentum(_)));
        assert_eq!(["body.w", "head.w"].map(|name| read.average[name].steps), [30, 29]);
        let again = tempfile::tempdir().unwrap();
        let copy = read.save(again.path(), 1).unwrap();
        let original = folder.path().join("step-00000030.safetensors");
        assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(original).unwrap());
    }

    #[test]
    fn older_files_do_not_tell_the_patches() {
        let folder = tempfile::tempdir().unwrap();
        let path = checkpoint(3).save(folder.path(), 2).unwrap();
        let mut archive = Archive::<Document>::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
        archive.document.patches = None;
        archive.document.digest = String::new();
        archive.document.digest = digest(&archive.document, &archive.tensors).unwrap();
        std::fs::write(&path, archive.to_bytes().unwrap()).unwrap();
        let read = Checkpoint::open(&path).unwrap();
        assert_eq!(read.patches, 3 * read.options.batch as u64);
    }

    #[test]
    fn what_is_not_finite_is_not_saved() {
        let folder = tempfile::tempdir().unwrap();
        let mut bad = checkpoint(4);
        bad.weights.insert("head.w".into(), Tensor::new(&[1.0, f32::NAN], &Device::Cpu).unwrap());
        let error = bad.save(folder.path(), 2).unwrap_err().to_string();
        assert!(error.contains("weights/head.w is not finite after step 4"), "{error}");
        assert!(list(folder.path()).unwrap().is_empty());
    }

    #[test]
    fn a_checkpoint_is_no_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = checkpoint(1).save(folder.path(), 2).unwrap();
        let error = crate::weights::Model::open(&path).unwrap_err().to_string();
        assert!(error.contains("a checkpoint") && error.contains("final.safetensors"), "{error}");
    }

    #[test]
    fn any_damage_falls_back_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(1).save(folder.path(), 2).unwrap();
        let path = checkpoint(2).save(folder.path(), 2).unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            let Ok((read, _, damaged)) = Checkpoint::newest(folder.path()) else { panic!("byte {at}") };
            assert!(read.step == 1 && damaged.len() == 1, "byte {at}");
        }
        std::fs::write(&path, &good[..good.len() / 2]).unwrap();
        assert_eq!(Checkpoint::newest(folder.path()).unwrap().0.step, 1);
        std::fs::remove_file(folder.path().join("step-00000001.safetensors")).unwrap();
        assert!(Checkpoint::newest(folder.path()).is_err());
    }
}

//! RUN: where the files of a run lie.

use std::path::{Path, PathBuf};

/// The files of a run.
#[derive(Debug, Clone)]
pub struct Place(PathBuf);

impl Place {
    /// The run in this folder, which need not exist yet.
    pub fn new(folder: &Path) -> Self {
        Self(folder.to_path_buf())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The options that reproduce the run.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// The folder of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// The log.
    pub fn log(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }

    /// The drawing of the log.
    pub fn curves(&self) -> PathBuf {
        self.0.join("curves.svg")
    }

    /// The file that a run locks while it goes, so that no other does.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The folder of restored validation pictures.
    pub fn samples(&self) -> PathBuf {
        self.0.join("samples")
    }

    /// The result.
    pub fn result(&self) -> PathBuf {
        self.0.join("final.safetensors")
    }
}

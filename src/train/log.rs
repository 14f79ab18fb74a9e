//! RUN/log.jsonl: one line of JSON for each step, measurement and resumption.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic::{self, Existing};
use crate::error::{AtPath, Error, Result};
use crate::task::Task;

/// What there is to say of a run, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// A step was done.
    Step(Step),
    /// The running mean of the weights was measured.
    Validation(Validation),
    /// The run went on from a checkpoint.
    Resume {
        /// Steps done before.
        step: u64,
    },
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Steps done, this one included.
    pub step: u64,
    /// The task of its batches.
    pub task: Task,
    /// The whole loss.
    pub loss: f64,
    /// Mean absolute error in 8-bit levels.
    pub l1: f64,
    /// The contrastive term before its weight; absent where λ is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrastive: Option<f64>,
    /// Learning rate.
    pub lr: f64,
    /// Norm of the gradient before clipping.
    pub norm: f64,
    /// Patches a second, over this step.
    pub patches_per_second: f64,
    /// Seconds of training since the very start.
    pub seconds: f64,
    /// Resident memory in MiB, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
}

/// A measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Steps done.
    pub step: u64,
    /// Seconds of training since the very start.
    pub seconds: f64,
    /// Per task, in the model's order.
    pub tasks: Vec<TaskScore>,
}

/// Mean PSNR of one task over the validation pictures, in dB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskScore {
    /// The task.
    pub task: Task,
    /// Of the luma.
    pub psnr_y: f64,
    /// Of the three channels together.
    pub psnr_rgb: f64,
    /// Luma of what is given: the degraded picture, enlarged bicubically where it is smaller.
    pub input_psnr_y: f64,
    /// The same of the three channels.
    pub input_psnr_rgb: f64,
}

/// The log of a run.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Log {
    /// Opens the log for a run that has done `step` steps: lines of later steps, which the resumed
    /// run does again, are dropped.
    pub fn open(path: &Path, step: u64) -> Result<Self> {
        let kept: Vec<Entry> = read(path)?.into_iter().filter(|entry| entry.step() <= step).collect();
        let lines = kept.iter().map(line).collect::<Result<String>>().at(path)?;
        atomic::write(path, lines.as_bytes(), Existing::Replace)?;
        let file = OpenOptions::new().append(true).open(path).at(path)?;
        Ok(Self { path: path.to_path_buf(), file: BufWriter::new(file) })
    }

    /// Adds a line.
    pub fn add(&mut self, entry: &Entry) -> Result<()> {
        let line = line(entry).at(&self.path)?;
        self.file.write_all(line.as_bytes()).at(&self.path)
    }

    /// Brings all lines to the file.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().at(&self.path)
    }
}

impl Entry {
    /// Steps done when it happened.
    pub fn step(&self) -> u64 {
        match self {
            Entry::Step(step) => step.step,
            Entry::Validation(validation) => validation.step,
            Entry::Resume { step } => *step,
        }
    }
}

/// The entries of a log; none where there is no file. A line that a crash cut short is passed over.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        text => Ok(text.at(path)?.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
    }
}

fn line(entry: &Entry) -> Result<String> {
    let json = serde_json::to_string(entry).map_err(|error| Error::Io(error.into()))?;
    Ok(json + "\n")
}

/// Memory of this process now, in MiB, where the system tells (Linux).
pub fn resident_mib() -> Option<u64> {
    status_mib("VmRSS:")
}

/// The most memory that this process has had, in MiB, where the system tells (Linux).
pub fn peak_mib() -> Option<u64> {
    status_mib("VmHWM:")
}

fn status_mib(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix(field))?;
    kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_drops_what_it_does_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path, 0).unwrap();
        for step in 1..=4 {
            let entry = Step {
                step,
                task: Task::Derain,
                loss: 1.0,
                l1: 1.0,
                contrastive: None,
                lr: 1e-4,
                norm: 0.5,
                patches_per_second: 1.0,
                seconds: 1.0,
                memory_mib: None,
            };
            log.add(&Entry::Step(entry)).unwrap();
        }
        log.flush().unwrap();
        log.file.write_all(b"{\"kind\":\"st").unwrap();
        drop(log);
        let mut log = Log::open(&path, 2).unwrap();
        log.add(&Entry::Resume { step: 2 }).unwrap();
        drop(log);
        let steps: Vec<u64> = read(&path).unwrap().iter().map(Entry::step).collect();
        assert_eq!(steps, [1, 2, 2]);
    }
}

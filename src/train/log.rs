//! RUN/log.jsonl: one line of JSON for each step, measurement and resumption.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

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

/// Mean PSNR of one task over the validation pictures, in dB; infinite where not one sample is off. As
/// JSON has no such number, it is null there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskScore {
    /// The task.
    pub task: Task,
    /// Of the luma.
    #[serde(deserialize_with = "or_infinite")]
    pub psnr_y: f64,
    /// Of the three channels together.
    #[serde(deserialize_with = "or_infinite")]
    pub psnr_rgb: f64,
    /// Luma of what is given: the degraded picture, enlarged bicubically where it is smaller.
    #[serde(deserialize_with = "or_infinite")]
    pub input_psnr_y: f64,
    /// The same of the three channels.
    #[serde(deserialize_with = "or_infinite")]
    pub input_psnr_rgb: f64,
}

fn or_infinite<'de, D: Deserializer<'de>>(number: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(number)?.unwrap_or(f64::INFINITY))
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
        let text = text(path)?;
        // The text that was written, since JSON's reader does not give back every number to the last bit.
        let kept = entries(&text).filter(|(entry, _)| entry.step() <= step);
        let lines: String = kept.flat_map(|(_, line)| [line, "\n"]).collect();
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
    /// Seconds of training when it happened, where it tells.
    pub fn seconds(&self) -> Option<f64> {
        match self {
            Entry::Step(step) => Some(step.seconds),
            Entry::Validation(validation) => Some(validation.seconds),
            Entry::Resume { .. } => None,
        }
    }

    /// Steps done when it happened.
    pub fn step(&self) -> u64 {
        match self {
            Entry::Step(step) => step.step,
            Entry::Validation(validation) => validation.step,
            Entry::Resume { step } => *step,
        }
    }
}

impl TaskScore {
    /// What restoring gains: of the luma, and of the three channels. Nothing where both are without fault.
    pub fn gains(&self) -> [f64; 2] {
        [(self.psnr_y, self.input_psnr_y), (self.psnr_rgb, self.input_psnr_rgb)]
            .map(|(restored, given)| if restored == given { 0.0 } else { restored - given })
    }
}

/// The entries of a log; none where there is no file. A line that a crash cut short is passed over.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    Ok(entries(&text(path)?).map(|(entry, _)| entry).collect())
}

/// Whether the file has text, but no entry.
pub(super) fn is_foreign(path: &Path) -> Result<bool> {
    let text = text(path)?;
    Ok(!text.is_empty() && entries(&text).next().is_none())
}

fn text(path: &Path) -> Result<String> {
    match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        bytes => Ok(String::from_utf8_lossy(&bytes.at(path)?).into_owned()),
    }
}

/// The entries of a log with their lines.
fn entries(text: &str) -> impl Iterator<Item = (Entry, &str)> {
    text.lines().filter_map(|line| Some((serde_json::from_str(line).ok()?, line)))
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

    fn step(step: u64, loss: f64) -> Entry {
        Entry::Step(Step {
            step,
            task: Task::Derain,
            loss,
            l1: 1.0,
            contrastive: None,
            lr: 1e-4,
            norm: 0.5,
            patches_per_second: 1.0,
            seconds: 1.0,
            memory_mib: None,
        })
    }

    #[test]
    fn what_is_without_fault_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let infinite = f64::INFINITY;
        let score = TaskScore {
            task: Task::Derain,
            psnr_y: infinite,
            psnr_rgb: 40.0,
            input_psnr_y: infinite,
            input_psnr_rgb: 39.5,
        };
        let entry = Entry::Validation(Validation { step: 1, seconds: 2.0, tasks: vec![score.clone()] });
        Log::open(&path, 0).unwrap().add(&entry).unwrap();
        Log::open(&path, 1).unwrap();
        assert_eq!(read(&path).unwrap(), [entry]);
        assert_eq!(score.gains(), [0.0, 0.5]);
        assert_eq!(TaskScore { input_psnr_y: 30.0, ..score }.gains()[0], infinite);
    }

    #[test]
    fn lines_stay_to_the_last_digit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path, 0).unwrap();
        for n in 1..=200 {
            log.add(&step(n, (n as f64).sqrt().recip())).unwrap();
        }
        drop(log);
        let before = std::fs::read(&path).unwrap();
        Log::open(&path, 200).unwrap();
        assert!(before == std::fs::read(&path).unwrap());
    }

    #[test]
    fn a_resumed_run_drops_what_it_does_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path, 0).unwrap();
        for n in 1..=4 {
            log.add(&step(n, 1.0)).unwrap();
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

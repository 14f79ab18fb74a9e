//! Values with names that help and completions list.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error, error::ErrorKind};

use crate::degrade::Degradation;
use crate::device::Placement;
use crate::picture::Format;
use crate::score::{Metric, ProtocolName};
use crate::task::Task;

/// Written out, as clap wants them static.
const TASKS: [&str; 6] = ["sr2", "sr3", "sr4", "derain", "denoise30", "denoise50"];
const OTHER_DEGRADATIONS: [&str; 2] = ["jpeg40", "blur1.6"];
const DEVICES: [&str; 3] = ["auto", "cpu", "cuda"];
const FORMATS: [&str; 6] = ["png", "jpeg", "webp", "tiff", "bmp", "pnm"];
const PROTOCOLS: [&str; 6] = ["sr2", "sr3", "sr4", "denoise", "derain", "ipt-paper"];
const METRICS: [&str; 3] = ["psnr", "ssim", "ms-ssim"];

/// Any task; the six of pre-training are suggested.
#[derive(Debug, Clone, Copy)]
pub struct TaskName;

impl TypedValueParser for TaskName {
    type Value = Task;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Task, Error> {
        parse(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(TASKS.map(PossibleValue::new).into_iter()))
    }
}

/// Tasks with commas between, or `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskList(pub Vec<Task>);

impl FromStr for TaskList {
    type Err = <Task as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').filter(|_| text != "none");
        names.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// A number of residual blocks, of all heads or of those of some tasks: `8` or `denoise30,denoise50=16`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadBlocks {
    /// Whose heads; none for all.
    pub tasks: Option<Vec<Task>>,
    /// How many.
    pub blocks: u8,
}

impl FromStr for HeadBlocks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tasks, number) = match text.rsplit_once('=') {
            Some((tasks, number)) => (Some(tasks), number),
            None => (None, text),
        };
        let tasks = tasks.map(|tasks| tasks.split(',').map(str::parse).collect::<Result<_, _>>()).transpose();
        let tasks = tasks.map_err(|error: <Task as FromStr>::Err| error.to_string())?;
        let blocks = number.parse().ok().filter(|blocks| *blocks > 0);
        let blocks = blocks.ok_or_else(|| format!("'{number}' is no number of blocks from 1 to 255"))?;
        Ok(Self { tasks, blocks })
    }
}

/// What the model inside the program is called.
const EMBEDDED: &str = "embedded";

/// A model to begin with. A file that is called `embedded` is `./embedded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelName {
    /// The one inside the program.
    Embedded,
    /// One in a file.
    File(PathBuf),
}

impl ModelName {
    /// The file, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            ModelName::Embedded => None,
            ModelName::File(path) => Some(path),
        }
    }

    /// As it is named on the command line.
    pub fn name(&self) -> &Path {
        self.file().unwrap_or(Path::new(EMBEDDED))
    }
}

impl From<OsString> for ModelName {
    fn from(name: OsString) -> Self {
        if name == EMBEDDED { ModelName::Embedded } else { ModelName::File(name.into()) }
    }
}

/// Any way to damage pictures; those of pre-training and two others are suggested.
#[derive(Debug, Clone, Copy)]
pub struct DegradationName;

impl TypedValueParser for DegradationName {
    type Value = Degradation;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Degradation, Error> {
        parse(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(TASKS.into_iter().chain(OTHER_DEGRADATIONS).map(PossibleValue::new)))
    }
}

/// A picture format.
#[derive(Debug, Clone, Copy)]
pub struct FormatName;

impl TypedValueParser for FormatName {
    type Value = Format;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Format, Error> {
        parse(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(FORMATS.map(PossibleValue::new).into_iter()))
    }
}

/// A device; `cuda:N` is understood, too.
#[derive(Debug, Clone, Copy)]
pub struct DeviceName;

impl TypedValueParser for DeviceName {
    type Value = Placement;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Placement, Error> {
        parse(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(DEVICES.map(PossibleValue::new).into_iter()))
    }
}

/// A protocol to score by.
#[derive(Debug, Clone, Copy)]
pub struct ProtocolNames;

impl TypedValueParser for ProtocolNames {
    type Value = ProtocolName;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<ProtocolName, Error> {
        parse(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(PROTOCOLS.map(PossibleValue::new).into_iter()))
    }
}

/// A metric to score with.
#[derive(Debug, Clone, Copy)]
pub struct MetricName;

impl TypedValueParser for MetricName {
    type Value = Metric;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Metric, Error> {
        parse(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(METRICS.map(PossibleValue::new).into_iter()))
    }
}

/// A number in a range.
pub fn within(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("no number from {} to {}", range.start(), range.end()))
    }
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
    command: &Command,
    arg: Option<&Arg>,
    value: &OsStr,
) -> Result<T, Error> {
    value.to_string_lossy().parse().map_err(|error: T::Err| {
        let option = arg.map_or_else(String::new, |arg| format!(" for '{arg}'"));
        // The format of clap's own errors; `cmd` adds the usage and how to get help.
        Error::raw(ErrorKind::ValueValidation, format!("invalid value{option}: {error}\n")).with_cmd(command)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_range() {
        let number = within(0.0..=1e9);
        for (text, value) in [("0", 0.0), ("2.5", 2.5), ("1e3", 1000.0), ("1e9", 1e9)] {
            assert_eq!(number(text), Ok(value));
        }
        for text in ["", "-1", "nan", "inf", "1e300", "ten"] {
            assert_eq!(number(text), Err("no number from 0 to 1000000000".into()), "{text}");
        }
    }

    #[test]
    fn suggestions_are_understood() {
        assert_eq!(TASKS.map(String::from), Task::PRETRAINING.map(|task| task.to_string()));
        for name in TASKS.into_iter().chain(OTHER_DEGRADATIONS) {
            name.parse::<Degradation>().unwrap();
        }
        for name in DEVICES {
            name.parse::<Placement>().unwrap();
        }
        for name in FORMATS {
            assert_eq!(name.parse::<Format>().unwrap().to_string(), name);
        }
        for name in PROTOCOLS {
            assert_eq!(name.parse::<ProtocolName>().unwrap().to_string(), name);
        }
        assert_eq!(METRICS.map(String::from), Metric::ALL.map(|metric| metric.to_string()));
    }
}

//! Values with names that help and completions list.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error, error::ErrorKind};

use crate::degrade::Degradation;
use crate::device::Placement;
use crate::ops::Numbers;
use crate::picture::Format;
use crate::score::{Metric, ProtocolName};
use crate::task::Task;

/// A value that its type reads, with names that help and completions suggest; more may be understood.
pub trait Named: FromStr<Err: Display> + Clone + Send + Sync + 'static {
    /// What is suggested.
    const NAMES: &'static [&'static str];
}

impl Named for Task {
    const NAMES: &'static [&'static str] = &["sr2", "sr3", "sr4", "derain", "denoise30", "denoise50"];
}

impl Named for Degradation {
    const NAMES: &'static [&'static str] =
        &["sr2", "sr3", "sr4", "derain", "denoise30", "denoise50", "jpeg40", "blur1.6"];
}

impl Named for Placement {
    const NAMES: &'static [&'static str] = &["auto", "cpu", "cuda"];
}

impl Named for Numbers {
    const NAMES: &'static [&'static str] = &["auto", "f32", "bf16"];
}

impl Named for Format {
    const NAMES: &'static [&'static str] = &["png", "jpeg", "webp", "tiff", "bmp", "pnm"];
}

impl Named for ProtocolName {
    const NAMES: &'static [&'static str] = &["sr2", "sr3", "sr4", "denoise", "derain", "ipt-paper"];
}

impl Named for Metric {
    const NAMES: &'static [&'static str] = &["psnr", "ssim", "ms-ssim"];
}

/// Reads such a value.
#[derive(Debug, Clone)]
pub struct Name<T>(PhantomData<T>);

/// The parser of such a value.
pub fn name<T: Named>() -> Name<T> {
    Name(PhantomData)
}

impl<T: Named> TypedValueParser for Name<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        value.to_string_lossy().parse().map_err(|error: T::Err| {
            let option = arg.map_or_else(String::new, |arg| format!(" for '{arg}'"));
            // The format of clap's own errors; `cmd` adds the usage and how to get help.
            let message = format!("invalid value{option}: {error}\n");
            Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(T::NAMES.iter().map(PossibleValue::new)))
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

/// A number of residual blocks, `LEAST` or more, of all heads or of those of some tasks: `8` or `denoise30,denoise50=16`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadBlocks<const LEAST: u8> {
    /// Whose heads; none for all.
    pub tasks: Option<Vec<Task>>,
    /// How many.
    pub blocks: u8,
}

impl<const LEAST: u8> FromStr for HeadBlocks<LEAST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tasks, number) = match text.rsplit_once('=') {
            Some((tasks, number)) => (Some(tasks), number),
            None => (None, text),
        };
        let tasks = tasks.map(|tasks| tasks.split(',').map(str::parse).collect::<Result<_, _>>()).transpose();
        let tasks = tasks.map_err(|error: <Task as FromStr>::Err| error.to_string())?;
        let blocks = number.parse().ok().filter(|blocks| *blocks >= LEAST);
        let blocks =
            blocks.ok_or_else(|| format!("'{number}' is no number of blocks from {LEAST} to 255"))?;
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

/// A number in a range.
pub fn within(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("no number from {} to {}", range.start(), range.end()))
    }
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

    fn understood<T: Named>() -> Vec<T> {
        T::NAMES.iter().map(|name| name.parse().unwrap_or_else(|error| panic!("{name}: {error}"))).collect()
    }

    #[test]
    fn suggestions_are_understood() {
        assert_eq!(understood::<Task>(), Task::PRETRAINING);
        understood::<Degradation>();
        understood::<Placement>();
        assert_eq!(understood::<Metric>(), Metric::ALL);
        let names = |values: Vec<String>| values.join(" ");
        assert_eq!(
            Format::NAMES.join(" "),
            names(understood::<Format>().iter().map(ToString::to_string).collect())
        );
        assert_eq!(
            Numbers::NAMES.join(" "),
            names(understood::<Numbers>().iter().map(ToString::to_string).collect())
        );
        let protocols = understood::<ProtocolName>().iter().map(ToString::to_string).collect();
        assert_eq!(ProtocolName::NAMES.join(" "), names(protocols));
    }
}

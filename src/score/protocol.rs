//! What is left out of a comparison and which figure decides, by the names of the field.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::figure::{Colour, Figure, Metric};
use crate::error::{Error, Result};
use crate::task::{Scale, Task};

/// The name of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolName {
    /// `sr2`, `sr3`, `sr4`: what papers on super-resolution do.
    SuperResolution(Scale),
    /// What papers on denoising do.
    Denoise,
    /// What papers on deraining do.
    Derain,
    /// What the code published with the IPT paper does, for whatever task: on luma.
    IptPaper,
}

/// How two pictures are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Protocol {
    /// The protocol's name, with the task where that matters (`ipt-paper sr4`); none was asked for.
    pub name: Option<String>,
    /// The reference is cropped to a multiple of this many pixels, from its top left corner.
    pub multiple: usize,
    /// Pixels that are not counted on each of the four sides.
    pub shave: usize,
    /// Whether samples of 16 bits are rounded to 8, in which papers have their pictures.
    pub round: bool,
    /// What the figure that decides is measured on.
    #[serde(serialize_with = "lower")]
    pub decides: Colour,
}

fn lower<S: serde::Serializer>(colour: &Colour, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&colour.to_string().to_lowercase())
}

impl Protocol {
    /// Whole pictures in all their bits.
    pub fn whole() -> Self {
        Self { name: None, multiple: 1, shave: 0, round: false, decides: Colour::Rgb }
    }

    /// The protocol that is usual for a task.
    pub fn of(task: Task) -> Self {
        let name = match task {
            Task::SuperResolution(scale) => ProtocolName::SuperResolution(scale),
            Task::Denoise(_) => ProtocolName::Denoise,
            Task::Derain => ProtocolName::Derain,
        };
        let decides = if name == ProtocolName::Denoise { Colour::Rgb } else { Colour::Y };
        // As many pixels as the scale for super-resolution, else none.
        let (multiple, shave) = match task.scale() {
            1 => (1, 0),
            scale => (scale, scale),
        };
        Self { name: Some(name.to_string()), multiple, shave, round: true, decides }
    }

    /// The protocol of this name; `task` is for the one that has no scale of its own.
    ///
    /// # Errors
    /// When the name leaves the task open and none is given, or when it has its own and one is.
    pub fn named(name: ProtocolName, task: Option<Task>) -> Result<Self> {
        let own = match name {
            ProtocolName::IptPaper => None,
            ProtocolName::SuperResolution(scale) => Some(Task::SuperResolution(scale)),
            // The strength does not matter here.
            ProtocolName::Denoise => Some(Task::PRETRAINING[4]),
            ProtocolName::Derain => Some(Task::Derain),
        };
        match (own, task) {
            (Some(own), None) => Ok(Self::of(own)),
            (Some(_), Some(task)) => Err(Error::Usage(format!(
                "--protocol {name} says what --task {task} would say: give one of them"
            ))),
            (None, Some(task)) => {
                Ok(Self { name: Some(format!("{name} {task}")), decides: Colour::Y, ..Self::of(task) })
            }
            (None, None) => Err(Error::Usage(format!(
                "--protocol {name} counts as the paper does for a task: add --task sr4, or another"
            ))),
        }
    }

    /// With another border, if one is given.
    #[must_use]
    pub fn with_shave(self, shave: Option<usize>) -> Self {
        Self { shave: shave.unwrap_or(self.shave), ..self }
    }

    /// The figure of this metric that decides.
    pub fn figure(&self, metric: Metric) -> Figure {
        Figure { metric, colour: self.decides }
    }
}

/// What it does, in a line.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "protocol {name}: ")?,
            None => f.write_str("no protocol: ")?,
        }
        match self.multiple {
            1 => f.write_str("whole pictures")?,
            multiple => write!(f, "reference cropped to a multiple of {multiple}")?,
        }
        match self.shave {
            0 => f.write_str(", no border left out")?,
            1 => f.write_str(", a border of 1 pixel left out")?,
            shave => write!(f, ", a border of {shave} pixels left out")?,
        }
        f.write_str(if self.round { ", 16 bits rounded to 8" } else { ", 16 bits counted as such" })?;
        f.write_str(match self.decides {
            Colour::Y => "; figures on Y (BT.601, 16..235, not rounded) decide",
            Colour::Rgb => "; figures on RGB decide",
        })
    }
}

impl fmt::Display for ProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProtocolName::SuperResolution(scale) => Task::SuperResolution(*scale).fmt(f),
            ProtocolName::Denoise => f.write_str("denoise"),
            ProtocolName::Derain => f.write_str("derain"),
            ProtocolName::IptPaper => f.write_str("ipt-paper"),
        }
    }
}

impl FromStr for ProtocolName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "sr2" => Ok(ProtocolName::SuperResolution(Scale::X2)),
            "sr3" => Ok(ProtocolName::SuperResolution(Scale::X3)),
            "sr4" => Ok(ProtocolName::SuperResolution(Scale::X4)),
            "denoise" => Ok(ProtocolName::Denoise),
            "derain" => Ok(ProtocolName::Derain),
            "ipt-paper" => Ok(ProtocolName::IptPaper),
            _ => Err(Error::Usage(format!(
                "no protocol '{text}': the protocols are sr2, sr3, sr4, denoise, derain and ipt-paper"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, task: Option<&str>) -> Result<Protocol> {
        Protocol::named(name.parse()?, task.map(|task| task.parse().unwrap()))
    }

    #[test]
    fn names_say_what_they_do() {
        for name in ["sr2", "sr3", "sr4", "denoise", "derain"] {
            let protocol = named(name, None).unwrap();
            assert_eq!(protocol.name.as_deref(), Some(name));
            assert!(protocol.round);
            assert_eq!(protocol.decides, if name == "denoise" { Colour::Rgb } else { Colour::Y }, "{name}");
        }
        let sr4 = named("sr4", None).unwrap();
        assert_eq!((sr4.multiple, sr4.shave), (4, 4));
        assert_eq!(
            sr4.to_string(),
            "protocol sr4: reference cropped to a multiple of 4, a border of 4 pixels left out, 16 bits \
             rounded to 8; figures on Y (BT.601, 16..235, not rounded) decide"
        );
        assert_eq!(
            Protocol::whole().to_string(),
            "no protocol: whole pictures, no border left out, 16 bits counted as such; figures on RGB decide"
        );
        assert!(named("sr5", None).unwrap_err().to_string().contains("ipt-paper"));
    }

    #[test]
    fn the_papers_is_on_luma_for_every_task() {
        let paper = named("ipt-paper", Some("denoise50")).unwrap();
        assert_eq!(paper.figure(Metric::Psnr), Figure::PSNR_Y);
        assert_eq!(paper.name.as_deref(), Some("ipt-paper denoise50"));
        assert_eq!(named("ipt-paper", Some("sr3")).unwrap().shave, 3);
        assert!(named("ipt-paper", None).unwrap_err().to_string().contains("--task"));
        assert!(named("sr2", Some("sr2")).is_err());
    }

    #[test]
    fn tasks_and_borders() {
        let of = |task: &str, shave| Protocol::of(task.parse().unwrap()).with_shave(shave);
        assert_eq!(of("denoise50", None), named("denoise", None).unwrap());
        assert_eq!((of("derain", Some(4)).multiple, of("derain", Some(4)).shave), (1, 4));
        assert_eq!((of("sr4", Some(0)).multiple, of("sr4", Some(0)).shave), (4, 0));
    }
}

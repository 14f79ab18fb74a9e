//! The ways to damage a picture: those that the tasks undo, and others for experiments.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::task::{Scale, Task};

/// A way to damage a picture, and how strongly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Degradation {
    /// Bicubic shrinking (`sr2`, `sr3`, `sr4`).
    Shrink(Scale),
    /// Gaussian noise with this σ on the 0..255 scale, above 0 (`denoise30`, `denoise12.5`).
    Noise(f32),
    /// Streaks of rain (`derain`).
    Rain,
    /// Compression as a JPEG file of this quality, 1..=100 (`jpeg40`).
    Jpeg(u8),
    /// Gaussian blur with this σ in pixels, above 0 (`blur1.6`).
    Blur(f32),
}

/// The strongest noise: as strong as white is bright.
const MOST_NOISE: f32 = 255.0;
/// The strongest blur, in pixels.
const MOST_BLUR: f32 = 100.0;

impl From<Task> for Degradation {
    fn from(task: Task) -> Self {
        match task {
            Task::SuperResolution(scale) => Degradation::Shrink(scale),
            Task::Denoise(sigma) => Degradation::Noise(sigma.get().into()),
            Task::Derain => Degradation::Rain,
        }
    }
}

impl fmt::Display for Degradation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Degradation::Shrink(scale) => Task::SuperResolution(scale).fmt(f),
            Degradation::Noise(sigma) => write!(f, "denoise{sigma}"),
            Degradation::Rain => Task::Derain.fmt(f),
            Degradation::Jpeg(quality) => write!(f, "jpeg{quality}"),
            Degradation::Blur(sigma) => write!(f, "blur{sigma}"),
        }
    }
}

impl FromStr for Degradation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let strength = |prefix, most: f32| {
            let digits = text.strip_prefix(prefix)?;
            // Another spelling would give one degradation two names.
            digits
                .parse()
                .ok()
                .filter(|&value: &f32| 0.0 < value && value <= most && value.to_string() == digits)
        };
        if let Ok(task) = text.parse::<Task>() {
            Ok(task.into())
        } else if let Some(sigma) = strength("denoise", MOST_NOISE) {
            Ok(Degradation::Noise(sigma))
        } else if let Some(sigma) = strength("blur", MOST_BLUR) {
            Ok(Degradation::Blur(sigma))
        } else if let Some(quality) = strength("jpeg", 100.0).filter(|quality| quality.fract() == 0.0) {
            Ok(Degradation::Jpeg(quality as u8))
        } else {
            Err(Error::Usage(format!(
                "no degradation '{text}': there are sr2, sr3, sr4, derain, denoiseN with N up to {MOST_NOISE}, \
                 jpegN with N from 1 to 100 and blurN with N up to {MOST_BLUR}"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in
            ["sr2", "sr4", "derain", "denoise50", "denoise0.5", "jpeg1", "jpeg100", "blur1.6", "blur100"]
        {
            assert_eq!(name.parse::<Degradation>().unwrap().to_string(), name);
        }
        for task in Task::PRETRAINING {
            assert_eq!(Degradation::from(task), task.to_string().parse().unwrap());
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "sr5",
            "denoise0",
            "denoise255.5",
            "denoise05",
            "denoise5.0",
            "denoiseNaN",
            "denoise-1",
            "jpeg0",
            "jpeg40.5",
            "jpeg101",
            "blur",
            "blur0",
            "blurinf",
            "blur101",
            "haze",
        ] {
            assert!(name.parse::<Degradation>().is_err(), "{name}");
        }
    }
}

//! The tasks: which degradation is undone.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A degradation and its strength; restoring undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Task {
    /// Bicubic shrinking by a whole factor (`sr2`, `sr3`, `sr4`).
    SuperResolution(Scale),
    /// Additive Gaussian noise with this σ on the 0..255 scale (`denoise30`).
    Denoise(NonZeroU8),
    /// Additive rain streaks (`derain`).
    Derain,
}

/// The factor between a restored picture's side and its input's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scale {
    /// ×2
    X2 = 2,
    /// ×3
    X3 = 3,
    /// ×4
    X4 = 4,
}

impl Task {
    /// The six tasks of pre-training, in the order of the published weights.
    pub const PRETRAINING: [Task; 6] = [
        Task::SuperResolution(Scale::X2),
        Task::SuperResolution(Scale::X3),
        Task::SuperResolution(Scale::X4),
        Task::Derain,
        Task::Denoise(NonZeroU8::new(30).unwrap()),
        Task::Denoise(NonZeroU8::new(50).unwrap()),
    ];

    /// How many output pixels stand for one input pixel along a side: 1, 2, 3 or 4.
    pub fn scale(self) -> usize {
        match self {
            Task::SuperResolution(scale) => scale as usize,
            Task::Denoise(_) | Task::Derain => 1,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Task::SuperResolution(scale) => write!(f, "sr{}", *scale as usize),
            Task::Denoise(sigma) => write!(f, "denoise{sigma}"),
            Task::Derain => f.write_str("derain"),
        }
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let sigma = |digits: &str| {
            // A leading zero or sign would give one task two names.
            digits.parse().ok().filter(|sigma: &NonZeroU8| sigma.to_string() == digits)
        };
        match text {
            "sr2" => Ok(Task::SuperResolution(Scale::X2)),
            "sr3" => Ok(Task::SuperResolution(Scale::X3)),
            "sr4" => Ok(Task::SuperResolution(Scale::X4)),
            "derain" => Ok(Task::Derain),
            _ => text.strip_prefix("denoise").and_then(sigma).map(Task::Denoise).ok_or_else(|| {
                Error::Usage(format!(
                    "no task '{text}': the tasks are sr2, sr3, sr4, derain and denoiseN with N from 1 to 255"
                ))
            }),
        }
    }
}

impl TryFrom<String> for Task {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Task> for String {
    fn from(task: Task) -> String {
        task.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for task in Task::PRETRAINING {
            assert_eq!(task.to_string().parse::<Task>().unwrap(), task);
        }
        assert_eq!("denoise255".parse::<Task>().unwrap().to_string(), "denoise255");
    }

    #[test]
    fn other_names_are_refused() {
        for name in
            ["", "sr1", "sr5", "sr02", "denoise", "denoise0", "denoise256", "denoise+5", "denoise05", "rain"]
        {
            assert!(name.parse::<Task>().is_err(), "{name}");
        }
    }
}

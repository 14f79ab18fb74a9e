//! The learning rate, step by step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate goes from its peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Half a cosine from the peak down to 1/500 of it.
    #[default]
    Cosine,
    /// The paper's: the peak (5e-5), and 2/5 of it (2e-5) after two thirds.
    Paper,
    /// The peak throughout.
    Constant,
}

/// The part of the way at which warm-up ends at the latest.
const WARM_UP_AT_MOST: f64 = 0.1;

/// A schedule with its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The shape.
    pub schedule: Schedule,
    /// The largest learning rate.
    pub peak: f64,
    /// Steps of linear rise at the start; a tenth of the way where that is shorter.
    pub warm_up: u64,
}

impl Rate {
    /// The learning rate of `step` (from 0), with `progress` of the whole way (0..=1) behind it.
    ///
    /// Progress is given apart from the step since the end may be a time as well as a step.
    pub fn at(&self, step: u64, progress: f64) -> f64 {
        let progress = progress.clamp(0.0, 1.0);
        let shape = match self.schedule {
            Schedule::Cosine => 0.002 + 0.998 * 0.5 * (1.0 + (PI * progress).cos()),
            Schedule::Paper if progress >= 2.0 / 3.0 => 0.4,
            Schedule::Paper | Schedule::Constant => 1.0,
        };
        let rise = if self.warm_up == 0 {
            1.0
        } else {
            ((step + 1) as f64 / self.warm_up as f64).max(progress / WARM_UP_AT_MOST).min(1.0)
        };
        self.peak * shape * rise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn cosine_rises_and_falls() {
        let rate = Rate { schedule: Schedule::Cosine, peak: 5e-4, warm_up: 10 };
        assert!(close(rate.at(0, 0.0), 5e-5));
        assert!(rate.at(9, 0.01) > 4.9e-4);
        assert!((rate.at(500, 0.5) - 2.505e-4).abs() < 1e-9);
        assert!(close(rate.at(1000, 1.0), 1e-6));
    }

    #[test]
    fn the_papers_two_rates() {
        let rate = Rate { schedule: Schedule::Paper, peak: 5e-5, warm_up: 0 };
        assert!(close(rate.at(0, 0.0), 5e-5));
        assert!(close(rate.at(199, 0.66), 5e-5));
        assert!(close(rate.at(200, 2.0 / 3.0), 2e-5));
    }

    #[test]
    fn a_short_run_warms_up_in_a_tenth_of_it() {
        let rate = Rate { schedule: Schedule::Constant, peak: 1.0, warm_up: 200 };
        assert!(rate.at(4, 0.05) < 0.6);
        assert!(close(rate.at(10, 0.1), 1.0));
    }
}

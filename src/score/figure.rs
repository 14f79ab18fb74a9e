//! What is measured: metrics on luma and on colour, and the figures of one picture.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::error::Error;

/// A way to measure nearness; more is better in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Peak signal-to-noise ratio in dB, infinite for identical pictures.
    Psnr,
    /// Structural similarity, up to 1.
    Ssim,
    /// Structural similarity at five scales, 0 to 1.
    MsSsim,
}

/// What a figure is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Colour {
    /// Luma, Y of BT.601.
    Y,
    /// The three channels: their common squared error, or the mean of their similarities.
    Rgb,
}

/// One number about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Figure {
    /// What it is measured on.
    pub colour: Colour,
    /// What is measured.
    pub metric: Metric,
}

impl Metric {
    /// All of them, the cheapest first.
    pub const ALL: [Metric; 3] = [Metric::Psnr, Metric::Ssim, Metric::MsSsim];
    /// Those that papers on restoration report.
    pub const USUAL: [Metric; 2] = [Metric::Psnr, Metric::Ssim];

    fn key(self) -> &'static str {
        match self {
            Metric::Psnr => "psnr",
            Metric::Ssim => "ssim",
            Metric::MsSsim => "ms_ssim",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key().replace('_', "-"))
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Metric::ALL.into_iter().find(|metric| metric.to_string() == text);
        found.ok_or_else(|| {
            Error::Usage(format!("no metric '{text}': the metrics are psnr, ssim and ms-ssim"))
        })
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Colour::Y => "Y",
            Colour::Rgb => "RGB",
        })
    }
}

impl Figure {
    /// PSNR of the luma.
    pub const PSNR_Y: Figure = Figure { metric: Metric::Psnr, colour: Colour::Y };
    /// SSIM of the luma.
    pub const SSIM_Y: Figure = Figure { metric: Metric::Ssim, colour: Colour::Y };
    /// PSNR from the squared error of all three channels together.
    pub const PSNR_RGB: Figure = Figure { metric: Metric::Psnr, colour: Colour::Rgb };
    /// Mean of the three channels' SSIM.
    pub const SSIM_RGB: Figure = Figure { metric: Metric::Ssim, colour: Colour::Rgb };

    /// The figures of these metrics in the order of columns: first those on luma.
    pub fn of(metrics: &[Metric]) -> Vec<Figure> {
        let on = |colour| {
            let chosen = Metric::ALL.into_iter().filter(|metric| metrics.contains(metric));
            chosen.map(move |metric| Figure { metric, colour })
        };
        on(Colour::Y).chain(on(Colour::Rgb)).collect()
    }

    /// The name in JSON and CSV, such as `psnr_y`.
    pub fn key(self) -> &'static str {
        match (self.metric, self.colour) {
            (Metric::Psnr, Colour::Y) => "psnr_y",
            (Metric::Ssim, Colour::Y) => "ssim_y",
            (Metric::MsSsim, Colour::Y) => "ms_ssim_y",
            (Metric::Psnr, Colour::Rgb) => "psnr_rgb",
            (Metric::Ssim, Colour::Rgb) => "ssim_rgb",
            (Metric::MsSsim, Colour::Rgb) => "ms_ssim_rgb",
        }
    }

    /// The heading of its column, with its unit.
    pub fn title(self) -> String {
        let unit = if self.metric == Metric::Psnr { " dB" } else { "" };
        format!("{self}{unit}")
    }

    /// The decimals worth showing.
    pub fn decimals(self) -> usize {
        if self.metric == Metric::Psnr { 3 } else { 4 }
    }

    /// A value for people, `-` where it is undefined.
    pub fn number(self, value: f64) -> String {
        if value.is_nan() { "-".into() } else { format!("{value:.*}", self.decimals()) }
    }

    /// A difference for people, with its sign; `-` where it is undefined.
    pub fn signed(self, value: f64) -> String {
        if value.is_nan() { "-".into() } else { format!("{value:+.*}", self.decimals()) }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.metric.to_string().to_uppercase(), self.colour)
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

/// The figures of one picture, or what else there is one number a figure of.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Score(BTreeMap<Figure, f64>);

impl Score {
    /// One number for each figure.
    pub fn new(figures: &[Figure], value: impl FnMut(Figure) -> f64) -> Self {
        let values = figures.iter().copied().map(value);
        Self(figures.iter().copied().zip(values).collect())
    }

    /// The mean of each figure of the first that all have; infinite if one is. None of nothing.
    pub fn mean(scores: &[Score]) -> Option<Score> {
        let figures: Vec<Figure> = scores.first()?.0.keys().copied().collect();
        let sum = |figure| scores.iter().map(|score| score[figure]).sum::<f64>();
        Some(Score::new(&figures, |figure| sum(figure) / scores.len() as f64))
    }

    /// The figure, if it was measured.
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.0.get(&figure).copied()
    }
}

impl Index<Figure> for Score {
    type Output = f64;

    /// # Panics
    /// When the figure was not measured: whoever asks has asked for it to be.
    fn index(&self, figure: Figure) -> &f64 {
        &self.0[&figure]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let figures = Figure::of(&[Metric::Ssim, Metric::MsSsim, Metric::Psnr, Metric::Ssim]);
        let keys: Vec<&str> = figures.iter().map(|figure| figure.key()).collect();
        assert_eq!(keys, ["psnr_y", "ssim_y", "ms_ssim_y", "psnr_rgb", "ssim_rgb", "ms_ssim_rgb"]);
        assert_eq!(figures[0].title(), "PSNR-Y dB");
        assert_eq!(figures[5].title(), "MS-SSIM-RGB");
        assert_eq!(Figure::of(&[Metric::Psnr]), [Figure::PSNR_Y, Figure::PSNR_RGB]);
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
        }
        assert!("PSNR".parse::<Metric>().unwrap_err().to_string().contains("ms-ssim"));
    }
}

//! How pictures are written, the same for every command that writes some.

use clap::{Args, ValueEnum, value_parser};

/// How pictures are written. An option for one format changes nothing in the others.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output files")]
pub struct Encoding {
    /// Quality of JPEG files, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 95, value_parser = value_parser!(u8).range(1..=100))]
    pub quality: u8,
    /// Colour resolution of JPEG files
    #[arg(long, value_enum, value_name = "CHROMA", default_value_t = ChromaName::Full)]
    pub chroma: ChromaName,
    /// Write WebP files with loss, of this quality, 1 to 100; they are lossless otherwise
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..=100))]
    pub webp_quality: Option<u8>,
    /// How hard to look for a small PNG file; all are lossless
    #[arg(long, value_enum, value_name = "EFFORT", default_value_t = EffortName::Usual)]
    pub png_effort: EffortName,
    /// Leave out what the input says of camera, place and editing (EXIF, XMP); with `=all` its
    /// colour profile, too
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true,
          default_missing_value = "safe")]
    pub strip: Option<StripName>,
}

/// A choice of [`Chroma`](crate::picture::Chroma).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChromaName {
    /// A colour for each pixel
    #[value(name = "444")]
    Full,
    /// For two pixels side by side
    #[value(name = "422")]
    Half,
    /// For a square of four
    #[value(name = "420")]
    Quarter,
}

/// A choice of [`Effort`](crate::picture::Effort).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EffortName {
    /// A tenth larger, in a tenth of the time
    Fast,
    /// Nearly the smallest, in a third of the time
    Usual,
    /// The smallest
    Small,
}

/// A choice of [`Strip`](crate::picture::Strip).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StripName {
    /// All that does not change how the picture looks
    Safe,
    /// The colour profile, too: colours may look different then
    All,
}

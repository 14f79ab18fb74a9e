//! The file formats that are read and written.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::Error;

/// A picture file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// WebP, with and without loss.
    WebP,
    /// Tagged Image File Format.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// Portable anymap: PBM, PGM, PPM and PAM.
    Pnm,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 6] =
        [Format::Png, Format::Jpeg, Format::WebP, Format::Tiff, Format::Bmp, Format::Pnm];

    /// The format that a path's extension names, in either case.
    pub fn from_extension(path: impl AsRef<Path>) -> Option<Format> {
        path.as_ref().extension()?.to_str()?.parse().ok()
    }

    /// Whether a path's extension names a format of pictures that is neither read nor written: an output of that
    /// name would not be what it says.
    pub fn is_foreign(path: impl AsRef<Path>) -> bool {
        const FOREIGN: [&str; 21] = [
            "arw", "avif", "avifs", "cr2", "cr3", "dng", "exr", "gif", "hdr", "heic", "heif", "ico", "jp2",
            "jxl", "nef", "orf", "psd", "qoi", "raf", "rw2", "tga",
        ];
        let extension = path.as_ref().extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| FOREIGN.iter().any(|name| extension.eq_ignore_ascii_case(name)))
    }

    /// The extension that files of this format are usually given.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::WebP => "webp",
            Format::Tiff => "tiff",
            Format::Bmp => "bmp",
            Format::Pnm => "pnm",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Jpeg => "jpeg",
            other => other.extension(),
        })
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "png" => Ok(Format::Png),
            "jpg" | "jpeg" | "jpe" | "jfif" => Ok(Format::Jpeg),
            "webp" => Ok(Format::WebP),
            "tif" | "tiff" => Ok(Format::Tiff),
            "bmp" | "dib" => Ok(Format::Bmp),
            "pnm" | "pbm" | "pgm" | "ppm" | "pam" => Ok(Format::Pnm),
            _ => Err(Error::Usage(format!(
                "no format '{text}': the formats are png, jpeg, webp, tiff, bmp and pnm"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extensions_round_trip() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
            assert_eq!(Format::from_extension(format!("a.b.{}", format.extension())), Some(format));
        }
        assert_eq!(Format::from_extension("A.TIF"), Some(Format::Tiff));
        assert_eq!(Format::from_extension("png"), None);
        assert!("gif".parse::<Format>().is_err());
        assert!(
            Format::is_foreign("a/b.AVIF") && !Format::is_foreign("b.png") && !Format::is_foreign("avif")
        );
    }
}

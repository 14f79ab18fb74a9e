//! What files say beside the samples, and how it follows a picture into another file.

mod embed;
pub(super) mod exif;
pub(super) mod xmp;

use super::{Format, Picture};

/// What a file says about its picture, as the bytes of each standard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// ICC colour profile.
    pub icc: Option<Vec<u8>>,
    /// EXIF, from its TIFF header on; the orientation in it is "upright".
    pub exif: Option<Vec<u8>>,
    /// XMP packet.
    pub xmp: Option<Vec<u8>>,
    /// How this program made the picture, for a PNG file. Not read: what is made of that picture is
    /// made in another way.
    pub record: Option<String>,
}

/// What is left out of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strip {
    /// EXIF and XMP: all that does not change how the picture looks.
    Safe,
    /// The colour profile, too.
    All,
}

impl Metadata {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Metadata::default()
    }

    /// Takes out what `strip` names.
    pub fn strip(&mut self, strip: Option<Strip>) {
        if strip.is_some() {
            (self.exif, self.xmp) = (None, None);
        }
        if strip == Some(Strip::All) {
            self.icc = None;
        }
    }

    /// The metadata as it is true of `picture` in a file of `format`: sides and orientation are
    /// corrected, a small preview is taken out, and a profile for other colours than the file has (of a
    /// CMYK picture, which was converted on reading) is left out.
    pub(super) fn fitted(&self, picture: &Picture, format: Format) -> Metadata {
        let mut fitted = self.clone();
        let (width, height) = (picture.width as u32, picture.height as u32);
        if let Some(block) = &mut fitted.exif {
            exif::correct(block, width, height);
        }
        if let Some(packet) = &mut fitted.xmp {
            xmp::correct_sides(packet, width, height);
        }
        let grey = format != Format::WebP && picture.layout.colours() == 1;
        let space: &[u8] = if grey { b"GRAY" } else { b"RGB " };
        fitted.icc = fitted.icc.filter(|profile| profile.get(16..20) == Some(space));
        fitted
    }
}

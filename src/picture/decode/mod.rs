//! Bytes of a file → picture, safely.
//!
//! Decoders meet damaged and hostile files. So sizes and memory are limited, a decoder's panic
//! becomes an error, cut-off files are refused, and so are animations, of which one frame would be
//! all that is left.

mod complete;
mod tiff;

use std::cell::Cell;
use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use image::codecs::{bmp, jpeg, png, pnm, webp};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits};

use super::metadata::xmp;
use super::{Format, Layout, Metadata, Picture, Samples};
use crate::error::{Error, Result};

/// The most pixels of a picture that is read: 512 mega.
pub const MAX_PIXELS: u64 = 512 << 20;

/// The most bytes that a decoder may take: those pixels with four 16-bit samples.
const MAX_BYTES: u64 = MAX_PIXELS * 8;

/// A picture, and what its file said beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The picture, turned upright as its EXIF orientation asks.
    pub picture: Picture,
    /// The format of the file.
    pub format: Format,
    /// What the file says about the picture.
    pub metadata: Metadata,
}

/// Reads a picture file of any format in [`Format`], whatever it is called.
///
/// # Errors
/// When the bytes are no such file, a damaged or cut-off one, an animation, one with more than
/// [`MAX_PIXELS`] pixels or one with samples that are not 8 or 16 bits.
pub fn decode(bytes: &[u8]) -> Result<Decoded> {
    let format = recognise(bytes)?;
    complete::check(bytes, format)?;
    let decoded = without_panics(|| {
        let mut input = Cursor::new(bytes);
        let found = match format {
            Format::Png => {
                let decoder = png::PngDecoder::with_limits(input, limits()).map_err(reason)?;
                refuse_animation(decoder.is_apng().map_err(reason)?)?;
                read(decoder)?
            }
            Format::Jpeg => read(jpeg::JpegDecoder::new(input).map_err(reason)?)?,
            Format::WebP => {
                let decoder = webp::WebPDecoder::new(input).map_err(reason)?;
                refuse_animation(decoder.has_animation())?;
                read(decoder)?
            }
            Format::Tiff => tiff::decode(bytes)?,
            Format::Bmp => grey_palette(bytes, read(bmp::BmpDecoder::new(input).map_err(reason)?)?),
            Format::Pnm => {
                let found = read(pnm::PnmDecoder::new(&mut input).map_err(reason)?)?;
                refuse_another(&bytes[input.position() as usize..])?;
                found
            }
        };
        found.upright()
    });
    let (picture, metadata) = decoded.unwrap_or_else(|| {
        // A panic in a decoder is its bug, but the file that meets it is never a sound one.
        Err(Error::Decode(format!("the {format} file is damaged")))
    })?;
    Ok(Decoded { picture, format, metadata })
}

fn recognise(bytes: &[u8]) -> Result<Format> {
    let known = "PNG, JPEG, WebP, TIFF, BMP and PNM";
    let foreign = match image::guess_format(bytes) {
        Ok(ImageFormat::Png) => return Ok(Format::Png),
        Ok(ImageFormat::Jpeg) => return Ok(Format::Jpeg),
        Ok(ImageFormat::WebP) => return Ok(Format::WebP),
        Ok(ImageFormat::Tiff) => return Ok(Format::Tiff),
        Ok(ImageFormat::Bmp) => return Ok(Format::Bmp),
        Ok(ImageFormat::Pnm) => return Ok(Format::Pnm),
        Ok(other) => other.extensions_str()[0],
        // What cameras and browsers write and the library does not know.
        Err(_) => match bytes {
            [] => return Err(Error::Decode("the file is empty".into())),
            [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', ..] => "heic",
            [_, _, _, _, b'f', b't', b'y', b'p', b'm', b'i', b'f', b'1', ..] => "heif",
            // BigTIFF.
            [b'I', b'I', 43, 0, ..] | [b'M', b'M', 0, 43, ..] => return Ok(Format::Tiff),
            [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => "jxl",
            _ => return Err(Error::Decode(format!("not a picture: {known} are read"))),
        },
    };
    Err(Error::Decode(format!("{foreign} files are not read, only {known}")))
}

fn refuse_animation(animated: bool) -> Result<()> {
    if animated { Err(Error::Decode("animations are not read, only single pictures".into())) } else { Ok(()) }
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    limits
}

/// BMP has grey only as a palette of greys; the library gives it as RGB.
fn grey_palette(bytes: &[u8], mut found: Found) -> Found {
    const BITS: std::ops::Range<usize> = 28..30;
    let palette = bytes.get(BITS).is_some_and(|bits| bits[0] <= 8 && bits[1] == 0);
    if let (true, DynamicImage::ImageRgb8(image)) = (palette, &found.image)
        && image.pixels().all(|image::Rgb([red, green, blue])| red == green && green == blue)
    {
        found.image = DynamicImage::ImageLuma8(found.image.to_luma8());
    }
    found
}

/// A PNM file may hold several pictures, one behind the other.
fn refuse_another(rest: &[u8]) -> Result<()> {
    match rest.trim_ascii_start() {
        [b'P', b'1'..=b'7', b'\n' | b' ' | b'\r' | b'\t' | b'#', ..] => {
            Err(Error::Decode("a pnm file of several pictures: only single ones are read".into()))
        }
        _ => Ok(()),
    }
}

fn check_size(width: u32, height: u32) -> Result<()> {
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::Decode(format!(
            "{width}×{height} pixels: no more than {} megapixels are read",
            MAX_PIXELS >> 20
        )));
    }
    if width == 0 || height == 0 {
        return Err(Error::Decode(format!("a picture without pixels ({width}×{height})")));
    }
    Ok(())
}

/// A picture as it is stored.
struct Found {
    image: DynamicImage,
    metadata: Metadata,
    /// How it is to be turned.
    orientation: Orientation,
}

fn read(mut decoder: impl ImageDecoder) -> Result<Found> {
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    // Broken metadata is no reason to refuse a sound picture.
    let exif = decoder.exif_metadata().unwrap_or_default();
    // Some programs write the name that JPEG wants before it into WebP files, too.
    let exif = exif.map(|exif| match exif.strip_prefix(b"Exif\0\0") {
        Some(block) => block.to_vec(),
        None => exif,
    });
    let orientation = exif.as_deref().and_then(Orientation::from_exif_chunk);
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let metadata = Metadata {
        icc: decoder.icc_profile().unwrap_or_default(),
        exif,
        xmp: decoder.xmp_metadata().unwrap_or_default(),
        record: None,
    };
    decoder.set_limits(limits()).map_err(reason)?;
    let image = DynamicImage::from_decoder(decoder).map_err(reason)?;
    Ok(Found { image, metadata, orientation })
}

impl Found {
    /// The picture, turned, with metadata that says so.
    fn upright(self) -> Result<(Picture, Metadata)> {
        let Found { mut image, mut metadata, orientation } = self;
        image.apply_orientation(orientation);
        if let Some(exif) = &mut metadata.exif {
            let _ = Orientation::remove_from_exif_chunk(exif);
        }
        // Left alone where only this packet asks for a turn, which no viewer obeys.
        if let Some(packet) = metadata.xmp.as_mut().filter(|_| orientation != Orientation::NoTransforms) {
            xmp::make_upright(packet);
        }
        let (width, height) = (image.width() as usize, image.height() as usize);
        let (layout, samples) = match image {
            DynamicImage::ImageLuma8(image) => (Layout::Grey, Samples::Eight(image.into_raw())),
            DynamicImage::ImageLumaA8(image) => (Layout::GreyAlpha, Samples::Eight(image.into_raw())),
            DynamicImage::ImageRgb8(image) => (Layout::Rgb, Samples::Eight(image.into_raw())),
            DynamicImage::ImageRgba8(image) => (Layout::Rgba, Samples::Eight(image.into_raw())),
            DynamicImage::ImageLuma16(image) => (Layout::Grey, Samples::Sixteen(image.into_raw())),
            DynamicImage::ImageLumaA16(image) => (Layout::GreyAlpha, Samples::Sixteen(image.into_raw())),
            DynamicImage::ImageRgb16(image) => (Layout::Rgb, Samples::Sixteen(image.into_raw())),
            DynamicImage::ImageRgba16(image) => (Layout::Rgba, Samples::Sixteen(image.into_raw())),
            _ => return Err(Error::Decode("samples of 32 bits are not read, only of 8 and 16".into())),
        };
        Ok((Picture::new(width, height, layout, samples)?, metadata))
    }
}

fn reason(error: ImageError) -> Error {
    if let ImageError::IoError(error) = &error
        && error.kind() == std::io::ErrorKind::UnexpectedEof
    {
        return Error::Decode("the file is cut off".into());
    }
    // Some decoders' reasons have several lines; a file's error has one.
    Error::Decode(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What `work` returns, or nothing if it panics; the panic is not reported on stderr.
fn without_panics<T>(work: impl FnOnce() -> T) -> Option<T> {
    thread_local!(static EXPECTED: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                previous(info);
            }
        }));
    });
    EXPECTED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(false);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_stay_inside() {
        assert_eq!(without_panics(|| -> u8 { panic!("a decoder's bug") }), None);
        assert_eq!(without_panics(|| 1), Some(1));
    }

    #[test]
    fn other_files_are_named() {
        let error = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
        assert_eq!(error(b""), "the file is empty");
        assert_eq!(
            error(b"GIF89a.........."),
            "gif files are not read, only PNG, JPEG, WebP, TIFF, BMP and PNM"
        );
        assert!(error(b"\0\0\0\x20ftypavif\0\0\0\0").starts_with("avif files"));
        assert!(error(b"\0\0\0\x20ftypheic\0\0\0\0").starts_with("heic files"));
        assert!(error(b"\xff\x0a\0\0").starts_with("jxl files"));
        assert!(error(b"hello, this is no picture").starts_with("not a picture"));
    }
}

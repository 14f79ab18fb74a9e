//! Picture → bytes of a file.

mod jpeg;
mod pnm;
mod tiff;
mod webp;

use std::borrow::Cow;
use std::io::Cursor;
use std::iter;

use image::codecs::bmp::BmpEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError, ImageResult};

use super::{Format, Layout, Metadata, Picture, Sample, Samples};
use crate::error::{Error, Result};

/// How a file is written; each option is for one format and nothing to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Quality of JPEG files, 1..=100; 95 cannot be told from the original and takes about half of 100.
    pub jpeg_quality: u8,
    /// Resolution of colour in JPEG files.
    pub chroma: Chroma,
    /// Quality of WebP files, 1..=100; lossless if there is none.
    pub webp_quality: Option<u8>,
    /// How hard to look for a small PNG file.
    pub png_effort: Effort,
}

/// How many pixels of a JPEG file share a sample of colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chroma {
    /// 4:4:4: each has its own.
    Full,
    /// 4:2:2: two side by side.
    Half,
    /// 4:2:0: a square of four.
    Quarter,
}

/// Time against size of a file that is lossless either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// A tenth larger than usual, in a tenth of the time.
    Fast,
    /// Within 3 % of the smallest, in half to a quarter of its time.
    Usual,
    /// The smallest.
    Small,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        EncodeOptions {
            jpeg_quality: 95,
            chroma: Chroma::Full,
            webp_quality: None,
            png_effort: Effort::Usual,
        }
    }
}

/// [`encode_with`] without metadata and with the usual options.
///
/// # Errors
/// Those of [`encode_with`].
pub fn encode(picture: &Picture, format: Format) -> Result<Vec<u8>> {
    encode_with(picture, format, &Metadata::default(), &EncodeOptions::default())
}

/// The picture as a file of `format`.
///
/// PNM: PGM, PPM, or PAM where there is opacity. 16 bits are rounded to 8 where the format has no more (JPEG, WebP, BMP); grey with opacity
/// becomes RGBA where the format lacks it (BMP).
///
/// PNG, JPEG, WebP and TIFF hold all metadata, BMP and PNM none. It is corrected for the picture's
/// size, and a profile that is for other colours than the file's is left out.
///
/// # Errors
/// JPEG cannot hold opacity; JPEG sides go to 65535, WebP sides to 16383; metadata may be too long for
/// JPEG (64 KiB each of EXIF and XMP, 16 MiB of profile).
pub fn encode_with(
    picture: &Picture,
    format: Format,
    metadata: &Metadata,
    options: &EncodeOptions,
) -> Result<Vec<u8>> {
    let picture = fit(picture, format)?;
    let metadata = metadata.fitted(&picture, format);
    let file = match format {
        Format::Png => png(&picture, options.png_effort)?,
        Format::Jpeg => jpeg::encode(&picture, options.jpeg_quality, options.chroma)?,
        Format::WebP => webp::encode(&picture, options.webp_quality)?,
        Format::Tiff => tiff::encode(&picture, &metadata)?,
        Format::Bmp => by_library(&picture, |file, [width, height], samples, colour| {
            BmpEncoder::new(file).write_image(samples, width, height, colour)
        })?,
        Format::Pnm => pnm::encode(&picture),
    };
    metadata.put_into(file, format, &picture)
}

fn png(picture: &Picture, effort: Effort) -> Result<Vec<u8>> {
    let compression = match effort {
        Effort::Fast => CompressionType::Fast,
        Effort::Usual => CompressionType::Level(3),
        Effort::Small => CompressionType::Best,
    };
    by_library(picture, |file, [width, height], samples, colour| {
        PngEncoder::new_with_quality(file, compression, FilterType::Adaptive)
            .write_image(samples, width, height, colour)
    })
}

/// What `write` makes with an encoder of the picture library, given the sides and the samples.
fn by_library(
    picture: &Picture,
    write: impl FnOnce(&mut Cursor<Vec<u8>>, [u32; 2], &[u8], ExtendedColorType) -> ImageResult<()>,
) -> Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    let sides = [picture.width as u32, picture.height as u32];
    write(&mut file, sides, &native(&picture.samples), colour(picture)).map_err(reason)?;
    Ok(file.into_inner())
}

/// The most pixels of a picture that is written: the largest that is read, four times as large.
const MAX_PIXELS: usize = 512 << 24;

/// Refuses a size that `format` cannot hold, before there is a picture to write.
///
/// # Errors
/// When a side is longer than the format allows, or there are more than 8 gigapixels.
pub fn refuse_size(width: usize, height: usize, format: Format) -> Result<()> {
    let longest = match format {
        Format::Jpeg => 65535,
        Format::WebP => 16383,
        Format::Png | Format::Tiff | Format::Bmp | Format::Pnm => i32::MAX as usize,
    };
    if width.max(height) > longest {
        return Err(Error::Encode(format!(
            "{width}×{height} pixels: a {format} file holds at most {longest} a side"
        )));
    }
    if width.saturating_mul(height) > MAX_PIXELS {
        let most = MAX_PIXELS >> 30;
        return Err(Error::Encode(format!(
            "{width}×{height} pixels: no more than {most} gigapixels are written"
        )));
    }
    Ok(())
}

/// Refuses what can be refused before there is a picture to write: a layout that `format` cannot hold
/// and that nothing else stands for.
///
/// # Errors
/// JPEG cannot hold opacity.
pub fn refuse_layout(layout: Layout, format: Format) -> Result<()> {
    if format == Format::Jpeg && layout.has_alpha() {
        return Err(Error::Encode(
            "a jpeg file cannot hold opacity (alpha): choose png, webp or tiff".into(),
        ));
    }
    Ok(())
}

/// The picture in a layout and depth that `format` holds.
fn fit(picture: &Picture, format: Format) -> Result<Cow<'_, Picture>> {
    refuse_size(picture.width, picture.height, format)?;
    refuse_layout(picture.layout, format)?;
    let mut fitted = Cow::Borrowed(picture);
    if matches!(format, Format::Jpeg | Format::WebP | Format::Bmp)
        && matches!(picture.samples, Samples::Sixteen(_))
    {
        fitted = Cow::Owned(fitted.to_eight());
    }
    if format == Format::Bmp && picture.layout == Layout::GreyAlpha {
        fitted = Cow::Owned(spread(&fitted).into_owned());
    }
    Ok(fitted)
}

/// Grey as RGB; opacity and colour stay.
fn spread(picture: &Picture) -> Cow<'_, Picture> {
    fn repeated<T: Sample>(samples: &[T], channels: usize) -> Samples {
        let pixels = samples.chunks_exact(channels);
        T::wrap(pixels.flat_map(|pixel| iter::repeat_n(pixel[0], 2).chain(pixel.iter().copied())).collect())
    }
    let layout = match picture.layout {
        Layout::Grey => Layout::Rgb,
        Layout::GreyAlpha => Layout::Rgba,
        Layout::Rgb | Layout::Rgba => return Cow::Borrowed(picture),
    };
    let channels = picture.layout.channels();
    let samples = match &picture.samples {
        Samples::Eight(samples) => repeated(samples, channels),
        Samples::Sixteen(samples) => repeated(samples, channels),
    };
    Cow::Owned(Picture { layout, samples, ..*picture })
}

/// The samples in this machine's byte order, as the encoders take them.
fn native(samples: &Samples) -> Cow<'_, [u8]> {
    match samples {
        Samples::Eight(samples) => Cow::Borrowed(samples),
        Samples::Sixteen(samples) => {
            Cow::Owned(samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect())
        }
    }
}

fn colour(picture: &Picture) -> ExtendedColorType {
    match (&picture.samples, picture.layout) {
        (Samples::Eight(_), Layout::Grey) => ExtendedColorType::L8,
        (Samples::Eight(_), Layout::GreyAlpha) => ExtendedColorType::La8,
        (Samples::Eight(_), Layout::Rgb) => ExtendedColorType::Rgb8,
        (Samples::Eight(_), Layout::Rgba) => ExtendedColorType::Rgba8,
        (Samples::Sixteen(_), Layout::Grey) => ExtendedColorType::L16,
        (Samples::Sixteen(_), Layout::GreyAlpha) => ExtendedColorType::La16,
        (Samples::Sixteen(_), Layout::Rgb) => ExtendedColorType::Rgb16,
        (Samples::Sixteen(_), Layout::Rgba) => ExtendedColorType::Rgba16,
    }
}

fn reason(error: ImageError) -> Error {
    match error {
        ImageError::IoError(error) => Error::Io(error),
        other => Error::Encode(other.to_string()),
    }
}

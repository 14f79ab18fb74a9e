//! Picture → bytes of a file.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::{bmp, jpeg, png, tiff, webp};
use image::{ExtendedColorType, ImageEncoder, ImageError};

use super::{Format, Layout, Metadata, Picture, Sample, Samples};
use crate::error::{Error, Result};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Quality of JPEG files, 1..=100; 95 cannot be told from the original and takes about half of 100.
    pub jpeg_quality: u8,
    /// How hard to look for a small PNG file.
    pub png_effort: Effort,
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
        EncodeOptions { jpeg_quality: 95, png_effort: Effort::Usual }
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
/// JPEG: colour at full resolution (4:4:4). WebP: lossless. PNM: PGM, PPM, or PAM where there is
/// opacity. 16 bits are rounded to 8 where the format has no more (JPEG, WebP, BMP); grey with opacity
/// becomes RGBA where the format lacks it (TIFF, BMP).
///
/// PNG, JPEG and WebP hold all metadata, TIFF a colour profile, BMP and PNM none. It is corrected for
/// the picture's size, and a profile that is for other colours than the file's is left out.
///
/// # Errors
/// JPEG cannot hold opacity; JPEG sides go to 65535, WebP sides to 16383; metadata may be too long for
/// JPEG (64 KiB each of EXIF and XMP).
pub fn encode_with(
    picture: &Picture,
    format: Format,
    metadata: &Metadata,
    options: &EncodeOptions,
) -> Result<Vec<u8>> {
    let picture = fit(picture, format)?;
    let metadata = metadata.fitted(&picture, format);
    let (width, height) = (picture.width as u32, picture.height as u32);
    let (bytes, colour) = (native(&picture.samples), colour(&picture));
    let mut file = Cursor::new(Vec::new());
    match format {
        Format::Pnm => return Ok(pnm(&picture)),
        Format::Png => png::PngEncoder::new_with_quality(
            &mut file,
            match options.png_effort {
                Effort::Fast => png::CompressionType::Fast,
                Effort::Usual => png::CompressionType::Level(3),
                Effort::Small => png::CompressionType::Best,
            },
            png::FilterType::Adaptive,
        )
        .write_image(&bytes, width, height, colour),
        Format::Jpeg => jpeg::JpegEncoder::new_with_quality(&mut file, options.jpeg_quality.clamp(1, 100))
            .write_image(&bytes, width, height, colour),
        Format::WebP => webp::WebPEncoder::new_lossless(&mut file).write_image(&bytes, width, height, colour),
        Format::Tiff => {
            let mut encoder = tiff::TiffEncoder::new(&mut file);
            if let Some(icc) = &metadata.icc {
                // It does take profiles.
                let _ = encoder.set_icc_profile(icc.clone());
            }
            encoder.write_image(&bytes, width, height, colour)
        }
        Format::Bmp => bmp::BmpEncoder::new(&mut file).write_image(&bytes, width, height, colour),
    }
    .map_err(reason)?;
    metadata.put_into(file.into_inner(), format, &picture)
}

/// The picture in a layout and depth that `format` holds.
fn fit(picture: &Picture, format: Format) -> Result<Cow<'_, Picture>> {
    let longest = match format {
        Format::Jpeg => 65535,
        Format::WebP => 16383,
        Format::Png | Format::Tiff | Format::Bmp | Format::Pnm => i32::MAX as usize,
    };
    if picture.width.max(picture.height) > longest {
        return Err(Error::Encode(format!(
            "{}×{} pixels: a {format} file holds at most {longest} a side",
            picture.width, picture.height
        )));
    }
    if format == Format::Jpeg && picture.layout.has_alpha() {
        return Err(Error::Encode(
            "a jpeg file cannot hold opacity (alpha): choose png, webp or tiff".into(),
        ));
    }
    let mut fitted = Cow::Borrowed(picture);
    if matches!(format, Format::Jpeg | Format::WebP | Format::Bmp)
        && matches!(picture.samples, Samples::Sixteen(_))
    {
        fitted = Cow::Owned(fitted.to_eight());
    }
    if matches!(format, Format::Tiff | Format::Bmp) && picture.layout == Layout::GreyAlpha {
        fitted = Cow::Owned(spread(&fitted));
    }
    Ok(fitted)
}

/// Grey with opacity as RGB with opacity.
fn spread(picture: &Picture) -> Picture {
    fn rgba<T: Sample>(samples: &[T]) -> Samples {
        let (pixels, _) = samples.as_chunks::<2>();
        T::wrap(pixels.iter().flat_map(|&[grey, alpha]| [grey, grey, grey, alpha]).collect())
    }
    let samples = match &picture.samples {
        Samples::Eight(samples) => rgba(samples),
        Samples::Sixteen(samples) => rgba(samples),
    };
    Picture { layout: Layout::Rgba, samples, ..*picture }
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

/// PGM and PPM, which every program reads, where they can hold the picture, else PAM.
///
/// Written here because the library's encoder has neither 16-bit PPM nor 16-bit grey with opacity.
fn pnm(picture: &Picture) -> Vec<u8> {
    let (width, height, depth) = (picture.width, picture.height, picture.layout.channels());
    let maxval = match picture.samples {
        Samples::Eight(_) => 255,
        Samples::Sixteen(_) => 65535,
    };
    let pam = |kind: &str| {
        format!(
            "P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {maxval}\nTUPLTYPE {kind}\nENDHDR\n"
        )
    };
    let header = match picture.layout {
        Layout::Grey => format!("P5\n{width} {height}\n{maxval}\n"),
        Layout::Rgb => format!("P6\n{width} {height}\n{maxval}\n"),
        Layout::GreyAlpha => pam("GRAYSCALE_ALPHA"),
        Layout::Rgba => pam("RGB_ALPHA"),
    };
    let mut file = header.into_bytes();
    match &picture.samples {
        Samples::Eight(samples) => file.extend_from_slice(samples),
        Samples::Sixteen(samples) => file.extend(samples.iter().flat_map(|sample| sample.to_be_bytes())),
    }
    file
}

fn reason(error: ImageError) -> Error {
    match error {
        ImageError::IoError(error) => Error::Io(error),
        other => Error::Encode(other.to_string()),
    }
}

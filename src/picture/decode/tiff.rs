//! TIFF: what the picture library leaves out of it. Several pages, grey with opacity, opacity that
//! is multiplied into the colours, EXIF.

use std::io::Cursor;

use image::codecs::tiff::TiffDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::{Found, MAX_BYTES, check_size, read, reason};
use crate::error::{Error, Result};
use crate::picture::ifd::{Listing, Reader, tag};
use crate::picture::metadata::exif;
use crate::picture::{Metadata, Sample};

const NEW_SUBFILE_TYPE: u16 = 0x00fe;
/// Kinds of opacity.
const MULTIPLIED: u64 = 1;
const SEPARATE: u64 = 2;

pub(super) fn decode(bytes: &[u8]) -> Result<Found> {
    let found = Reader::new(bytes).and_then(|(reader, first)| Some((reader, reader.directory(first)?)));
    let (reader, main) = found.ok_or_else(damaged)?;
    refuse_pages(&reader, &main, bytes.len())?;
    let mut image = match grey_with_opacity(bytes, &main)? {
        Some(image) => image,
        None => read(TiffDecoder::new(Cursor::new(bytes)).map_err(reason)?)?.image,
    };
    if main.number(tag::EXTRA_SAMPLES) == Some(MULTIPLIED) {
        divide_by_opacity(&mut image);
    }
    let value = |tag| main.field(tag).map(|field| field.value.to_vec());
    let exif = exif::block(reader.order, exif::about(&reader, &main));
    let metadata = Metadata { icc: value(tag::ICC), exif, xmp: value(tag::XMP), record: None };
    let orientation = main
        .number(tag::ORIENTATION)
        .and_then(|orientation| Orientation::from_exif(orientation.try_into().ok()?))
        .unwrap_or(Orientation::NoTransforms);
    Ok(Found { image, metadata, orientation })
}

fn damaged() -> Error {
    Error::Decode("the tiff file is damaged".into())
}

/// A second page would be lost. Small previews and masks of the first are no pages.
fn refuse_pages(reader: &Reader, main: &Listing, length: usize) -> Result<()> {
    const PREVIEW: u64 = 1;
    const MASK: u64 = 4;
    let kind = |listing: &Listing| listing.number(NEW_SUBFILE_TYPE).unwrap_or(0);
    if kind(main) & PREVIEW != 0 {
        return Err(Error::Decode(
            "the tiff file's first picture is only a preview: raw files are not read".into(),
        ));
    }
    let (mut pages, mut next, mut room) = (1, main.next, length as u64);
    while next != 0 {
        let Some(listing) = reader.directory(next) else { break };
        pages += usize::from(kind(&listing) & (PREVIEW | MASK) == 0);
        // Directories that overlap or lead back in a circle would keep us for ever.
        let Some(rest) = room.checked_sub(listing.next_at as u64 - next) else { return Err(damaged()) };
        (next, room) = (listing.next, rest);
    }
    if pages > 1 {
        return Err(Error::Decode(format!("a tiff file of {pages} pages: only single pictures are read")));
    }
    Ok(())
}

/// The picture, if it is grey with opacity.
fn grey_with_opacity(bytes: &[u8], main: &Listing) -> Result<Option<DynamicImage>> {
    const BLACK_IS_ZERO: u64 = 1;
    let opacity = matches!(main.number(tag::EXTRA_SAMPLES), Some(MULTIPLIED | SEPARATE));
    if !opacity || main.number(tag::PHOTOMETRIC) != Some(BLACK_IS_ZERO) {
        return Ok(None);
    }
    let ours = |error: tiff::TiffError| Error::Decode(error.to_string());
    let mut limits = Limits::unlimited();
    (limits.decoding_buffer_size, limits.intermediate_buffer_size) = (MAX_BYTES as usize, MAX_BYTES as usize);
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(ours)?.with_limits(limits);
    if !matches!(decoder.colortype(), Ok(ColorType::Multiband { num_samples: 2, .. })) {
        return Ok(None);
    }
    let (width, height) = decoder.dimensions().map_err(ours)?;
    check_size(width, height)?;
    let image = match decoder.read_image().map_err(ours)? {
        DecodingResult::U8(samples) => {
            ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLumaA8)
        }
        DecodingResult::U16(samples) => {
            ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLumaA16)
        }
        _ => None,
    };
    // Planes one after the other, or samples of another depth.
    let unusual = || Error::Decode("grey with opacity that is stored in an unusual way is not read".into());
    image.ok_or_else(unusual).map(Some)
}

/// Takes the opacity out of the colours again; what is quite transparent stays as it is.
fn divide_by_opacity(image: &mut DynamicImage) {
    fn divide<T: Sample>(samples: &mut [T], channels: usize) {
        for pixel in samples.chunks_exact_mut(channels) {
            let alpha = pixel[channels - 1].to_f64();
            for colour in pixel[..channels - 1].iter_mut().filter(|_| alpha > 0.0) {
                *colour = T::round(colour.to_f64() / alpha * T::MAX);
            }
        }
    }
    match image {
        DynamicImage::ImageLumaA8(image) => divide(image, 2),
        DynamicImage::ImageLumaA16(image) => divide(image, 2),
        DynamicImage::ImageRgba8(image) => divide(image, 4),
        DynamicImage::ImageRgba16(image) => divide(image, 4),
        _ => {}
    }
}

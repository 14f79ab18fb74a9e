//! What files say beside the samples, and how it follows a picture into another file.

use image::metadata::Orientation;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::WebP;
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::{Format, Layout, Picture};
use crate::error::{Error, Result};

/// What a file says about its picture, as the bytes of each standard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// ICC colour profile.
    pub icc: Option<Vec<u8>>,
    /// EXIF, from its TIFF header on; the orientation in it is "upright".
    pub exif: Option<Vec<u8>>,
    /// XMP packet.
    pub xmp: Option<Vec<u8>>,
}

/// What comes before the packet in a JPEG segment and a PNG text chunk that hold XMP.
const JPEG_XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PNG_XMP: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";
/// The most bytes of a JPEG segment, without its length.
const JPEG_SEGMENT: usize = 65533;

impl Metadata {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Metadata::default()
    }

    /// The metadata as it is true of `picture` in a file of `format`: sides in the EXIF are
    /// corrected, its small preview is unlinked, and a profile for other colours than the file has
    /// (of a CMYK picture, which was converted on reading) is left out.
    pub(super) fn fitted(&self, picture: &Picture, format: Format) -> Metadata {
        let mut fitted = self.clone();
        if let Some(exif) = &mut fitted.exif {
            let _ = Orientation::remove_from_exif_chunk(exif);
            correct_sides(exif, picture.width as u32, picture.height as u32);
        }
        let grey = format != Format::WebP && picture.layout.colours() == 1;
        let space: &[u8] = if grey { b"GRAY" } else { b"RGB " };
        fitted.icc = fitted.icc.filter(|profile| profile.get(16..20) == Some(space));
        fitted
    }

    /// The file with this metadata, for the formats that hold some beside a profile.
    ///
    /// # Errors
    /// When a JPEG file has no room for it.
    pub(super) fn put_into(self, file: Vec<u8>, format: Format, picture: &Picture) -> Result<Vec<u8>> {
        if self.is_empty() {
            return Ok(file);
        }
        let ours = |error: img_parts::Error| Error::Encode(error.to_string());
        let bytes = match format {
            Format::Png => {
                let mut png = Png::from_bytes(file.into()).map_err(ours)?;
                png.set_icc_profile(self.icc.map(Bytes::from));
                png.set_exif(self.exif.map(Bytes::from));
                if let Some(xmp) = self.xmp {
                    let chunk = PngChunk::new(*b"iTXt", [PNG_XMP, &xmp].concat().into());
                    png.chunks_mut().insert(1, chunk);
                }
                png.encoder().bytes()
            }
            Format::Jpeg => {
                for (kind, bytes, header) in [("EXIF", &self.exif, 6), ("XMP", &self.xmp, JPEG_XMP.len())] {
                    let length = bytes.as_ref().map_or(0, Vec::len);
                    if length + header > JPEG_SEGMENT {
                        return Err(Error::Encode(format!(
                            "{length} bytes of {kind} do not fit a jpeg file"
                        )));
                    }
                }
                let mut jpeg = Jpeg::from_bytes(file.into()).map_err(ours)?;
                if let Some(xmp) = self.xmp {
                    let segment =
                        JpegSegment::new_with_contents(markers::APP1, [JPEG_XMP, &xmp].concat().into());
                    jpeg.segments_mut().insert(1, segment);
                }
                jpeg.set_icc_profile(self.icc.map(Bytes::from));
                jpeg.set_exif(self.exif.map(Bytes::from));
                jpeg.encoder().bytes()
            }
            Format::WebP => extended_webp(self, WebP::from_bytes(file.into()).map_err(ours)?, picture),
            // A profile is all that the TIFF encoder takes, and it has it; the others hold nothing.
            Format::Tiff | Format::Bmp | Format::Pnm => return Ok(file),
        };
        Ok(bytes.into())
    }
}

/// The WebP file in its extended form, whose first chunk says what else there is.
fn extended_webp(metadata: Metadata, mut webp: WebP, picture: &Picture) -> Bytes {
    let Metadata { icc, exif, xmp } = metadata;
    let flag = |set, bit| if set { bit } else { 0 };
    let alpha = matches!(picture.layout, Layout::GreyAlpha | Layout::Rgba);
    let flags = flag(icc.is_some(), 0x20)
        | flag(alpha, 0x10)
        | flag(exif.is_some(), 0x08)
        | flag(xmp.is_some(), 0x04);
    let side = |side: usize| ((side - 1) as u32).to_le_bytes();
    let mut header = vec![flags, 0, 0, 0];
    header.extend_from_slice(&side(picture.width)[..3]);
    header.extend_from_slice(&side(picture.height)[..3]);
    let chunk = |id: &[u8; 4], data: Vec<u8>| RiffChunk::new(*id, RiffContent::Data(data.into()));
    let chunks = webp.chunks_mut();
    chunks.retain(|chunk| chunk.id() == *b"VP8L");
    chunks.insert(0, chunk(b"VP8X", header));
    if let Some(icc) = icc {
        chunks.insert(1, chunk(b"ICCP", icc));
    }
    chunks.extend(exif.map(|exif| chunk(b"EXIF", exif)));
    chunks.extend(xmp.map(|xmp| chunk(b"XMP ", xmp)));
    webp.encoder().bytes()
}

/// Writes the sides into the tags of an EXIF block that hold them, and cuts off its preview, which
/// shows the picture as it was. A damaged block stays as it is.
fn correct_sides(exif: &mut [u8], width: u32, height: u32) {
    let little = exif.starts_with(b"II");
    let Some(first) = read_u32(exif, 4, little) else { return };
    let (more, end) = correct_directory(exif, first as usize, little, [0x0100, 0x0101], [width, height]);
    if let Some(next) = end.and_then(|end| exif.get_mut(end..end + 4)) {
        next.fill(0);
    }
    if let Some(more) = more {
        correct_directory(exif, more as usize, little, [0xa002, 0xa003], [width, height]);
    }
}

/// Sets `tags` of the directory at `start` to `values`; returns where the EXIF directory is, if it is
/// named there, and where this directory's entries end.
fn correct_directory(
    exif: &mut [u8],
    start: usize,
    little: bool,
    tags: [u16; 2],
    values: [u32; 2],
) -> (Option<u32>, Option<usize>) {
    const EXIF_DIRECTORY: u16 = 0x8769;
    const LONG: u16 = 4;
    let Some(count) = read_u16(exif, start, little) else { return (None, None) };
    let mut more = None;
    for entry in 0..usize::from(count) {
        let at = start + 2 + 12 * entry;
        let (Some(tag), Some(value)) = (read_u16(exif, at, little), read_u32(exif, at + 8, little)) else {
            return (None, None);
        };
        if tag == EXIF_DIRECTORY {
            more = Some(value);
        }
        if let Some(which) = tags.iter().position(|&wanted| wanted == tag) {
            // Type and count anew: a side may have been short and no longer fit.
            let (mut kind, mut count, mut side) =
                (LONG.to_le_bytes(), 1u32.to_le_bytes(), values[which].to_le_bytes());
            if !little {
                kind.reverse();
                count.reverse();
                side.reverse();
            }
            let bytes = [&kind[..], &count, &side].concat();
            exif[at + 2..at + 12].copy_from_slice(&bytes);
        }
    }
    (more, Some(start + 2 + 12 * usize::from(count)))
}

fn read_u16(bytes: &[u8], at: usize, little: bool) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(if little { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) })
}

fn read_u32(bytes: &[u8], at: usize, little: bool) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(if little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) })
}

//! Metadata into finished files.

use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::WebP;
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::Metadata;
use crate::error::{Error, Result};
use crate::picture::{Format, Picture};

/// What comes before the packet in a JPEG segment and a PNG text chunk that hold XMP.
const JPEG_XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PNG_XMP: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";
/// What comes before the text in the chunk of a record.
const PNG_RECORD: &[u8] = b"ipt\0\0\0\0\0";
/// The most bytes of a JPEG segment, without its length.
const JPEG_SEGMENT: usize = 65533;
/// The most bytes of a profile in a JPEG file: 255 segments, each with 14 bytes before its part.
const JPEG_PROFILE: usize = 255 * (JPEG_SEGMENT - 14);

impl Metadata {
    /// The file with this metadata; TIFF has it already, BMP and PNM hold none.
    ///
    /// # Errors
    /// When a JPEG file has no room for it, or a record is to go into anything but a PNG file.
    pub(in crate::picture) fn put_into(
        self,
        file: Vec<u8>,
        format: Format,
        picture: &Picture,
    ) -> Result<Vec<u8>> {
        if self.is_empty() {
            return Ok(file);
        }
        if self.record.is_some() && format != Format::Png {
            return Err(Error::Encode(format!(
                "a {format} file holds no record of how it was made, only png does"
            )));
        }
        let ours = |error: img_parts::Error| Error::Encode(error.to_string());
        let bytes = match format {
            Format::Png => {
                let mut png = Png::from_bytes(file.into()).map_err(ours)?;
                png.set_icc_profile(self.icc.map(Bytes::from));
                png.set_exif(self.exif.map(Bytes::from));
                let texts = [(PNG_XMP, self.xmp), (PNG_RECORD, self.record.map(String::into_bytes))];
                for (header, text) in texts {
                    if let Some(text) = text {
                        let chunk = PngChunk::new(*b"iTXt", [header, &text].concat().into());
                        png.chunks_mut().insert(1, chunk);
                    }
                }
                png.encoder().bytes()
            }
            Format::Jpeg => {
                for (kind, bytes, most, strip) in [
                    ("EXIF", &self.exif, JPEG_SEGMENT - 6, "--strip"),
                    ("XMP", &self.xmp, JPEG_SEGMENT - JPEG_XMP.len(), "--strip"),
                    ("colour profile", &self.icc, JPEG_PROFILE, "--strip=all"),
                ] {
                    let length = bytes.as_ref().map_or(0, Vec::len);
                    if length > most {
                        return Err(Error::Encode(format!(
                            "{length} bytes of {kind} do not fit a jpeg file; {strip} leaves them out"
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
            Format::Tiff | Format::Bmp | Format::Pnm => return Ok(file),
        };
        Ok(bytes.into())
    }
}

/// The WebP file in its extended form, whose first chunk says what else there is.
fn extended_webp(metadata: Metadata, mut webp: WebP, picture: &Picture) -> Bytes {
    let Metadata { icc, exif, xmp, .. } = metadata;
    let flag = |set, bit| if set { bit } else { 0 };
    let alpha = picture.layout.has_alpha();
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
    chunks.retain(|chunk| [*b"VP8L", *b"VP8 ", *b"ALPH"].contains(&chunk.id()));
    chunks.insert(0, chunk(b"VP8X", header));
    if let Some(icc) = icc {
        chunks.insert(1, chunk(b"ICCP", icc));
    }
    chunks.extend(exif.map(|exif| chunk(b"EXIF", exif)));
    chunks.extend(xmp.map(|xmp| chunk(b"XMP ", xmp)));
    webp.encoder().bytes()
}

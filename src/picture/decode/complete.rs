//! Whether a file is all there, for the formats whose decoders do not tell.
//!
//! The JPEG and WebP decoders fill what is missing from a cut-off file with grey and report success.
//! Restoring and overwriting such a picture would make the loss final, so it is an error here.

use super::Format;
use crate::error::{Error, Result};

/// # Errors
/// When the file ends before its picture does.
pub(super) fn check(bytes: &[u8], format: Format) -> Result<()> {
    let complete = match format {
        Format::Jpeg => jpeg_ends(bytes),
        Format::WebP => webp_ends(bytes),
        Format::Png | Format::Tiff | Format::Bmp | Format::Pnm => true,
    };
    if complete { Ok(()) } else { Err(Error::Decode(format!("the {format} file is cut off"))) }
}

/// Whether the segments of a JPEG lead to its end marker.
///
/// Looking for the marker's two bytes anywhere would find that of a thumbnail.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        // Fill bytes and, behind a scan's header, the scan itself go by until the next marker.
        let Some(start) = rest.iter().position(|&byte| byte == 0xff) else { return false };
        rest = &rest[start + 1..];
        match rest.first() {
            None => return false,
            Some(0xd9) => return true,
            // Fill byte; stuffed 0xff of a scan; restart marker; markers without a segment.
            Some(0xff) => {}
            Some(0x00 | 0x01 | 0xd0..=0xd8) => rest = &rest[1..],
            Some(_) => {
                let Some(&[high, low]) = rest.get(1..3) else { return false };
                let length = usize::from(u16::from_be_bytes([high, low]));
                let Some(behind) = rest.get(1 + length..) else { return false };
                rest = behind;
            }
        }
    }
}

/// Whether a WebP file is as long as its RIFF header says.
fn webp_ends(bytes: &[u8]) -> bool {
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map(u32::from_le_bytes);
    length.is_some_and(|length| length as usize <= bytes.len() - 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_marker_inside_a_segment_does_not_count() {
        let thumbnail =
            [0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 2, 7, 0xff, 0, 0xff, 0xd0, 9];
        assert!(!jpeg_ends(&thumbnail));
        assert!(jpeg_ends(&[&thumbnail[..], &[0xff, 0xd9]].concat()));
        for length in 0..thumbnail.len() {
            assert!(!jpeg_ends(&thumbnail[..length]));
        }
    }
}

//! TIFF without compression, written here because the library's encoder has neither EXIF nor XMP nor
//! grey with opacity.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::picture::ifd::{self, BYTE, Entry, LONG, Order, RATIONAL, Reader, SHORT, UNDEFINED, tag};
use crate::picture::metadata::exif;
use crate::picture::{Metadata, Picture, Samples};

/// About how many bytes of samples make a strip.
const STRIP: usize = 1 << 20;

/// Any picture, with all its metadata. Byte order is that of the EXIF.
pub(super) fn encode(picture: &Picture, metadata: &Metadata) -> Result<Vec<u8>> {
    let about = metadata.exif.as_deref().and_then(Reader::new);
    let about = about.and_then(|(reader, first)| Some((reader, reader.directory(first)?)));
    let order = about.as_ref().map_or(Order::Little, |(reader, _)| reader.order);
    let mut file = ifd::header(order).to_vec();
    file.extend_from_slice(&samples(picture, order));

    let mut entries = about.as_ref().map_or(Vec::new(), |(reader, main)| exif::about(reader, main));
    entries.retain(|entry| entry.tag != tag::ORIENTATION);
    entries.extend(structure(picture, order));
    if !entries.iter().any(|entry| entry.tag == X_RESOLUTION) {
        entries.extend(no_resolution(order));
    }
    entries.extend(metadata.xmp.as_deref().map(|xmp| Entry::plain(tag::XMP, BYTE, xmp)));
    entries.extend(metadata.icc.as_deref().map(|icc| Entry::plain(tag::ICC, UNDEFINED, icc)));
    let at = ifd::write(&mut file, order, entries);
    let at = at.ok_or_else(|| Error::Encode("a tiff file holds at most 4 GiB".into()))?;
    file[4..8].copy_from_slice(&order.long(at));
    Ok(file)
}

fn samples(picture: &Picture, order: Order) -> Cow<'_, [u8]> {
    match &picture.samples {
        Samples::Eight(samples) => Cow::Borrowed(samples),
        Samples::Sixteen(samples) => {
            Cow::Owned(samples.iter().flat_map(|&sample| order.short(sample)).collect())
        }
    }
}

/// How the samples are stored: in strips, right behind the header.
fn structure(picture: &Picture, order: Order) -> Vec<Entry<'static>> {
    let (channels, layout) = (picture.layout.channels(), picture.layout);
    let bytes = match picture.samples {
        Samples::Eight(_) => 1,
        Samples::Sixteen(_) => 2,
    };
    let row = picture.width * channels * bytes;
    let rows = (STRIP / row).clamp(1, picture.height);
    let starts = (0..picture.height).step_by(rows);
    let header = ifd::header(order).len();
    // Too large a picture is refused when the directory's own place no longer fits.
    let long = |value: usize| order.long(value as u32);
    let offsets: Vec<u8> = starts.clone().flat_map(|y| long(header + y * row)).collect();
    let lengths: Vec<u8> = starts.flat_map(|y| long(rows.min(picture.height - y) * row)).collect();
    let shorts = |values: &[u16]| values.iter().flat_map(|&value| order.short(value)).collect::<Vec<u8>>();
    let mut entries = vec![
        Entry::plain(0x0100, LONG, long(picture.width).to_vec()),
        Entry::plain(0x0101, LONG, long(picture.height).to_vec()),
        Entry::plain(0x0102, SHORT, shorts(&vec![8 * bytes as u16; channels])),
        Entry::plain(0x0103, SHORT, shorts(&[1])),
        Entry::plain(tag::PHOTOMETRIC, SHORT, shorts(&[if layout.colours() == 1 { 1 } else { 2 }])),
        Entry::plain(0x0111, LONG, offsets),
        Entry::plain(tag::ORIENTATION, SHORT, shorts(&[1])),
        Entry::plain(0x0115, SHORT, shorts(&[channels as u16])),
        Entry::plain(0x0116, LONG, long(rows).to_vec()),
        Entry::plain(0x0117, LONG, lengths),
        Entry::plain(0x011c, SHORT, shorts(&[1])),
    ];
    if layout.has_alpha() {
        // Not multiplied into the colours.
        entries.push(Entry::plain(tag::EXTRA_SAMPLES, SHORT, shorts(&[2])));
    }
    entries
}

const X_RESOLUTION: u16 = 0x011a;

/// The standard wants a resolution: square pixels of no known size.
fn no_resolution(order: Order) -> [Entry<'static>; 3] {
    let one = [order.long(1), order.long(1)].concat();
    [
        Entry::plain(X_RESOLUTION, RATIONAL, one.clone()),
        Entry::plain(0x011b, RATIONAL, one),
        Entry::plain(0x0128, SHORT, order.short(1).to_vec()),
    ]
}

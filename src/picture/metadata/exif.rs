//! EXIF blocks: what in them is about the samples, and how they go into and out of TIFF files.

use std::borrow::Cow;

use image::metadata::Orientation;

use crate::picture::ifd::{self, Entry, Field, LONG, Listing, Order, Reader, SHORT, Value, tag};

const IMAGE_WIDTH: u16 = 0x0100;
const IMAGE_LENGTH: u16 = 0x0101;
const PREVIEW: u16 = 0x0201;
const PREVIEW_LENGTH: u16 = 0x0202;
const RESOLUTION_UNIT: u16 = 0x0128;
const RESOLUTION: [u16; 3] = [0x011a, 0x011b, RESOLUTION_UNIT];
const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;
const PIXEL_X_DIMENSION: u16 = 0xa002;
const PIXEL_Y_DIMENSION: u16 = 0xa003;
const INTEROPERABILITY_DIRECTORY: u16 = 0xa005;

/// The fields of a main directory that tell of the picture and not of how its samples are stored:
/// title, camera, resolution, program, time, author, rating, rights, Windows' notes.
const ABOUT_THE_PICTURE: [u16; 19] = [
    0x010e,
    0x010f,
    0x0110,
    0x011a,
    0x011b,
    0x0128,
    0x0131,
    0x0132,
    0x013b,
    0x013c,
    0x4746,
    0x4749,
    0x8298,
    0x9c9b,
    0x9c9c,
    0x9c9d,
    0x9c9e,
    0x9c9f,
    tag::ORIENTATION,
];

/// Makes the block true of an upright picture of this size, in its place: camera makers' notes, which
/// refer to places in it, stay readable. Its preview, which shows the picture as it was, is unlinked,
/// and cut off where it is last. A damaged block stays as it is.
pub(super) fn correct(exif: &mut Vec<u8>, width: u32, height: u32) {
    let _ = Orientation::remove_from_exif_chunk(exif);
    let Some((corrections, length)) = corrections(exif, width, height) else { return };
    for (at, bytes) in corrections {
        exif[at..at + bytes.len()].copy_from_slice(&bytes);
    }
    exif.truncate(length);
}

/// Bytes to be written, and where.
type Correction = (usize, Vec<u8>);

/// What has to be written, and the length to be kept.
fn corrections(exif: &[u8], width: u32, height: u32) -> Option<(Vec<Correction>, usize)> {
    let (reader, first) = Reader::new(exif).filter(|(reader, _)| !reader.big)?;
    let main = reader.directory(first)?;
    let more = directory_in(&reader, &main, EXIF_DIRECTORY);
    let mut corrections = Vec::new();
    for field in main.fields.iter().chain(more.iter().flat_map(|more| &more.fields)) {
        let side = match field.tag {
            IMAGE_WIDTH | PIXEL_X_DIMENSION => width,
            IMAGE_LENGTH | PIXEL_Y_DIMENSION => height,
            _ => continue,
        };
        // Type and count anew: a side may have been short and no longer fit.
        let order = reader.order;
        let bytes = [&order.short(LONG)[..], &order.long(1), &order.long(side)].concat();
        corrections.push((field.at + 2, bytes));
    }
    let mut length = exif.len();
    if main.next != 0 {
        corrections.push((main.next_at, vec![0; 4]));
        length = reader
            .directory(main.next)
            .and_then(|small| last_preview(exif, &reader, &main, &small))
            .unwrap_or(length);
    }
    Some((corrections, length))
}

/// Where the preview begins, if nothing that is still referred to lies behind that.
fn last_preview(exif: &[u8], reader: &Reader, main: &Listing, small: &Listing) -> Option<usize> {
    let number = |tag| small.number(tag)?.try_into().ok();
    let start: usize = number(PREVIEW)?;
    let length: usize = number(PREVIEW_LENGTH)?;
    // Blocks are padded.
    let last = start.checked_add(length)? + 4 > exif.len();
    let exif_directory = directory_in(reader, main, EXIF_DIRECTORY);
    let further = [
        directory_in(reader, main, GPS_DIRECTORY),
        exif_directory.as_ref().and_then(|listing| directory_in(reader, listing, INTEROPERABILITY_DIRECTORY)),
    ];
    let listings = [Some(main), exif_directory.as_ref(), further[0].as_ref(), further[1].as_ref()];
    let before = |listing: &Listing| {
        listing.next_at + 4 <= start
            && listing.fields.iter().all(|field| field.value_at + field.value.len() <= start)
    };
    (last && listings.into_iter().flatten().all(before)).then_some(start)
}

/// The directory to which a field of `listing` leads.
fn directory_in<'a>(reader: &Reader<'a>, listing: &Listing, tag: u16) -> Option<Listing<'a>> {
    reader.directory(listing.number(tag)?)
}

/// What the main directory of a TIFF file or an EXIF block tells of the picture, to be written into
/// another; of its orientation that it is upright. Notes of camera makers keep their bytes, but what
/// they refer to by its place in the file is not found any more.
pub(in crate::picture) fn about<'a>(reader: &Reader<'a>, main: &Listing<'a>) -> Vec<Entry<'a>> {
    // A resolution without a unit is only there because the standard wants one.
    let no_unit = main.number(RESOLUTION_UNIT) == Some(1);
    let wanted = |field: &&Field| {
        ABOUT_THE_PICTURE.contains(&field.tag) && !(no_unit && RESOLUTION.contains(&field.tag))
    };
    let mut entries = plain(main.fields.iter().filter(wanted));
    for entry in entries.iter_mut().filter(|entry| entry.tag == tag::ORIENTATION) {
        entry.value = Value::Plain(SHORT, reader.order.short(1).to_vec().into());
    }
    for (outer, inner) in [(EXIF_DIRECTORY, Some(INTEROPERABILITY_DIRECTORY)), (GPS_DIRECTORY, None)] {
        let Some(listing) = directory_in(reader, main, outer) else { continue };
        let mut fields = plain(listing.fields.iter().filter(|field| Some(field.tag) != inner));
        if let Some(inner) = inner
            && let Some(listing) = directory_in(reader, &listing, inner)
        {
            fields.push(Entry { tag: inner, value: Value::Directory(plain(listing.fields.iter())) });
        }
        entries.push(Entry { tag: outer, value: Value::Directory(fields) });
    }
    entries
}

/// The fields, without those of BigTIFF's kinds and those that lead to other directories.
fn plain<'a: 'b, 'b>(fields: impl Iterator<Item = &'b Field<'a>>) -> Vec<Entry<'a>> {
    fields
        .filter(|field| field.kind <= 12)
        .map(|field| Entry::plain(field.tag, field.kind, Cow::Borrowed(field.value)))
        .collect()
}

/// The EXIF block of these fields; none if they say no more than which side is up.
pub(in crate::picture) fn block(order: Order, entries: Vec<Entry>) -> Option<Vec<u8>> {
    if entries.iter().all(|entry| entry.tag == tag::ORIENTATION) {
        return None;
    }
    let mut block = ifd::header(order).to_vec();
    let at = ifd::write(&mut block, order, entries)?;
    block[4..8].copy_from_slice(&order.long(at));
    Some(block)
}

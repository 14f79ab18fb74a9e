//! Colour profiles, EXIF and XMP on their way through files.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

use ipt::picture::{EncodeOptions, Format, Layout, Metadata, Picture, Samples, decode, encode_with};

/// Samples that differ from each other, so that turning the picture shows.
fn picture(layout: Layout) -> Picture {
    let samples = (0..5 * 3 * layout.channels()).map(|i| (i * 5) as u8).collect();
    Picture::new(5, 3, layout, Samples::Eight(samples)).unwrap()
}

/// A profile's header, which is all that anyone here looks at, and a body of `length` bytes.
fn profile(space: &[u8; 4], length: usize) -> Vec<u8> {
    let mut profile = vec![0; 128 + length];
    let bytes = profile.len() as u32;
    profile[..4].copy_from_slice(&bytes.to_be_bytes());
    profile[12..16].copy_from_slice(b"mntr");
    profile[16..20].copy_from_slice(space);
    profile[36..40].copy_from_slice(b"acsp");
    profile.iter_mut().skip(128).enumerate().for_each(|(i, byte)| *byte = (i % 251) as u8);
    profile
}

/// EXIF with an orientation, the sides (one short, one long), a camera, and a preview's directory.
fn exif(little: bool, orientation: u16, width: u16, height: u32) -> Vec<u8> {
    let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let entry =
        |tag, kind, count, value: [u8; 4]| [&short(tag)[..], &short(kind), &long(count), &value].concat();
    let padded = |value: u16| [&short(value)[..], &[0, 0]].concat().try_into().unwrap();
    let (second, third) = (8 + 2 + 3 * 12 + 4, 8 + 2 + 3 * 12 + 4 + 2 + 2 * 12 + 4);
    [
        if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() },
        long(8).to_vec(),
        short(3).to_vec(),
        entry(0x010f, 2, 4, *b"Cam\0"),
        entry(0x0112, 3, 1, padded(orientation)),
        entry(0x8769, 4, 1, long(second)),
        long(third).to_vec(),
        short(2).to_vec(),
        entry(0xa002, 3, 1, padded(width)),
        entry(0xa003, 4, 1, long(height)),
        long(0).to_vec(),
        short(0).to_vec(),
        long(0).to_vec(),
    ]
    .concat()
}

/// The same after a picture of 5×3 pixels was written: upright, sides long, no preview.
fn corrected(little: bool) -> Vec<u8> {
    let mut corrected = exif(little, 1, 5, 3);
    let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let side = 50 + 2;
    corrected[46..50].fill(0);
    let kind: [u8; 2] = if little { [4, 0] } else { [0, 4] };
    corrected[side + 2..side + 4].copy_from_slice(&kind);
    corrected[side + 8..side + 12].copy_from_slice(&long(5));
    corrected
}

/// Directory, tag, kind, count and value or place of each field; places are left out.
fn fields(exif: &[u8]) -> Vec<(u8, u16, u16, u32, Vec<u8>)> {
    let little = exif.starts_with(b"II");
    let short = |at: usize| {
        let bytes = [exif[at], exif[at + 1]];
        if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
    };
    let long = |at: usize| {
        let bytes = exif[at..at + 4].try_into().unwrap();
        if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    };
    let mut found = Vec::new();
    let mut directories = vec![(0, long(4))];
    while let Some((directory, start)) = directories.pop() {
        for field in 0..usize::from(short(start as usize)) {
            let at = start as usize + 2 + 12 * field;
            let (tag, value) = (short(at), exif[at + 8..at + 12].to_vec());
            if tag == 0x8769 {
                directories.push((1, long(at + 8)));
            } else {
                found.push((directory, tag, short(at + 2), long(at + 4), value));
            }
        }
    }
    found
}

#[test]
fn metadata_goes_through_every_format_that_holds_it() {
    let xmp = br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"/>"#.to_vec();
    for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
        for format in Format::ALL {
            if format == Format::Jpeg && layout.has_alpha() {
                continue;
            }
            for little in [false, true] {
                let grey = layout.colours() == 1 && format != Format::WebP;
                // Longer than one segment of a JPEG file.
                let icc = profile(if grey { b"GRAY" } else { b"RGB " }, 70_000);
                let given = Metadata {
                    icc: Some(icc),
                    exif: Some(exif(little, 6, 4000, 3000)),
                    xmp: Some(xmp.clone()),
                    record: None,
                };
                let file = encode_with(&picture(layout), format, &given, &EncodeOptions::default()).unwrap();
                let found = decode(&file).unwrap();
                assert_eq!((found.picture.width(), found.picture.height()), (5, 3), "{format}: not turned");
                let expected = match format {
                    Format::Bmp | Format::Pnm => Metadata::default(),
                    // Its fields are not where they were.
                    Format::Tiff => {
                        let exif = found.metadata.exif.clone();
                        assert_eq!(fields(exif.as_ref().unwrap()), fields(&corrected(little)), "{layout:?}");
                        Metadata { exif, ..given }
                    }
                    _ => Metadata { exif: Some(corrected(little)), ..given },
                };
                assert!(found.metadata == expected, "{format} {layout:?} {:?}", found.metadata);
                if format != Format::Jpeg {
                    assert_eq!(found.picture.to_rgb8(), picture(layout).to_rgb8(), "{format} {layout:?}");
                }
            }
        }
    }
}

#[test]
fn pictures_are_turned_upright() {
    let upright = picture(Layout::Grey);
    // Some programs write the name that JPEG has before it.
    let names: [&[u8]; 2] = [b"", b"Exif\0\0"];
    for (orientation, name) in (1..=8u8).flat_map(|orientation| names.map(|name| (orientation, name))) {
        let plain = encode_with(&upright, Format::Png, &Metadata::default(), &EncodeOptions::default());
        // An eXIf chunk behind the header of 33 bytes, with the orientation still in it.
        let mut file = plain.unwrap();
        let body = [name, &exif(true, orientation.into(), 5, 3)].concat();
        let mut chunk = (body.len() as u32).to_be_bytes().to_vec();
        chunk.extend_from_slice(b"eXIf");
        chunk.extend_from_slice(&body);
        let sum = crc32(&chunk[4..]);
        chunk.extend_from_slice(&sum.to_be_bytes());
        file.splice(33..33, chunk);
        let found = decode(&file).unwrap().picture;
        let Samples::Eight(samples) = found.samples() else { panic!("not 8 bits") };
        let at = |x: usize, y: usize| (y * 5 + x) as u8 * 5;
        // Where the stored rows' first sample and its right neighbour come to lie.
        let (width, first, second) = match orientation {
            1 => (5, (0, 0), (1, 0)),
            2 => (5, (4, 0), (3, 0)),
            3 => (5, (4, 2), (3, 2)),
            4 => (5, (0, 2), (1, 2)),
            5 => (3, (0, 0), (0, 1)),
            6 => (3, (2, 0), (2, 1)),
            7 => (3, (2, 4), (2, 3)),
            _ => (3, (0, 4), (0, 3)),
        };
        assert_eq!(found.width(), width, "{orientation}");
        assert_eq!(samples[first.1 * width + first.0], at(0, 0), "{orientation}");
        assert_eq!(samples[second.1 * width + second.0], at(1, 0), "{orientation}");
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

#[test]
fn a_profile_for_other_colours_is_left_out() {
    let given = Metadata { icc: Some(profile(b"CMYK", 10)), ..Metadata::default() };
    for format in [Format::Png, Format::Jpeg, Format::WebP, Format::Tiff] {
        let file = encode_with(&picture(Layout::Rgb), format, &given, &EncodeOptions::default()).unwrap();
        assert_eq!(decode(&file).unwrap().metadata.icc, None, "{format}");
    }
}

#[test]
fn damaged_exif_is_carried_and_too_long_exif_refused() {
    let whole = exif(true, 1, 9, 9);
    for length in 1..whole.len() {
        let given = Metadata { exif: Some(whole[..length].to_vec()), ..Metadata::default() };
        let file =
            encode_with(&picture(Layout::Rgb), Format::Png, &given, &EncodeOptions::default()).unwrap();
        assert_eq!(decode(&file).unwrap().metadata.exif.map(|exif| exif.len()), Some(length));
    }
    let given = Metadata { exif: Some(vec![0; 70_000]), ..Metadata::default() };
    let error = encode_with(&picture(Layout::Rgb), Format::Jpeg, &given, &EncodeOptions::default());
    assert_eq!(
        error.unwrap_err().to_string(),
        "70000 bytes of EXIF do not fit a jpeg file; --strip leaves them out"
    );
}

#[test]
fn a_profile_is_whole_or_refused() {
    let profile = |length: usize| {
        let mut bytes = vec![0; length];
        bytes[16..20].copy_from_slice(b"RGB ");
        Metadata { icc: Some(bytes), ..Metadata::default() }
    };
    let most = 255 * 65_519;
    let write =
        |given: &Metadata| encode_with(&picture(Layout::Rgb), Format::Jpeg, given, &EncodeOptions::default());
    // The decoder does not put so many segments together again; all of the profile is in the file.
    assert!(write(&profile(most)).unwrap().len() > most);
    let error = write(&profile(most + 1)).unwrap_err().to_string();
    assert!(error.contains("colour profile do not fit a jpeg file; --strip=all"), "{error}");
}

/// A block with a preview: a main directory with a camera and, behind it, the second directory and
/// the preview's bytes, or the preview before the camera's name.
fn with_preview(last: bool) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let (second, end) = (8 + 2 + 12 + 4u32, 8 + 2 + 12 + 4 + 2 + 2 * 12 + 4);
    let (preview, name) = if last { (end + 20, end) } else { (end, end + 500) };
    let mut block = b"II*\0\x08\0\0\0\x01\0".to_vec();
    block.extend(entry(0x010f, 2, 20, name));
    block.extend(second.to_le_bytes());
    block.extend([2, 0]);
    block.extend(entry(0x0201, 4, 1, preview));
    block.extend(entry(0x0202, 4, 1, 500));
    block.extend([0; 4]);
    let (name, picture) = (b"A camera of a maker\0", [0xab; 500]);
    block.extend(if last { [&name[..], &picture].concat() } else { [&picture[..], name].concat() });
    block
}

#[test]
fn a_preview_of_what_the_picture_was_is_gone() {
    for last in [true, false] {
        let given = Metadata { exif: Some(with_preview(last)), ..Metadata::default() };
        let file =
            encode_with(&picture(Layout::Rgb), Format::Png, &given, &EncodeOptions::default()).unwrap();
        let exif = decode(&file).unwrap().metadata.exif.unwrap();
        assert_eq!(exif[22..26], [0; 4], "no second directory");
        assert!(exif.windows(20).any(|window| window == b"A camera of a maker\0"));
        // Cut off where nothing else comes to harm.
        assert_eq!(exif.windows(500).any(|window| window == [0xab; 500]), !last);
    }
}

#[test]
fn sides_in_xmp_are_those_of_the_picture() {
    let xmp = br#"<d tiff:ImageWidth="4000" exif:PixelYDimension="3000" tiff:Orientation="6"/>"#;
    let given = Metadata { xmp: Some(xmp.to_vec()), ..Metadata::default() };
    for format in [Format::Png, Format::Jpeg, Format::WebP, Format::Tiff] {
        let file = encode_with(&picture(Layout::Rgb), format, &given, &EncodeOptions::default()).unwrap();
        let found = decode(&file).unwrap().metadata.xmp.unwrap();
        // Nobody turned the picture, and no viewer obeys this packet alone.
        let expected = r#"<d tiff:ImageWidth="5" exif:PixelYDimension="3" tiff:Orientation="6"/>"#;
        assert_eq!(String::from_utf8(found).unwrap(), expected, "{format}");
    }
    // The packet was written with EXIF that turns the picture: upright now, both say.
    let given = Metadata { exif: Some(exif(true, 1, 5, 3)), ..given };
    let mut file =
        encode_with(&picture(Layout::Rgb), Format::Jpeg, &given, &EncodeOptions::default()).unwrap();
    let upright = exif(true, 1, 5, 3)[..34].to_vec();
    let at = file.windows(34).position(|window| window == upright).unwrap();
    file[at..at + 34].copy_from_slice(&exif(true, 6, 5, 3)[..34]);
    let found = decode(&file).unwrap();
    assert_eq!((found.picture.width(), found.picture.height()), (3, 5));
    assert!(String::from_utf8(found.metadata.xmp.unwrap()).unwrap().contains(r#"tiff:Orientation="1""#));
}

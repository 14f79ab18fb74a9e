//! TIFF files of other programs, and ours as others see them. The other program is the `tiff` crate.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

use std::io::Cursor;

use ipt::picture::{EncodeOptions, Format, Layout, Metadata, Picture, Samples, decode, encode, encode_with};
use tiff::decoder::{Decoder, DecodingResult};
use tiff::encoder::colortype::{Gray8, RGB8, RGBA8, RGBA16};
use tiff::encoder::{Rational, TiffEncoder, TiffKindBig};
use tiff::tags::Tag;

const PAGE_NAME: u16 = 0x011d;

/// Grey pages of 3×2 pixels with these values for NewSubfileType.
fn pages(kinds: &[u32]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    for &kind in kinds {
        let mut page = encoder.new_image::<Gray8>(3, 2).unwrap();
        page.encoder().write_tag(Tag::NewSubfileType, kind).unwrap();
        page.write_data(&[1, 2, 3, 4, 5, 6]).unwrap();
    }
    file.into_inner()
}

fn error(file: &[u8]) -> String {
    decode(file).unwrap_err().to_string()
}

#[test]
fn several_pages_are_refused_but_not_previews_and_masks() {
    assert_eq!(decode(&pages(&[0])).unwrap().picture.width(), 3);
    assert_eq!(error(&pages(&[0, 0, 2])), "a tiff file of 3 pages: only single pictures are read");
    assert_eq!(decode(&pages(&[0, 1, 4])).unwrap().picture.height(), 2);
    assert!(error(&pages(&[1])).contains("only a preview"));
    // A chain of directories that leads back to its beginning ends all the same.
    let mut circle = pages(&[0]);
    let place = u32::from_le_bytes(circle[4..8].try_into().unwrap());
    let at = place as usize;
    let count = usize::from(u16::from_le_bytes(circle[at..at + 2].try_into().unwrap()));
    circle[at + 2 + 12 * count..][..4].copy_from_slice(&place.to_le_bytes());
    assert_eq!(error(&circle), "the tiff file is damaged");
}

#[test]
fn bigtiff_and_its_pages() {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::<_, TiffKindBig>::new_big(&mut file).unwrap();
    let mut page = encoder.new_image::<Gray8>(3, 2).unwrap();
    page.encoder().write_tag(Tag::Artist, "somebody").unwrap();
    page.write_data(&[1, 2, 3, 4, 5, 6]).unwrap();
    let mut one = file.into_inner();
    let found = decode(&one).unwrap();
    assert_eq!(found.picture.samples(), &Samples::Eight(vec![1, 2, 3, 4, 5, 6]));
    assert!(found.metadata.exif.unwrap().windows(8).any(|window| window == b"somebody"));
    // More fields than there are bytes are not looked for one by one.
    let at = u64::from_le_bytes(one[8..16].try_into().unwrap()) as usize;
    one[at..at + 8].copy_from_slice(&(u64::MAX / 40).to_le_bytes());
    assert_eq!(error(&one), "the tiff file is damaged");
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::<_, TiffKindBig>::new_big(&mut file).unwrap();
    for _ in 0..2 {
        encoder.write_image::<Gray8>(1, 1, &[7]).unwrap();
    }
    assert!(error(file.get_ref()).contains("2 pages"));
}

#[test]
fn opacity_that_is_multiplied_in_is_taken_out() {
    let stored = [100, 50, 0, 128, 10, 20, 30, 255, 0, 0, 0, 0, 9, 9, 9, 3];
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    let mut page = encoder.new_image::<RGBA8>(4, 1).unwrap();
    page.encoder().write_tag(Tag::ExtraSamples, &[1u16][..]).unwrap();
    page.write_data(&stored).unwrap();
    let expected = [199, 100, 0, 128, 10, 20, 30, 255, 0, 0, 0, 0, 255, 255, 255, 3];
    assert_eq!(decode(file.get_ref()).unwrap().picture.samples(), &Samples::Eight(expected.to_vec()));

    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    let mut page = encoder.new_image::<RGBA16>(1, 1).unwrap();
    page.encoder().write_tag(Tag::ExtraSamples, &[2u16][..]).unwrap();
    page.write_data(&[100, 50, 0, 128]).unwrap();
    assert_eq!(decode(file.get_ref()).unwrap().picture.samples(), &Samples::Sixteen(vec![100, 50, 0, 128]));
}

#[test]
fn ours_are_read_by_others() {
    for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
        // Tall enough for several strips.
        let (width, height) = (700, 1100);
        let count = width * height * layout.channels();
        let values: Vec<u16> = (0..count).map(|i| (i * 7919 % 65536) as u16).collect();
        for samples in [
            Samples::Eight(values.iter().map(|v| (v >> 8) as u8).collect()),
            Samples::Sixteen(values.clone()),
        ] {
            let picture = Picture::new(width, height, layout, samples.clone()).unwrap();
            for exif in [None, Some(b"MM\0*\0\0\0\x08\0\0\0\0\0\0".to_vec())] {
                let metadata = Metadata { exif, ..Metadata::default() };
                let file = encode_with(&picture, Format::Tiff, &metadata, &EncodeOptions::default()).unwrap();
                assert_eq!(file.starts_with(b"MM"), metadata.exif.is_some(), "the order of bytes stays");
                let mut decoder = Decoder::new(Cursor::new(&file)).unwrap();
                assert_eq!(decoder.dimensions().unwrap(), (700, 1100));
                assert!(decoder.strip_count().unwrap() > 1 || file.len() < 1 << 20);
                let read = match decoder.read_image().unwrap() {
                    DecodingResult::U8(samples) => Samples::Eight(samples),
                    DecodingResult::U16(samples) => Samples::Sixteen(samples),
                    other => panic!("{other:?}"),
                };
                assert!(read == samples, "{layout:?}");
                let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).unwrap();
                assert_eq!(extra, layout.has_alpha().then_some(vec![2]));
                assert!(!decoder.more_images());
            }
        }
    }
}

/// A TIFF file with camera, time, resolution, EXIF, GPS, a page name (which is about the file) and
/// orientation 6.
fn from_a_camera() -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    let mut exif = encoder.extra_directory().unwrap();
    exif.write_tag(Tag::Unknown(0x829a), Rational { n: 1, d: 125 }).unwrap();
    exif.write_tag(Tag::Unknown(0xa002), 30u32).unwrap();
    let exif = exif.finish_with_offsets().unwrap().pointer.0 as u32;
    let mut gps = encoder.extra_directory().unwrap();
    gps.write_tag(Tag::Unknown(1), "N").unwrap();
    let gps = gps.finish_with_offsets().unwrap().pointer.0 as u32;
    let mut page = encoder.new_image::<RGB8>(30, 20).unwrap();
    let directory = page.encoder();
    directory.write_tag(Tag::Make, "Camera & Sons").unwrap();
    directory.write_tag(Tag::Unknown(PAGE_NAME), "recto").unwrap();
    directory.write_tag(Tag::Orientation, 6u16).unwrap();
    directory.write_tag(Tag::Unknown(0x8769), exif).unwrap();
    directory.write_tag(Tag::Unknown(0x8825), gps).unwrap();
    directory.write_tag(Tag::Unknown(700), &b"<x tiff:Orientation=\"6\"/>"[..]).unwrap();
    page.write_data(&[9; 30 * 20 * 3]).unwrap();
    file.into_inner()
}

#[test]
fn what_a_camera_says_goes_to_jpeg_and_back() {
    let found = decode(&from_a_camera()).unwrap();
    assert_eq!((found.picture.width(), found.picture.height()), (20, 30), "upright");
    assert_eq!(found.metadata.xmp.as_deref(), Some(&b"<x tiff:Orientation=\"1\"/>"[..]));
    // By way of JPEG into TIFF again: an EXIF block is a TIFF file without a picture.
    let options = EncodeOptions::default();
    let jpeg = encode_with(&found.picture, Format::Jpeg, &found.metadata, &options).unwrap();
    let back = decode(&jpeg).unwrap();
    assert!(back.metadata.exif.as_ref().unwrap().windows(14).any(|window| window == b"Camera & Sons\0"));
    let file = encode_with(&back.picture, Format::Tiff, &back.metadata, &options).unwrap();
    let mut decoder = Decoder::new(Cursor::new(&file)).unwrap();
    assert_eq!(decoder.get_tag_ascii_string(Tag::Make).unwrap(), "Camera & Sons");
    assert_eq!(decoder.get_tag_u32(Tag::Orientation).unwrap(), 1);
    assert!(decoder.find_tag(Tag::Unknown(PAGE_NAME)).unwrap().is_none());
    let pointer = decoder.get_tag(Tag::Unknown(0x8769)).unwrap().into_ifd_pointer().unwrap();
    let directory = decoder.read_directory(pointer).unwrap();
    let mut exif = decoder.read_directory_tags(&directory);
    assert_eq!(exif.get_tag_u32(Tag::Unknown(0xa002)).unwrap(), 20, "the width as it is now");
    assert!(exif.find_tag(Tag::Unknown(0x829a)).unwrap().is_some());
    let pointer = decoder.get_tag(Tag::Unknown(0x8825)).unwrap().into_ifd_pointer().unwrap();
    let directory = decoder.read_directory(pointer).unwrap();
    let gps = decoder.read_directory_tags(&directory).find_tag(Tag::Unknown(1)).unwrap();
    assert_eq!(gps.unwrap().into_string().unwrap(), "N");
}

/// A small block that would grow to gigabytes, were each of its fields copied.
#[test]
fn fields_that_share_a_value_are_not_multiplied() {
    let (count, length) = (60_000u16, 500_000u32);
    let mut block = b"II*\0\x08\0\0\0\x01\0".to_vec();
    let sub = 8 + 2 + 12 + 4u32;
    block.extend([0x69, 0x87, 4, 0, 1, 0, 0, 0]);
    block.extend(sub.to_le_bytes());
    block.extend([0; 4]);
    block.extend(count.to_le_bytes());
    for tag in 0..count {
        block.extend(tag.to_le_bytes());
        block.extend(7u16.to_le_bytes());
        block.extend(length.to_le_bytes());
        block.extend(0u32.to_le_bytes());
    }
    block.extend([0; 4]);
    assert!(block.len() > length as usize);
    let picture = Picture::new(1, 1, Layout::Grey, Samples::Eight(vec![0])).unwrap();
    let metadata = Metadata { exif: Some(block), ..Metadata::default() };
    let file = encode_with(&picture, Format::Tiff, &metadata, &EncodeOptions::default()).unwrap();
    assert!(file.len() < 1000, "{}", file.len());
    assert_eq!(decode(&file).unwrap().metadata, Metadata::default());
    assert_eq!(decode(&encode(&picture, Format::Tiff).unwrap()).unwrap().metadata, Metadata::default());
}

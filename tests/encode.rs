//! What the options of file formats do to the files.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod support;

use std::path::Path;

use ipt::picture::{
    Chroma, Effort, EncodeOptions, Format, Layout, Metadata, Picture, Samples, decode, encode_with,
};

fn photograph() -> Picture {
    support::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pictures/parrot.png"))
}

fn file(picture: &Picture, format: Format, options: EncodeOptions) -> Vec<u8> {
    encode_with(picture, format, &Metadata::default(), &options).unwrap()
}

/// The data behind each marker of this kind, up to the scan.
fn segments(jpeg: &[u8], marker: u8) -> Vec<&[u8]> {
    let (mut at, mut found) = (2, Vec::new());
    while jpeg[at + 1] != 0xda {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] == marker {
            found.push(&jpeg[at + 4..at + 2 + length]);
        }
        at += 2 + length;
    }
    found
}

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let (a, b) = (a.to_rgb8(), b.to_rgb8());
    let (a, b) = (a.as_rgb8().unwrap(), b.as_rgb8().unwrap());
    let squares: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares).log10()
}

#[test]
fn jpeg_has_the_chroma_and_quality_asked_for() {
    let picture = photograph();
    let mut lengths = Vec::new();
    for (chroma, factors) in [(Chroma::Full, 0x11), (Chroma::Half, 0x21), (Chroma::Quarter, 0x22)] {
        let jpeg = file(&picture, Format::Jpeg, EncodeOptions { chroma, ..EncodeOptions::default() });
        let frame = segments(&jpeg, 0xc0)[0];
        // Depth, height, width, three components of (number, sampling factors, table).
        assert_eq!((frame[0], frame[5], frame[7], frame[10], frame[13]), (8, 3, factors, 0x11, 0x11));
        assert!(psnr(&decode(&jpeg).unwrap().picture, &picture) > 33.0, "{chroma:?}");
        lengths.push(jpeg.len());
    }
    assert!(lengths.is_sorted_by(|a, b| a > b), "{lengths:?}");
    // The first step of the standard's table, 16, at each quality.
    for (jpeg_quality, step) in [(25, 32), (50, 16), (75, 8), (95, 2), (100, 1)] {
        let options = EncodeOptions { jpeg_quality, ..EncodeOptions::default() };
        let jpeg = file(&picture, Format::Jpeg, options);
        assert_eq!(segments(&jpeg, 0xdb)[0][1], step, "{jpeg_quality}");
    }
    assert_eq!(
        file(&picture, Format::Jpeg, EncodeOptions { jpeg_quality: 95, ..EncodeOptions::default() }),
        file(&picture, Format::Jpeg, EncodeOptions::default())
    );
}

#[test]
fn webp_with_loss_is_small_and_near() {
    let picture = photograph();
    let lossless = file(&picture, Format::WebP, EncodeOptions::default());
    assert_eq!(decode(&lossless).unwrap().picture, picture);
    let mut before = (0, 0.0);
    for quality in [10, 60, 95] {
        let options = EncodeOptions { webp_quality: Some(quality), ..EncodeOptions::default() };
        let lossy = file(&picture, Format::WebP, options);
        let now = (lossy.len(), psnr(&decode(&lossy).unwrap().picture, &picture));
        assert!(now.0 < lossless.len() && now.0 > before.0 && now.1 > before.1, "{now:?} {before:?}");
        assert_eq!(lossy, file(&picture, Format::WebP, options), "the same bytes again");
        before = now;
    }
    assert!(before.1 > 33.0, "{before:?}");
}

#[test]
fn webp_with_loss_keeps_opacity_grey_and_metadata() {
    let options = EncodeOptions { webp_quality: Some(80), ..EncodeOptions::default() };
    let given = Metadata {
        xmp: Some(b"<x:xmpmeta/>".to_vec()),
        exif: Some(b"II*\0\x08\0\0\0\0\0\0\0\0\0".to_vec()),
        ..Metadata::default()
    };
    for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
        let samples = (0..40 * 30 * layout.channels()).map(|i| (i / 20 % 256) as u8).collect();
        let picture = Picture::new(40, 30, layout, Samples::Eight(samples)).unwrap();
        for metadata in [&Metadata::default(), &given] {
            let lossy = encode_with(&picture, Format::WebP, metadata, &options).unwrap();
            let found = decode(&lossy).unwrap();
            assert_eq!(found.metadata, *metadata, "{layout:?}");
            assert_eq!(found.picture.layout().has_alpha(), layout.has_alpha());
            let Samples::Eight(before) = picture.samples() else { panic!() };
            let Samples::Eight(after) = found.picture.samples() else { panic!() };
            if layout.has_alpha() {
                let before = before.iter().skip(layout.channels() - 1).step_by(layout.channels());
                assert!(before.eq(after.iter().skip(3).step_by(4)), "{layout:?}");
            }
        }
    }
}

#[test]
fn effort_makes_png_smaller_and_changes_nothing_else() {
    let picture = photograph();
    let lengths = [Effort::Fast, Effort::Usual, Effort::Small].map(|png_effort| {
        let png = file(&picture, Format::Png, EncodeOptions { png_effort, ..EncodeOptions::default() });
        assert_eq!(decode(&png).unwrap().picture, picture);
        png.len()
    });
    assert!(lengths.is_sorted_by(|a, b| a > b), "{lengths:?}");
}

#[test]
fn a_record_goes_into_png_and_nothing_else() {
    let picture = photograph();
    let given = Metadata { record: Some(r#"{"name":"ü"}"#.into()), ..Metadata::default() };
    let png = encode_with(&picture, Format::Png, &given, &EncodeOptions::default()).unwrap();
    let chunk = [b"iTXtipt\0\0\0\0\0".as_slice(), r#"{"name":"ü"}"#.as_bytes()].concat();
    assert!(png.windows(chunk.len()).any(|window| window == chunk));
    // It is not true of what is made of this picture.
    assert_eq!(decode(&png).unwrap().metadata, Metadata::default());
    for format in Format::ALL.into_iter().filter(|&format| format != Format::Png) {
        let error = encode_with(&picture, format, &given, &EncodeOptions::default()).unwrap_err();
        assert!(error.to_string().contains("record"), "{format}: {error}");
    }
}

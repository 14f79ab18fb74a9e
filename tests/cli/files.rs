//! How files are written, and which are refused.

use ipt::picture::{self, EncodeOptions, Format, Layout, Metadata, Picture, Samples};

use crate::harness::{TestEnv, grey, look, picture};

/// A JPEG file with a colour profile, EXIF (a camera) and XMP.
fn described() -> Vec<u8> {
    let mut icc = vec![0; 200];
    icc[..4].copy_from_slice(&200u32.to_be_bytes());
    icc[12..20].copy_from_slice(b"mntrRGB ");
    icc[36..40].copy_from_slice(b"acsp");
    let exif = [b"II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0Cam\0".as_slice(), &[0; 4]].concat();
    let xmp = br#"<d tiff:ImageWidth="24"/>"#.to_vec();
    let metadata = Metadata { icc: Some(icc), exif: Some(exif), xmp: Some(xmp), record: None };
    let picture = picture::decode(&picture("a.png")).unwrap().picture;
    picture::encode_with(&picture, Format::Jpeg, &metadata, &EncodeOptions::default()).unwrap()
}

#[test]
fn metadata_comes_along_unless_stripped() {
    let env = TestEnv::new();
    env.write("a.jpg", &described());
    let given = picture::decode(&described()).unwrap().metadata;
    let after = |arguments: &str| {
        picture::decode(&env.assert_output(&format!("{arguments} a.jpg"), b"")).unwrap().metadata
    };
    for command in
        ["degrade --task sr2", "restore --baseline --task denoise30", "restore --baseline --task sr2"]
    {
        for format in ["jpeg", "png", "webp", "tiff"] {
            let found = after(&format!("{command} --format {format}"));
            assert_eq!(found.icc, given.icc, "{command} {format}");
            // In TIFF files its fields are those of the file, orientation among them.
            let exif = found.exif.unwrap();
            assert!(format == "tiff" || Some(&exif) == given.exif.as_ref(), "{command} {format}");
            assert!(exif.windows(4).any(|window| window == b"Cam\0"), "{command} {format}");
            let width = [("degrade", 12), ("restore --baseline --task sr2", 48), ("", 24)]
                .into_iter()
                .find(|(name, _)| command.starts_with(name))
                .unwrap()
                .1;
            let xmp = format!(r#"<d tiff:ImageWidth="{width}"/>"#);
            assert_eq!(String::from_utf8(found.xmp.unwrap()).unwrap(), xmp, "{command} {format}");
            let profile = Metadata { icc: given.icc.clone(), ..Metadata::default() };
            assert_eq!(after(&format!("{command} --format {format} --strip")), profile);
            assert_eq!(after(&format!("{command} --format {format} --strip=safe")), profile);
            assert_eq!(after(&format!("{command} --format {format} --strip=all")), Metadata::default());
        }
    }
    env.assert_error("degrade --task sr2 --strip=some a.jpg b.jpg", &["safe, all"]);
}

#[test]
fn quality_chroma_and_effort() {
    let env = TestEnv::new();
    env.write("a.png", &std::fs::read("fixtures/pictures/parrot.png").unwrap());
    let length = |options: &str| {
        let file = env.assert_output(&format!("restore --baseline --task denoise30 {options} a.png"), b"");
        (look(&file).2, file.len())
    };
    for longer_to_shorter in [
        &["--format jpg", "--format jpg --chroma 422", "--format jpg --chroma 420"][..],
        &["--format jpg --quality 100", "--format jpg --quality=95", "--format jpg --quality 1"],
        &["--format webp", "--format webp --webp-quality 95", "--format webp --webp-quality 30"],
        &["--png-effort fast", "--png-effort usual", "--png-effort small"],
    ] {
        let lengths: Vec<_> = longer_to_shorter.iter().map(|options| length(options)).collect();
        assert!(lengths.is_sorted_by(|a, b| a.0 == b.0 && a.1 > b.1), "{longer_to_shorter:?} {lengths:?}");
    }
    assert_eq!(length("--format jpg"), length("--format jpg --quality 95 --chroma 444"));
    for (options, words) in [
        ("--quality 0", "1..=100"),
        ("--quality 101", "1..=100"),
        ("--webp-quality 0", "1..=100"),
        ("--chroma 411", "444, 422, 420"),
        ("--png-effort max", "fast, usual, small"),
    ] {
        env.assert_error(&format!("degrade --task sr2 {options} a.png b.png"), &[words]);
    }
}

#[test]
fn what_holds_several_pictures_is_refused_by_name() {
    let env = TestEnv::with(&["in/sound.png"]);
    for (name, bytes) in refused() {
        env.write(&format!("in/{name}"), &bytes);
    }
    let run = env.assert_failure(
        "degrade --task sr2 in out",
        &[
            "in/animated.png: animations are not read, only single pictures",
            "in/animated.webp: animations are not read, only single pictures",
            "in/pages.tiff: a tiff file of 2 pages: only single pictures are read",
            "in/several.ppm: a pnm file of several pictures: only single ones are read",
            "in/gif.png: gif files are not read",
            "in/avif.png: avif files are not read",
        ],
    );
    assert_eq!(env.files("out"), ["sound.png"], "{run}");
}

/// Files that are sound, but not single pictures of a format that is read.
pub fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let still = picture("a.png");
    let mut animated = still[..33].to_vec();
    let mut chunk = b"acTL\0\0\0\x02\0\0\0\0".to_vec();
    chunk.extend(crc32(&chunk).to_be_bytes());
    animated.extend(8u32.to_be_bytes());
    animated.extend(chunk);
    animated.extend(&still[33..]);
    let page = picture("a.ppm");
    vec![
        ("animated.png", animated),
        ("animated.webp", animated_webp()),
        ("pages.tiff", pages()),
        ("several.ppm", [page.as_slice(), b"\n", &page].concat()),
        ("gif.png", b"GIF89a\x01\0\x01\0\0\0\0".to_vec()),
        ("avif.png", b"\0\0\0\x20ftypavif\0\0\0\0".to_vec()),
    ]
}

fn animated_webp() -> Vec<u8> {
    let still = picture("a.webp");
    let chunk = |id: &[u8; 4], body: &[u8]| {
        let mut chunk = [id.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat();
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    let (right, lower) = (23u8, 17u8);
    // Place, sides less one, duration, flags; then the still picture's own chunk.
    let frame = [&[0; 6], &[right, 0, 0, lower, 0, 0][..], &[100, 0, 0, 0], &still[12..]].concat();
    let body = [
        chunk(b"VP8X", &[0x02, 0, 0, 0, right, 0, 0, lower, 0, 0]),
        chunk(b"ANIM", &[0; 6]),
        chunk(b"ANMF", &frame),
        chunk(b"ANMF", &frame),
    ]
    .concat();
    [b"RIFF".as_slice(), &(body.len() as u32 + 4).to_le_bytes(), b"WEBP", &body].concat()
}

fn pages() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut file).unwrap();
    for value in [1, 2] {
        encoder.write_image::<tiff::encoder::colortype::Gray8>(4, 4, &[value; 16]).unwrap();
    }
    file.into_inner()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

#[test]
fn formats_that_are_not_written_are_refused_before_the_work() {
    let env = TestEnv::with(&["a.png"]);
    for name in ["b.avif", "b.gif", "b.HEIC", "b.jxl"] {
        env.assert_error(&format!("restore --baseline --task sr2 a.png {name}"), &[name, "not written"]);
    }
    env.assert_error("degrade --task sr2 --format avif a.png b.png", &["avif", "png, jpeg, webp"]);
    // A name that says nothing gets the input's format, and --format has the last word.
    env.assert_output("degrade --task sr2 a.png b.tmp", b"");
    env.assert_output("degrade --task sr2 --format bmp a.png b.gif", b"");
    assert_eq!((look(&env.read("b.tmp")).2, look(&env.read("b.gif")).2), (Format::Png, Format::Bmp));
    assert_eq!(env.files(""), ["a.png", "b.gif", "b.tmp"]);
}

#[test]
fn opacity_is_not_lost_on_the_way_to_jpeg() {
    let env = TestEnv::new();
    let opaque = Picture::new(8, 8, Layout::GreyAlpha, Samples::Sixteen(vec![300; 128])).unwrap();
    env.write("in/a.png", &picture::encode(&opaque, Format::Png).unwrap());
    env.write("in/b.png", &grey(8, 8));
    env.assert_failure(
        "degrade --task denoise5 --format jpeg in out",
        &["in/a.png: a jpeg file cannot hold opacity"],
    );
    assert_eq!(env.files("out"), ["b.jpg"]);
}

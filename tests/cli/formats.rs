//! Every format with every kind of picture, through degrade, restore and score; what survives is
//! written down in docs/formats.md.
//!
//! `IPT_BLESS=1 cargo test --release --test cli formats` writes the tables anew.

use std::path::Path;

use ipt::atomic::{self, Existing};
use ipt::picture::{self, Decoded, EncodeOptions, Format, Layout, Metadata, Picture, Samples};

use crate::files::refused;
use crate::harness::TestEnv;
use crate::restore::with_model;

const LAYOUTS: [(Layout, &str); 4] = [
    (Layout::Grey, "grey"),
    (Layout::GreyAlpha, "grey with opacity"),
    (Layout::Rgb, "RGB"),
    (Layout::Rgba, "RGB with opacity"),
];
/// The beginning of EXIF's field PixelXDimension.
const WIDTH: &[u8] = b"\x02\xa0\x04\0\x01\0\0\0";
const SIDES: (usize, usize) = (52, 36);

/// Depth and channels in words.
fn kind(picture: &Picture) -> String {
    let depth = if matches!(picture.samples(), Samples::Eight(_)) { 8 } else { 16 };
    let (_, layout) = LAYOUTS.into_iter().find(|(layout, _)| *layout == picture.layout()).unwrap();
    format!("{depth}-bit {layout}")
}

/// A smooth picture, so that shrinking and enlarging it comes near to it, even untrained.
fn smooth(layout: Layout, sixteen: bool) -> Picture {
    let (width, height) = SIDES;
    let channels = layout.channels();
    let value = |i: usize| {
        let (x, y, c) = (i / channels % width, i / channels / width, i % channels);
        (8000 + 700 * x + 300 * y + 3000 * c) as u16
    };
    let values = (0..width * height * channels).map(value);
    let samples = if sixteen {
        Samples::Sixteen(values.collect())
    } else {
        Samples::Eight(values.map(|value| (value >> 8) as u8).collect())
    };
    Picture::new(width, height, layout, samples).unwrap()
}

/// A profile for these colours, EXIF with a camera and the width, XMP with the width.
fn metadata(layout: Layout) -> Metadata {
    let mut icc = vec![0; 300];
    icc[..4].copy_from_slice(&300u32.to_be_bytes());
    icc[12..20].copy_from_slice(if layout.colours() == 1 { b"mntrGRAY" } else { b"mntrRGB " });
    icc[36..40].copy_from_slice(b"acsp");
    let mut exif = b"II*\0\x08\0\0\0\x02\0".to_vec();
    exif.extend(b"\x0f\x01\x02\0\x04\0\0\0Cam\0\x69\x87\x04\0\x01\0\0\0\x26\0\0\0\0\0\0\0\x01\0");
    exif.extend([WIDTH, &(SIDES.0 as u32).to_le_bytes(), &[0; 4]].concat());
    let xmp = format!(r#"<d tiff:ImageWidth="{}"/>"#, SIDES.0).into_bytes();
    Metadata { icc: Some(icc), exif: Some(exif), xmp: Some(xmp), record: None }
}

/// Sends all kinds through files of `format`; none comes back of those that it refuses.
fn through(env: &TestEnv, format: Format, names: &[String]) -> Vec<Option<Decoded>> {
    let degraded = env.run(&format!("degrade --task sr2 --format {format} -q original {format}/small"), b"");
    // At half the size, both sides that the metadata have must follow.
    let restored = env
        .run(&format!("restore --model model.safetensors --task sr2 -q {format}/small {format}/large"), b"");
    assert_eq!(restored.code, Some(0), "{restored}");
    let json = env.run(&format!("score --json {format}/large original"), b"").stdout;
    let report: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let images = report["images"].as_array().unwrap();
    names
        .iter()
        .map(|name| {
            let file = format!("{format}/large/{name}.{}", format.extension());
            if !env.path(&file).exists() {
                let line = format!("original/{name}.png: a {format} file cannot hold");
                assert!(degraded.stderr.contains(&line), "{degraded}");
                return None;
            }
            let score = images.iter().find(|image| image["name"] == name.as_str()).unwrap();
            let psnr = score["psnr_rgb"].as_f64().unwrap_or(f64::INFINITY);
            assert!(psnr > 30.0, "{file}: {psnr} dB");
            let restored = picture::decode(&env.read(&file)).unwrap();
            assert_eq!((restored.picture.width(), restored.picture.height()), SIDES, "{file}");
            assert_eq!(restored.format, format);
            Some(restored)
        })
        .collect()
}

/// The word for what became of a part of the metadata; all that kept it must have it right.
fn fate<T: PartialEq>(
    restored: &[Option<Decoded>],
    given: &[Metadata],
    part: impl Fn(&Metadata) -> Option<T>,
) -> &'static str {
    let pairs = restored.iter().zip(given).filter_map(|(found, given)| Some((found.as_ref()?, given)));
    let pairs = pairs.filter(|(_, given)| part(given).is_some());
    let found: Vec<Option<bool>> =
        pairs.map(|(found, given)| Some(part(&found.metadata)? == part(given)?)).collect();
    match found {
        found if found.iter().all(|one| *one == Some(true)) => "kept",
        found if found.iter().all(Option::is_none) => "lost",
        found => panic!("{found:?}"),
    }
}

/// The camera and the width in an EXIF block, wherever they stand.
fn camera_and_width(exif: &[u8]) -> [bool; 2] {
    let has = |bytes: &[u8]| exif.windows(bytes.len()).any(|window| window == bytes);
    [has(b"Cam\0"), has(&[WIDTH, &(SIDES.0 as u32).to_le_bytes()].concat())]
}

type Fate<'a> = &'a dyn Fn(&[Option<Decoded>]) -> &'static str;

fn table(env: &TestEnv) -> String {
    let kinds: Vec<(Layout, bool)> =
        [false, true].into_iter().flat_map(|deep| LAYOUTS.map(|(layout, _)| (layout, deep))).collect();
    let pictures: Vec<Picture> = kinds.iter().map(|&(layout, deep)| smooth(layout, deep)).collect();
    let names: Vec<String> = pictures.iter().map(|picture| kind(picture).replace(' ', "-")).collect();
    let given: Vec<Metadata> = kinds.iter().map(|&(layout, _)| metadata(layout)).collect();
    for ((picture, name), given) in pictures.iter().zip(&names).zip(&given) {
        let options = EncodeOptions::default();
        let file = picture::encode_with(picture, Format::Png, given, &options).unwrap();
        env.write(&format!("original/{name}.png"), &file);
    }
    let formats = Format::ALL.map(|format| (format, through(env, format, &names)));
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for (at, picture) in pictures.iter().enumerate() {
        let cells = formats.iter().map(|(format, restored)| {
            let Some(Decoded { picture: restored, .. }) = &restored[at] else {
                return "refused".into();
            };
            assert_eq!(restored.layout().has_alpha(), picture.layout().has_alpha(), "{format}");
            if let Samples::Sixteen(samples) = restored.samples() {
                // Not 8 bits made wider.
                assert!(samples.iter().any(|sample| sample % 257 != 0), "{format}");
            }
            if kind(restored) == kind(picture) { "the same".into() } else { kind(restored) }
        });
        rows.push((kind(picture), cells.collect()));
    }
    let icc = |space: &'static [u8]| {
        move |metadata: &Metadata| metadata.icc.clone().filter(|profile| &profile[16..20] == space)
    };
    let (colour, grey) = (icc(b"RGB "), icc(b"GRAY"));
    let exif = |metadata: &Metadata| metadata.exif.as_deref().map(camera_and_width);
    let xmp = |metadata: &Metadata| metadata.xmp.clone();
    let fates: [(&str, Fate); 4] = [
        ("ICC profile for colour", &|found| fate(found, &given, colour)),
        ("ICC profile for grey", &|found| fate(found, &given, grey)),
        ("EXIF, with sides corrected", &|found| fate(found, &given, exif)),
        ("XMP, with sides corrected", &|found| fate(found, &given, xmp)),
    ];
    for (name, fate) in fates {
        rows.push((name.into(), formats.iter().map(|(_, restored)| fate(restored).into()).collect()));
    }

    let names: Vec<String> = Format::ALL.iter().map(Format::to_string).collect();
    let mut table = format!("| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (name, cells) in rows {
        table += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    table
}

/// What is said of files that are not read.
fn refusals(env: &TestEnv) -> String {
    let mut table = String::from("| file | what `ipt` says |\n|---|---|\n");
    let mut files = refused();
    let sound =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pictures/parrot.png")).unwrap();
    files.push(("cut-off.png", sound[..sound.len() / 2].to_vec()));
    files.push(("heic.png", b"\0\0\0\x18ftypheic\0\0\0\0".to_vec()));
    files.push(("empty.png", Vec::new()));
    files.push(("words.png", b"These are words and no picture.".to_vec()));
    for (name, bytes) in files {
        env.write(name, &bytes);
        let run = env.run(&format!("restore --baseline --task sr2 {name}"), b"");
        assert_eq!((run.code, run.stdout.len()), (Some(1), 0), "{run}");
        let line = run.stderr.trim_end().strip_prefix("ipt: ").unwrap();
        assert!(line.starts_with(name) && !line.contains('\n'), "{run}");
        table += &format!("| {name} | {line} |\n");
    }
    table
}

#[test]
fn the_tables_are_true() {
    let env = with_model(&["sr2"]);
    let begin = "<!-- made by tests/cli/formats.rs -->\n";
    let end = "<!-- end -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut parts: Vec<String> = text.split(begin).map(str::to_owned).collect();
    assert_eq!(parts.len(), 3, "two tables");
    for (part, table) in parts[1..].iter_mut().zip([table(&env), refusals(&env)]) {
        let (_, rest) = part.split_once(end).unwrap();
        *part = format!("{table}{end}{rest}");
    }
    let made = parts.join(begin);
    if std::env::var_os("IPT_BLESS").is_some_and(|value| value == "1") {
        atomic::write(&path, made.as_bytes(), Existing::Replace).unwrap();
    } else {
        assert!(text == made, "docs/formats.md is not true: run again with IPT_BLESS=1\n{made}");
    }
}

//! Files that are sound, damaged, cut off or hostile.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ipt::picture::{Format, Layout, Picture, Samples, decode, encode};

const LAYOUTS: [Layout; 4] = [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba];

/// A picture with no two neighbouring samples alike, so that a swap of bytes or channels shows.
fn sample_picture(layout: Layout, sixteen: bool) -> Picture {
    let (width, height) = (23, 17);
    let values = (0..width * height * layout.channels()).map(|i| (i * 7919 % 65536) as u16);
    let samples = if sixteen {
        Samples::Sixteen(values.collect())
    } else {
        Samples::Eight(values.map(|value| (value >> 8) as u8).collect())
    };
    Picture::new(width, height, layout, samples).unwrap()
}

#[test]
fn lossless_formats_give_back_what_they_hold() {
    for format in [Format::Png, Format::WebP, Format::Tiff, Format::Bmp, Format::Pnm] {
        for layout in LAYOUTS {
            for sixteen in [false, true] {
                let picture = sample_picture(layout, sixteen);
                let decoded = decode(&encode(&picture, format).unwrap()).unwrap();
                assert_eq!(decoded.format, format);
                let deep = !matches!(format, Format::WebP | Format::Bmp);
                let expected = if deep { picture } else { picture.to_eight() };
                if decoded.picture.layout() == layout {
                    assert_eq!(decoded.picture, expected, "{format} {layout:?} 16 bit: {sixteen}");
                } else {
                    // These have no grey of their own.
                    assert!(
                        format == Format::WebP || (layout, format) == (Layout::GreyAlpha, Format::Bmp),
                        "{format} {layout:?}"
                    );
                    assert_eq!(decoded.picture.layout().has_alpha(), layout.has_alpha());
                    assert_eq!(decoded.picture.to_rgb8(), expected.to_rgb8(), "{format} {layout:?}");
                }
            }
        }
    }
}

#[test]
fn jpeg_keeps_colour_at_full_resolution_and_refuses_alpha() {
    // One-pixel stripes of red and blue become purple where colour has half the resolution.
    let stripes: Vec<u8> =
        (0..64 * 64).flat_map(|i| if i % 2 == 0 { [200, 40, 40] } else { [40, 40, 200] }).collect();
    let picture = Picture::new(64, 64, Layout::Rgb, Samples::Eight(stripes.clone())).unwrap();
    let decoded = decode(&encode(&picture, Format::Jpeg).unwrap()).unwrap().picture;
    let worst = decoded.as_rgb8().unwrap().iter().zip(&stripes).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst < Some(30), "{worst:?}");

    let error = encode(&sample_picture(Layout::Rgba, false), Format::Jpeg).unwrap_err().to_string();
    assert!(error.contains("alpha"), "{error}");
    let grey = decode(&encode(&sample_picture(Layout::Grey, true), Format::Jpeg).unwrap()).unwrap().picture;
    assert_eq!(grey.layout(), Layout::Grey);
}

#[test]
fn sides_that_a_format_cannot_hold_are_refused() {
    let long = |side| Picture::new(side, 1, Layout::Grey, Samples::Eight(vec![0; side])).unwrap();
    assert!(encode(&long(65536), Format::Jpeg).unwrap_err().to_string().contains("65535"));
    assert!(encode(&long(16384), Format::WebP).unwrap_err().to_string().contains("16383"));
    for (side, format) in [(65535, Format::Jpeg), (16383, Format::WebP), (65536, Format::Png)] {
        assert_eq!(decode(&encode(&long(side), format).unwrap()).unwrap().picture.width(), side);
    }
}

#[test]
fn cut_off_files_are_errors() {
    for format in [Format::Png, Format::Jpeg, Format::WebP, Format::Tiff, Format::Bmp, Format::Pnm] {
        let whole = encode(&sample_picture(Layout::Rgb, false), format).unwrap();
        for length in 0..whole.len() {
            let decoded = decode(&whole[..length]);
            // A file whose last bytes do not matter may do without them, if the picture is the same.
            if let Ok(decoded) = decoded {
                assert_eq!(decoded.picture, decode(&whole).unwrap().picture, "{format} at {length}");
                assert!(format != Format::Jpeg && length + 16 >= whole.len(), "{format} at {length}");
            }
        }
    }
}

/// The most memory that this process ever had, in MiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, files) } else { files.push(path) }
    }
}

#[test]
fn hostile_files_neither_panic_nor_take_unbounded_time_and_memory() {
    let Some(archive) = support::shared("data/bad/bad-images.tar.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(folder.path()).status();
    assert!(unpacked.unwrap().success());
    let mut files = Vec::new();
    files_below(folder.path(), &mut files);
    files.sort();
    assert_eq!(files.len(), 3567);
    let (mut read, mut slowest) = (0, (Duration::ZERO, PathBuf::new()));
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let start = Instant::now();
        if let Err(error) = decode(&bytes) {
            assert!(!error.to_string().trim().is_empty(), "{} has no reason", file.display());
        } else {
            read += 1;
        }
        slowest = slowest.max((start.elapsed(), file.clone()));
    }
    println!("{read} of {} read; slowest {slowest:?}; peak {:?} MiB", files.len(), peak_memory());
    assert!(read > 500, "only {read} read");
    assert!(slowest.0 < Duration::from_secs(20), "{slowest:?}");
}

#[test]
fn sound_photographs_are_read() {
    let Some(folder) = support::shared("data/train") else { return };
    let photographs = ["core", "more"].map(|part| support::pictures(&folder.join(part))).concat();
    assert!(photographs.len() > 700, "{}", photographs.len());
    for path in photographs {
        support::read(&path);
    }
}

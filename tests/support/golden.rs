//! Pictures compared with golden ones.

use std::path::Path;

use ipt::picture::{Format, Layout, Picture, Samples, encode};

/// Compares a picture with the golden one at `path`, allowing each sample `tolerance` steps of its
/// depth; `name` is for people. With `IPT_BLESS=1` writes the golden picture instead.
///
/// # Errors
/// The difference in words, naming a picture of expected | difference | actual to look at.
pub fn check(name: &str, actual: &Picture, path: &Path, tolerance: u16) -> Result<(), String> {
    if std::env::var_os("IPT_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, encode(actual, Format::Png).unwrap()).unwrap();
        return Ok(());
    }
    if !path.exists() {
        return Err(format!("{name}: no {}; IPT_BLESS=1 makes it", path.display()));
    }
    let expected = super::read(path);
    let shape = |picture: &Picture| (picture.width(), picture.height(), picture.layout());
    if shape(&expected) != shape(actual) {
        return Err(format!("{name}: {:?} instead of {:?}", shape(actual), shape(&expected)));
    }
    let (wanted, found) = (values(&expected), values(actual));
    if std::mem::discriminant(expected.samples()) != std::mem::discriminant(actual.samples()) {
        return Err(format!("{name}: another depth"));
    }
    let off = |(a, b): (&u16, &u16)| a.abs_diff(*b);
    let worst = wanted.iter().zip(&found).map(off).max().unwrap_or(0);
    if worst <= tolerance {
        return Ok(());
    }
    let differing = wanted.iter().zip(&found).filter(|pair| off(*pair) > tolerance).count();
    let folder = std::env::temp_dir().join("ipt-golden");
    std::fs::create_dir_all(&folder).unwrap();
    let shown = folder.join(format!("{}.png", name.replace('/', "-")));
    std::fs::write(&shown, encode(&beside(&expected, actual), Format::Png).unwrap()).unwrap();
    Err(format!(
        "{name}: {differing} of {} samples differ, at worst by {worst}: see {}",
        wanted.len(),
        shown.display()
    ))
}

fn values(picture: &Picture) -> Vec<u16> {
    match picture.samples() {
        Samples::Eight(samples) => samples.iter().map(|&sample| u16::from(sample)).collect(),
        Samples::Sixteen(samples) => samples.clone(),
    }
}

/// Expected, ten times the difference around middle grey, and actual, side by side.
fn beside(expected: &Picture, actual: &Picture) -> Picture {
    let (expected, actual) = (expected.to_rgb8(), actual.to_rgb8());
    let (left, right) = (expected.as_rgb8().unwrap(), actual.as_rgb8().unwrap());
    let difference: Vec<u8> = left
        .iter()
        .zip(right)
        .map(|(&left, &right)| (128 + 10 * (i32::from(right) - i32::from(left))).clamp(0, 255) as u8)
        .collect();
    let stride = 3 * expected.width();
    let rows = left.chunks(stride).zip(difference.chunks(stride)).zip(right.chunks(stride));
    let samples = rows.flat_map(|((left, middle), right)| [left, middle, right].concat()).collect();
    Picture::new(3 * expected.width(), expected.height(), Layout::Rgb, Samples::Eight(samples)).unwrap()
}

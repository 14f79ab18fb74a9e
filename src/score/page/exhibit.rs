//! A picture as the page shows it: results and reference as data, the worst tiles found.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::error::Result;
use crate::picture::{self, Effort, EncodeOptions, Format, Metadata, Picture};
use crate::score::compare::counted;
use crate::score::protocol::Protocol;
use crate::score::rows::{Area, Counted, Rows};

/// The side of a tile in pixels; those at the right and lower edge may be smaller.
const TILE: usize = 64;

/// Tiles that are marked in each result.
const WORST: usize = 3;

/// Pixels around a tile in a view of its own.
const MARGIN: usize = 32;

/// The results of one picture beside their reference.
#[derive(Debug, Serialize)]
pub struct Exhibit {
    name: String,
    /// First all that is compared, shrunk if it would take too many bytes; then, if it was, what lies
    /// over it: the marked tiles and their surroundings as they are.
    views: Vec<View>,
    /// For each result, the tiles with the largest error, the worst first.
    marks: Vec<Vec<Mark>>,
}

#[derive(Debug, Serialize)]
struct View {
    /// Its place, in pixels of the part that is compared.
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// How many times fewer pixels a side the images have.
    shrunk: usize,
    /// PNG files as `data:` addresses: the results, then the reference.
    images: Vec<String>,
}

/// A tile that stands out; its place is in pixels of the part that is compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Mark {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    /// PSNR of the tile in dB.
    psnr: f64,
}

impl Exhibit {
    /// Shows the part that the protocol compares in at most about `budget` bytes.
    ///
    /// # Errors
    /// Those of a comparison.
    pub fn new(
        name: String,
        results: &[Picture],
        reference: &Picture,
        protocol: &Protocol,
        budget: usize,
    ) -> Result<Self> {
        let mut marks = Vec::new();
        let mut area = Area { left: 0, top: 0, width: 0, height: 0 };
        for result in results {
            let counted = counted(result, reference, protocol)?;
            area = counted.area;
            marks.push(worst_tiles(&counted, protocol));
        }
        let crop = |picture: &Picture| -> Result<Picture> {
            Ok(picture.crop(area.left, area.top, area.width, area.height)?.to_rgb8())
        };
        let pictures: Vec<Picture> = results.iter().chain([reference]).map(crop).collect::<Result<_>>()?;
        let mut views = vec![whole(&pictures, budget)?];
        if views[0].shrunk > 1 {
            let mut tiles: Vec<&Mark> = marks.iter().flatten().collect();
            tiles.sort_by_key(|mark| (mark.x, mark.y));
            tiles.dedup_by_key(|mark| (mark.x, mark.y));
            for mark in tiles {
                views.push(surroundings(&pictures, mark)?);
            }
        }
        Ok(Self { name, views, marks })
    }
}

/// The pictures, as little shrunk as the budget lets them be.
fn whole(pictures: &[Picture], budget: usize) -> Result<View> {
    // A photograph's PNG takes half to two thirds of its samples, its address a third more: what
    // takes twice the budget before that need not be tried.
    let samples: usize = pictures.iter().map(|picture| picture.samples().len()).sum();
    let mut shrunk = ((samples as f64 / (2 * budget) as f64).sqrt().ceil() as usize).max(1);
    loop {
        let scale = 1.0 / shrunk as f64;
        let small: Vec<Picture> = match shrunk {
            1 => pictures.to_vec(),
            _ => pictures.iter().map(|picture| picture::resize(picture, scale)).collect(),
        };
        let (width, height) = (pictures[0].width(), pictures[0].height());
        let view = View { left: 0, top: 0, width, height, shrunk, images: addresses(&small)? };
        let smallest = small[0].width().min(small[0].height()) <= TILE;
        if smallest || view.images.iter().map(String::len).sum::<usize>() <= budget {
            return Ok(view);
        }
        shrunk += 1;
    }
}

/// A tile with a margin, as it is.
fn surroundings(pictures: &[Picture], tile: &Mark) -> Result<View> {
    let (left, top) = (tile.x.saturating_sub(MARGIN), tile.y.saturating_sub(MARGIN));
    let width = (tile.x + tile.width + MARGIN).min(pictures[0].width()) - left;
    let height = (tile.y + tile.height + MARGIN).min(pictures[0].height()) - top;
    let parts: Vec<Picture> =
        pictures.iter().map(|picture| picture.crop(left, top, width, height)).collect::<Result<_>>()?;
    Ok(View { left, top, width, height, shrunk: 1, images: addresses(&parts)? })
}

fn addresses(pictures: &[Picture]) -> Result<Vec<String>> {
    pictures.iter().map(address).collect()
}

/// A lossless file, so that what is seen are the result's faults and no others.
fn address(picture: &Picture) -> Result<String> {
    let options = EncodeOptions { png_effort: Effort::Usual, ..EncodeOptions::default() };
    let file = picture::encode_with(picture, Format::Png, &Metadata::default(), &options)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(file)))
}

/// The tiles with the largest squared error on what the protocol decides by; no perfect ones.
fn worst_tiles(counted: &Counted, protocol: &Protocol) -> Vec<Mark> {
    let Area { width, height, .. } = counted.area;
    let channels = counted.channels(protocol.decides);
    let mut tiles = Vec::new();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for y in (0..height).step_by(TILE) {
        let rows = y..height.min(y + TILE);
        let mut errors = vec![0.0; width.div_ceil(TILE)];
        for [restored, reference] in &channels {
            restored.read(rows.clone(), &mut a);
            reference.read(rows.clone(), &mut b);
            for (a, b) in a.chunks(width).zip(b.chunks(width)) {
                for (error, (a, b)) in errors.iter_mut().zip(a.chunks(TILE).zip(b.chunks(TILE))) {
                    *error += a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                }
            }
        }
        for (at, error) in errors.into_iter().enumerate() {
            let x = at * TILE;
            let (width, height) = (TILE.min(width - x), rows.len());
            let count = (width * height * channels.len()) as f64;
            let psnr = 10.0 * (255.0 * 255.0 * count / error).log10();
            tiles.push(Mark { x, y, width, height, psnr });
        }
    }
    tiles.retain(|tile| tile.psnr.is_finite());
    tiles.sort_by(|a, b| a.psnr.total_cmp(&b.psnr));
    tiles.truncate(WORST);
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Samples};

    /// Grey, with some pixels spoilt in the tile at 64, 128.
    fn pictures(side: usize) -> (Picture, Picture) {
        let picture = |spoilt: bool| {
            let sample = |i: usize| {
                let (x, y) = (i % side, i / side);
                let bad = spoilt && (70..90).contains(&x) && (130..150).contains(&y);
                if bad { 200 } else { (x * 7 + y * 13 + x * y / 9) as u8 % 128 }
            };
            let samples = Samples::Eight((0..side * side).map(sample).collect());
            Picture::new(side, side, Layout::Grey, samples).unwrap()
        };
        (picture(true), picture(false))
    }

    fn exhibit(budget: usize) -> Exhibit {
        let (restored, reference) = pictures(200);
        Exhibit::new("x".into(), &[restored], &reference, &Protocol::whole(), budget).unwrap()
    }

    #[test]
    fn the_worst_tile_is_found() {
        let exhibit = exhibit(1 << 20);
        assert_eq!(exhibit.marks[0].len(), 1, "no other tile differs");
        let mark = &exhibit.marks[0][0];
        assert_eq!((mark.x, mark.y, mark.width, mark.height), (64, 128, 64, 64));
        assert!((8.0..25.0).contains(&mark.psnr), "{mark:?}");
        assert_eq!((exhibit.views.len(), exhibit.views[0].shrunk), (1, 1));
    }

    #[test]
    fn large_pictures_are_shrunk_and_their_worst_tiles_are_not() {
        let exhibit = exhibit(20_000);
        let [whole, tile] = &exhibit.views[..] else { panic!("{exhibit:?}") };
        assert!(whole.shrunk > 1 && whole.width == 200, "{}", whole.shrunk);
        assert!(whole.images.iter().map(String::len).sum::<usize>() <= 20_000);
        let View { left, top, width, height, shrunk, .. } = *tile;
        assert_eq!((left, top, width, height, shrunk), (32, 96, 128, 104, 1));
        let file = STANDARD.decode(tile.images[0].trim_start_matches("data:image/png;base64,")).unwrap();
        let shown = picture::decode(&file).unwrap().picture;
        let (restored, _) = pictures(200);
        assert_eq!(shown, restored.crop(32, 96, 128, 104).unwrap().to_rgb8());
    }
}

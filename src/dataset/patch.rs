//! Square cuts of a photograph, in any of the eight orientations.

use rand::{Rng, RngExt};

use crate::error::{Error, Result};
use crate::picture::{Layout, Picture, Samples};

/// A place in a picture and an orientation, drawn at random.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    x: usize,
    y: usize,
    side: usize,
    orientation: u8,
}

impl Cut {
    /// A square of `side` pixels anywhere in a picture that is at least as large.
    pub fn random(picture: &Picture, side: usize, random: &mut impl Rng) -> Self {
        Self {
            x: random.random_range(0..=picture.width() - side),
            y: random.random_range(0..=picture.height() - side),
            side,
            orientation: random.random_range(0..8),
        }
    }

    /// The square of an 8-bit RGB picture that is `scale` times as large as the one drawn from.
    pub fn of(self, picture: &Picture, scale: usize) -> Result<Picture> {
        cut(picture, self.x * scale, self.y * scale, self.side * scale, self.orientation)
    }
}

/// The square at (x, y); bits 0, 1 and 2 of `orientation` mirror left-right, top-bottom, and about
/// the diagonal.
fn cut(picture: &Picture, x: usize, y: usize, side: usize, orientation: u8) -> Result<Picture> {
    let samples = picture.as_rgb8();
    let samples = samples.ok_or_else(|| Error::Picture("patches are cut from 8-bit RGB".into()))?;
    let mut patch = Vec::with_capacity(3 * side * side);
    for row in 0..side {
        for column in 0..side {
            let (mut dx, mut dy) = if orientation & 4 == 0 { (column, row) } else { (row, column) };
            if orientation & 1 != 0 {
                dx = side - 1 - dx;
            }
            if orientation & 2 != 0 {
                dy = side - 1 - dy;
            }
            let at = 3 * ((y + dy) * picture.width() + x + dx);
            patch.extend_from_slice(&samples[at..at + 3]);
        }
    }
    Picture::new(side, side, Layout::Rgb, Samples::Eight(patch))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn eight_orientations_of_one_square() {
        let samples: Vec<u8> = (0..3 * 5 * 4).collect();
        let picture = Picture::new(5, 4, Layout::Rgb, Samples::Eight(samples)).unwrap();
        let of = |orientation| cut(&picture, 1, 1, 3, orientation).unwrap().as_rgb8().unwrap().to_vec();
        assert_eq!(of(0)[..9], [18, 19, 20, 21, 22, 23, 24, 25, 26]);
        assert_eq!(of(1)[..3], [24, 25, 26], "mirrored left-right");
        assert_eq!(of(2)[..3], [48, 49, 50], "mirrored top-bottom");
        assert_eq!(of(4)[3..6], [33, 34, 35], "transposed");
        assert_eq!((0..8).map(of).collect::<HashSet<_>>().len(), 8);
        let sorted = |mut samples: Vec<u8>| {
            samples.sort_unstable();
            samples
        };
        assert!((0..8).all(|orientation| sorted(of(orientation)) == sorted(of(0))));
    }
}

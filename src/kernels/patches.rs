//! Square patches of channels-last pictures as vectors, and back.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::output::{Target, filled};

/// How pictures [batch, rows * side, columns * side, channels] are cut into patches
/// [batch, rows * columns, channels * side * side], ordered channel, row, column.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Pictures.
    pub batch: usize,
    /// Patches of a column.
    pub rows: usize,
    /// Patches of a row.
    pub columns: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// Side of a patch in pixels.
    pub side: usize,
}

impl Grid {
    /// Elements of a row of patches, which is a band of `side` rows of the picture.
    fn band(&self) -> usize {
        self.columns * self.patch()
    }

    fn patch(&self) -> usize {
        self.channels * self.side * self.side
    }

    /// Calls `copy(index in the band of pixels, index in the band of patches)` for each element.
    #[inline(always)]
    fn each(&self, mut copy: impl FnMut(usize, usize)) {
        let Self { columns, channels, side, .. } = *self;
        for column in 0..columns {
            for place in 0..side * side {
                let pixel = (place / side * columns + column) * side + place % side;
                for channel in 0..channels {
                    copy(pixel * channels + channel, column * self.patch() + channel * side * side + place);
                }
            }
        }
    }

    /// Cuts pictures into patches.
    ///
    /// # Panics
    /// If the pictures are not of this size.
    pub fn cut(&self, pictures: &[f32]) -> Vec<f32> {
        self.bands(pictures, |from, to| {
            self.each(|pixel, patch| {
                to[patch].write(from[pixel]);
            })
        })
    }

    /// Joins patches into pictures.
    ///
    /// # Panics
    /// If the patches are not of this size.
    pub fn join(&self, patches: &[f32]) -> Vec<f32> {
        self.bands(patches, |from, to| {
            self.each(|pixel, patch| {
                to[pixel].write(from[patch]);
            })
        })
    }

    fn bands(&self, from: &[f32], copy: impl Fn(&[f32], &mut [MaybeUninit<f32>]) + Sync) -> Vec<f32> {
        assert_eq!(from.len(), self.batch * self.rows * self.band());
        let band = self.band().max(1);
        let fill = |out: Target| {
            from.par_chunks_exact(band).enumerate().for_each(|(index, from)| {
                // SAFETY: the bands do not overlap, and the output is as long as they are together.
                copy(from, unsafe { out.at(index * band).uninit(band) });
            });
        };
        // SAFETY: within a band, pixels and patches are the same elements in another order, so all are written.
        unsafe { filled(from.len(), fill) }
    }
}

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
        self.channels * self.plane()
    }

    /// Calls `copy(start in the band of pixels, start in the band of patches)` for each pixel: there its channels
    /// are neighbours, here they are a plane of the patch apart.
    #[inline(always)]
    fn each_pixel(&self, mut copy: impl FnMut(usize, usize)) {
        let Self { columns, channels, side, .. } = *self;
        for column in 0..columns {
            for place in 0..side * side {
                let pixel = (place / side * columns + column) * side + place % side;
                copy(pixel * channels, column * self.patch() + place);
            }
        }
    }

    fn plane(&self) -> usize {
        self.side * self.side
    }

    /// Cuts pictures into patches.
    ///
    /// # Panics
    /// If the pictures are not of this size.
    pub fn cut(&self, pictures: &[f32]) -> Vec<f32> {
        self.bands(pictures, |from, to| {
            self.each_pixel(|pixel, patch| {
                let to = to[patch..].iter_mut().step_by(self.plane());
                to.zip(&from[pixel..][..self.channels]).for_each(|(to, from)| {
                    to.write(*from);
                });
            })
        })
    }

    /// Joins patches into pictures.
    ///
    /// # Panics
    /// If the patches are not of this size.
    pub fn join(&self, patches: &[f32]) -> Vec<f32> {
        self.bands(patches, |from, to| {
            self.each_pixel(|pixel, patch| {
                let from = from[patch..].iter().step_by(self.plane());
                to[pixel..][..self.channels].iter_mut().zip(from).for_each(|(to, from)| {
                    to.write(*from);
                });
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

//! Square patches of channels-last pictures as vectors, and back.

use rayon::prelude::*;

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
        self.bands(pictures, |from, to| self.each(|pixel, patch| to[patch] = from[pixel]))
    }

    /// Joins patches into pictures.
    ///
    /// # Panics
    /// If the patches are not of this size.
    pub fn join(&self, patches: &[f32]) -> Vec<f32> {
        self.bands(patches, |from, to| self.each(|pixel, patch| to[pixel] = from[patch]))
    }

    fn bands(&self, from: &[f32], copy: impl Fn(&[f32], &mut [f32]) + Sync) -> Vec<f32> {
        assert_eq!(from.len(), self.batch * self.rows * self.band());
        let mut to = vec![0.0; from.len()];
        let band = self.band().max(1);
        to.par_chunks_exact_mut(band).zip(from.par_chunks_exact(band)).for_each(|(to, from)| copy(from, to));
        to
    }
}

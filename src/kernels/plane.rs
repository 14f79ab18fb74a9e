//! A picture as convolutions read it: channels-last, in the format of the factors, with a border of zeros.

use super::element::Element;
use super::pack::ODD_LINE;
use super::scratch::{Aligned, Scratch};
use super::tile::PANEL;
use super::transpose::{elements_transposed, panel_of_elements};

/// The sizes of a plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Rows without the border.
    pub rows: usize,
    /// Pixels of a row without the border.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// Pixels of the border.
    pub border: usize,
}

impl Extent {
    /// Pixels of a row with its border.
    pub fn pitch(&self) -> usize {
        self.width + 2 * self.border
    }

    /// Rows with the border.
    pub fn lines(&self) -> usize {
        self.rows + 2 * self.border
    }

    /// Values of a row with its border.
    pub fn line(&self) -> usize {
        self.pitch() * self.channels
    }

    /// Where pixel (`x`, `y`), counted without the border, begins.
    pub fn at(&self, y: usize, x: usize) -> usize {
        (y + self.border) * self.line() + (x + self.border) * self.channels
    }

    /// Pixels from the first of the picture to the last, with the borders between.
    fn run(&self) -> usize {
        (self.rows * self.pitch()).saturating_sub(2 * self.border)
    }
}

/// A picture with its border, and numbers beyond the end that kernels may read.
pub struct Plane<E> {
    extent: Extent,
    data: Aligned<E>,
}

impl<E: Element> Plane<E> {
    /// Zeros.
    pub fn zero(extent: Extent) -> Self {
        // Kernels read whole groups of rows (pixels here) and whole steps.
        let spare = E::kernels()[0].row_group * extent.channels + E::MULTIPLE;
        Self { extent, data: Aligned::zero(extent.lines() * extent.line() + spare) }
    }

    /// The rows that `row` gives, rounded; it is asked for those of the border too, as -border.. are, and answers
    /// `None` for zeros.
    pub fn of<'a>(extent: Extent, row: impl Fn(isize) -> Option<&'a [f32]>) -> Self {
        let mut plane = Self::zero(extent);
        for line in 0..extent.lines() {
            if let Some(row) = row(line as isize - extent.border as isize) {
                let start = line * extent.line() + extent.border * extent.channels;
                E::convert(row, &mut plane.data[start..][..row.len()]);
            }
        }
        plane
    }

    /// Puts a picture of `rows` × `width` pixels in its place.
    pub fn fill(&mut self, picture: &[f32]) {
        let extent = self.extent;
        let len = extent.width * extent.channels;
        for y in 0..extent.rows {
            E::convert(&picture[y * len..][..len], &mut self.data[extent.at(y, 0)..][..len]);
        }
    }

    /// The sizes.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// All values, with the border and what is beyond.
    pub fn data(&self) -> &[E] {
        &self.data
    }

    /// The same, to be written.
    pub fn data_mut(&mut self) -> &mut [E] {
        &mut self.data
    }

    /// Channel by channel, as factor A of a sum over the run of pixels from the picture's first to its last, the borders
    /// between rows too: row c is channel c.
    pub fn channels(&self) -> Channels<E> {
        let Extent { channels, .. } = self.extent;
        let pixels = self.extent.run();
        let length = E::padded(pixels);
        let row_stride =
            (length * size_of::<E>()).next_multiple_of(64) / size_of::<E>() + ODD_LINE / size_of::<E>();
        let mut data = Scratch::new(channels.next_multiple_of(E::kernels()[0].row_group) * row_stride);
        let from = &self.data[self.extent.at(0, 0)..];
        elements_transposed(channels, pixels, from, channels, &mut data, row_stride);
        Channels { data, row_stride, length }
    }

    /// As factor B of such a sum of `length` with any shift within the window.
    pub fn terms(&self, length: usize) -> Terms<E> {
        let Extent { channels, border, .. } = self.extent;
        let pixels = self.extent.lines() * self.extent.pitch();
        let depth = E::padded(2 * border * (self.extent.pitch() + 1) + length);
        let copy = |skipped: usize| {
            let mut data = Scratch::new(depth * channels.next_multiple_of(PANEL));
            for (index, to) in data.chunks_exact_mut(depth * PANEL).enumerate() {
                let column = index * PANEL;
                let from = &self.data[skipped * channels + column..];
                panel_of_elements(pixels - skipped, PANEL.min(channels - column), from, channels, to);
            }
            data
        };
        Terms { copies: (0..E::GROUP).map(copy).collect(), depth }
    }
}

/// The channels of a plane.
pub struct Channels<E> {
    /// Row c holds channel c; there are whole row groups.
    pub data: Scratch<E>,
    /// From a row to the next.
    pub row_stride: usize,
    /// Values of a row, padded with zeros.
    pub length: usize,
}

/// The pixels of a plane as panels of channels, from the border's first on.
pub struct Terms<E> {
    /// Neighbours along the sum lie together in words, so an odd shift needs words of its own.
    copies: Vec<Scratch<E>>,
    depth: usize,
}

impl<E: Element> Terms<E> {
    /// The panel of channels from `column` on, beginning at pixel `shift`.
    pub fn panel(&self, column: usize, shift: usize) -> &[E] {
        let skipped = shift % E::GROUP;
        &self.copies[skipped][column * self.depth..][..self.depth * PANEL][(shift - skipped) * PANEL..]
    }
}

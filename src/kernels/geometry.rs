//! The sizes of a convolution, and what every way to compute one needs.

use super::element::Element;
use super::pack::{self, Packed};
use super::plane::Extent;
use super::scratch::Scratch;
use super::tile::PANEL;

/// The sizes of a convolution with stride 1 and a zero border of `kernel / 2`.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Pictures.
    pub batch: usize,
    /// Rows of a picture.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of the window, odd.
    pub kernel: usize,
}

impl Geometry {
    /// The convolution that carries gradients back.
    pub fn turned(&self) -> Self {
        Self { inputs: self.outputs, outputs: self.inputs, ..*self }
    }

    /// Values of the weights.
    pub(super) fn weights(&self) -> usize {
        self.kernel * self.kernel * self.inputs * self.outputs
    }

    /// `rows` rows with a border and as many `channels`.
    pub(super) fn extent(&self, rows: usize, channels: usize) -> Extent {
        Extent { rows, width: self.width, channels, border: self.kernel / 2 }
    }

    /// Pixels of all pictures.
    pub(super) fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }
}

/// A block of results: `rows` pixels of row `y` from pixel `x` on, `columns` channels from `column` on.
pub(super) struct Block {
    pub y: usize,
    pub x: usize,
    pub column: usize,
    pub rows: usize,
    pub columns: usize,
}

/// The factors of `terms` products of `length` each; `rows(column, width, to)` writes the columns of a panel:
/// [terms, length, width].
pub(super) fn pack_windows<E: Element>(
    terms: usize,
    length: usize,
    outputs: usize,
    rows: impl Fn(usize, usize, &mut [f32]) + Sync,
) -> Packed<E> {
    let depth = E::padded(length);
    Packed::from_panels(terms * depth, outputs, |column, to| {
        let width = PANEL.min(outputs - column);
        let mut all = Scratch::new(terms * length * width);
        rows(column, width, &mut all);
        for (all, to) in all.chunks_exact(length * width).zip(to.chunks_exact_mut(depth * PANEL)) {
            pack::panel_from_rows(length, |k| Some(&all[k * width..][..width]), to);
        }
    })
}

/// [k², outputs, inputs] as [outputs, inputs, k, k].
pub(super) fn unfolded(geometry: &Geometry, sums: &[f32]) -> Vec<f32> {
    let Geometry { inputs, outputs, kernel, .. } = *geometry;
    let window = kernel * kernel;
    let mut out = vec![0.0; window * inputs * outputs];
    for (place, sums) in sums.chunks_exact((inputs * outputs).max(1)).enumerate() {
        for (out, sum) in out.chunks_exact_mut(window).zip(sums) {
            out[place] = *sum;
        }
    }
    out
}

//! Copies of factors in the order the kernels read them.

use rayon::prelude::*;

use super::element::Element;
use super::scratch::Scratch;
use super::tile::PANEL;
pub use super::transpose::{panel_from_columns, transposed};

/// Bytes added to the distance of copied rows, so that they do not share a set of the cache.
pub const ODD_LINE: usize = 64;

/// Packs the panel that holds columns of B from B's rows: `row(k)` is row k, at most [`PANEL`] wide, `None` a row of
/// zeros. `to` has `E::padded(length) * PANEL` elements.
pub fn panel_from_rows<'a, E: Element>(
    length: usize,
    row: impl Fn(usize) -> Option<&'a [f32]>,
    to: &mut [E],
) {
    const ZEROS: [f32; PANEL] = [0.0; PANEL];
    for (step, to) in to.chunks_exact_mut(PANEL * E::GROUP).enumerate() {
        let mut rows = [&ZEROS[..]; 2];
        let mut width = None;
        for (i, slot) in rows[..E::GROUP].iter_mut().enumerate() {
            let k = step * E::GROUP + i;
            if let Some(found) = (k < length).then(|| row(k)).flatten() {
                *slot = found;
                width = Some(found.len());
            }
        }
        let width = width.unwrap_or(0);
        let (used, rest) = to.split_at_mut(width * E::GROUP);
        E::interleave(&rows.map(|row| &row[..width]), used);
        rest.fill(E::default());
    }
}

/// Copies rows of A, padded with zeros: row m is `source[m * stride..][..length]`, and goes to `to[m * to_stride..]`.
pub fn rows<E: Element>(
    count: usize,
    length: usize,
    source: &[f32],
    stride: usize,
    to: &mut [E],
    to_stride: usize,
) {
    let depth = E::padded(length);
    for m in 0..count {
        let to = &mut to[m * to_stride..][..depth];
        E::convert(&source[m * stride..][..length], &mut to[..length]);
        to[length..].fill(E::default());
    }
}

/// A matrix in memory.
#[derive(Clone, Copy)]
pub enum Matrix<'a> {
    /// Row i is `data[i * stride..]`.
    Rows(&'a [f32], usize),
    /// Column j is `data[j * stride..]`.
    Columns(&'a [f32], usize),
}

impl<'a> Matrix<'a> {
    /// Packs the panel that begins at a column of this matrix, which is `length` × `columns`.
    fn panels<E: Element>(self, length: usize, columns: usize) -> impl Fn(usize, &mut [E]) + Sync + 'a {
        move |column, to| {
            let width = PANEL.min(columns - column);
            match self {
                Matrix::Rows(data, stride) => {
                    panel_from_rows(length, |k| Some(&data[k * stride + column..][..width]), to);
                }
                Matrix::Columns(data, stride) => {
                    panel_from_columns(length, width, &data[column * stride..], stride, to);
                }
            }
        }
    }
}

/// The whole of B, `length` × `columns`, in panels of [`PANEL`] columns.
pub struct Packed<E> {
    pub(super) data: Scratch<E>,
    /// The summed dimension, padded.
    pub(super) depth: usize,
    pub(super) columns: usize,
}

impl<E: Element> Packed<E> {
    /// Packs a matrix, panels in parallel.
    pub fn new(source: Matrix<'_>, length: usize, columns: usize) -> Self {
        Self::from_panels(E::padded(length), columns, source.panels(length, columns))
    }

    /// The same by this thread alone.
    pub fn alone(source: Matrix<'_>, length: usize, columns: usize) -> Self {
        let (depth, pack) = (E::padded(length), source.panels(length, columns));
        let mut data = Scratch::new(depth * columns.next_multiple_of(PANEL));
        if depth > 0 {
            data.chunks_exact_mut(depth * PANEL).enumerate().for_each(|(panel, to)| pack(panel * PANEL, to));
        }
        Self { data, depth, columns }
    }

    /// `pack(column, panel)` packs the panel that begins at `column`, in parallel.
    pub fn from_panels(depth: usize, columns: usize, pack: impl Fn(usize, &mut [E]) + Sync) -> Self {
        let mut data = Scratch::new(depth * columns.next_multiple_of(PANEL));
        if depth > 0 {
            data.par_chunks_mut(depth * PANEL).enumerate().for_each(|(panel, to)| pack(panel * PANEL, to));
        }
        Self { data, depth, columns }
    }

    /// The same in memory of its own size, to be kept.
    pub fn fitted(self) -> Self {
        Self { data: self.data.fitted(), ..self }
    }

    /// The panel that begins at `column`.
    pub fn panel(&self, column: usize) -> &[E] {
        &self.data[column * self.depth..][..self.depth * PANEL]
    }
}

/// Makes `scratch` at least `len` long, forgetting its contents.
pub fn reserve<E: Element>(scratch: &mut Scratch<E>, len: usize) {
    if scratch.len() < len {
        *scratch = Scratch::new(len);
    }
}

//! Copies of factors in the order the kernels read them.

use rayon::prelude::*;

use super::element::Element;
use super::scratch::Scratch;
use super::tile::PANEL;

/// Packs the panel that holds columns of B from B's rows: `row(k)` is row k, at most [`PANEL`] wide, `None` a row of
/// zeros. `to` has `E::padded(length) * PANEL` elements.
pub fn panel_from_rows<'a, E: Element>(
    length: usize,
    row: impl Fn(usize) -> Option<&'a [f32]>,
    to: &mut [E],
) {
    const ZEROS: [f32; PANEL] = [0.0; PANEL];
    for (step, to) in to.chunks_exact_mut(PANEL * E::GROUP).enumerate() {
        let mut rows = [&ZEROS[..]; 4];
        let mut width = None;
        for (i, slot) in rows[..E::GROUP].iter_mut().enumerate() {
            let k = step * E::GROUP + i;
            if let Some(found) = (k < length).then(|| row(k)).flatten() {
                *slot = found;
                width = Some(found.len());
            }
        }
        let width = width.unwrap_or(0);
        for slot in &mut rows[..E::GROUP] {
            *slot = &slot[..width];
        }
        let (used, rest) = to.split_at_mut(width * E::GROUP);
        E::interleave(&rows[..E::GROUP], used);
        rest.fill(E::default());
    }
}

/// Packs the panel whose columns are the given `columns` rows of a matrix: column n is `source[n * stride..][..length]`.
pub fn panel_from_columns<E: Element>(
    length: usize,
    columns: usize,
    source: &[f32],
    stride: usize,
    to: &mut [E],
) {
    const STEP: usize = 32;
    let mut block = [E::default(); STEP];
    let depth = E::padded(length);
    for k0 in (0..depth).step_by(STEP) {
        let steps = STEP.min(depth - k0);
        let known = STEP.min(length.saturating_sub(k0));
        let to = &mut to[k0 * PANEL..][..steps * PANEL];
        for n in 0..PANEL {
            let known = if n < columns { known } else { 0 };
            if known > 0 {
                E::convert(&source[n * stride + k0..][..known], &mut block[..known]);
            }
            block[known..steps].fill(E::default());
            for (to, from) in to.chunks_exact_mut(PANEL * E::GROUP).zip(block.chunks_exact(E::GROUP)) {
                to[n * E::GROUP..][..E::GROUP].copy_from_slice(from);
            }
        }
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

/// Copies columns of a matrix to rows of A: row m is column m of the `length` rows `source[k * stride..][..count]`.
/// Elements after `length` are left alone.
pub fn transposed<E: Element>(
    count: usize,
    length: usize,
    source: &[f32],
    stride: usize,
    to: &mut [E],
    to_stride: usize,
) {
    const STEP: usize = 16;
    for k0 in (0..length).step_by(STEP) {
        let steps = STEP.min(length - k0);
        for m in 0..count {
            let to = &mut to[m * to_stride + k0..][..steps];
            for (k, to) in to.iter_mut().enumerate() {
                *to = E::from_f32(source[(k0 + k) * stride + m]);
            }
        }
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
        Self::from_panels(E::padded(length), columns, |column, to| {
            let width = PANEL.min(columns - column);
            match source {
                Matrix::Rows(data, stride) => {
                    panel_from_rows(length, |k| Some(&data[k * stride + column..][..width]), to);
                }
                Matrix::Columns(data, stride) => {
                    panel_from_columns(length, width, &data[column * stride..], stride, to);
                }
            }
        })
    }

    /// `pack(column, panel)` packs the panel that begins at `column`, in parallel.
    pub fn from_panels(depth: usize, columns: usize, pack: impl Fn(usize, &mut [E]) + Sync) -> Self {
        let mut data = Scratch::new(depth * columns.next_multiple_of(PANEL));
        if depth > 0 {
            data.par_chunks_mut(depth * PANEL).enumerate().for_each(|(panel, to)| pack(panel * PANEL, to));
        }
        Self { data, depth, columns }
    }

    /// The panel that begins at `column`.
    pub fn panel(&self, column: usize) -> &[E] {
        &self.data[column * self.depth..][..self.depth * PANEL]
    }
}

/// Sets elements `length..depth` of each row to zero.
pub fn zero_tails<E: Element>(count: usize, length: usize, depth: usize, rows: &mut [E], stride: usize) {
    if length < depth {
        for m in 0..count {
            rows[m * stride..][length..depth].fill(E::default());
        }
    }
}

/// Makes `scratch` at least `len` long, forgetting its contents.
pub fn reserve<E: Element>(scratch: &mut Scratch<E>, len: usize) {
    if scratch.len() < len {
        *scratch = Scratch::new(len);
    }
}

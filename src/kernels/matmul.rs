//! The product of two matrices.

use rayon::prelude::*;

use super::element::Element;
pub use super::output::Finish;
use super::output::{Target, filled, strip};
use super::pack;
pub use super::pack::{Matrix, Packed};
use super::scratch::Scratch;
use super::tile::{Factors, PANEL, Tile};

/// Rows of the output in one piece of work: a multiple of every kernel's rows.
const ROWS: usize = 192;
/// The summed dimension is taken in parts of at most this, so that a piece of A stays in the second-level cache.
const DEPTH: usize = 1024;
/// Pieces of work to aim at.
const PIECES: usize = 16;

/// `finish(A·B)`, row-major, where A is `rows` × `length`.
///
/// # Panics
/// If A, the bias or the residual is too short.
pub fn matmul<E: Element>(
    a: Matrix<'_>,
    rows: usize,
    length: usize,
    b: &Packed<E>,
    finish: &Finish<'_>,
) -> Vec<f32> {
    assert_eq!(E::padded(length), b.depth);
    let columns = b.columns;
    if let Some(residual) = finish.residual {
        assert!(residual.len() >= rows * columns);
    }
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    let tall = rows.div_ceil(ROWS);
    let panels = columns.div_ceil(PANEL);
    let wide = PIECES.div_ceil(tall).min(panels);
    let width = panels.div_ceil(wide) * PANEL;
    let wide = columns.div_ceil(width);
    let fill = |out: Target| {
        (0..tall * wide).into_par_iter().for_each(|piece| {
            let (row, column) = (piece / wide * ROWS, piece % wide * width);
            let part = Part {
                row,
                rows: ROWS.min(rows - row),
                column,
                columns: width.min(columns - column),
                length,
            };
            // SAFETY: the pieces cover the output without overlap.
            unsafe { part.compute(a, b, finish, out) }
        });
    };
    // SAFETY: every element is in a piece, and a piece writes all of its elements.
    unsafe { filled(rows * columns, fill) }
}

/// A rectangle of the output.
struct Part {
    row: usize,
    rows: usize,
    column: usize,
    columns: usize,
    length: usize,
}

impl Part {
    /// # Safety
    /// This rectangle is within `out`, whose rows are `b.columns` wide, and nobody else uses it.
    unsafe fn compute<E: Element>(&self, a: Matrix<'_>, b: &Packed<E>, finish: &Finish<'_>, out: Target) {
        let kernel = E::kernels()[0];
        let session = kernel.enter();
        let mut tile = Tile::zero();
        let step = E::padded(b.depth.div_ceil(b.depth.div_ceil(DEPTH).max(1)));
        // The odd line avoids rows that share a cache set.
        let copy_stride = step + 64 / size_of::<E>();
        let mut copy = Scratch::new(0);
        let mut start = 0;
        loop {
            let length = step.min(self.length - start);
            let depth = step.min(b.depth - start);
            let last = start + depth == b.depth;
            let (rows, row_stride) = match a {
                Matrix::Rows(data, stride) => {
                    let rows = &data[self.row * stride + start..];
                    assert!(rows.len() >= (self.rows - 1) * stride + length);
                    match E::view(rows) {
                        Some(rows) => (rows.as_ptr(), stride),
                        None => {
                            pack::reserve(
                                &mut copy,
                                self.rows.next_multiple_of(kernel.row_group) * copy_stride,
                            );
                            pack::rows(self.rows, length, rows, stride, &mut copy, copy_stride);
                            (copy.as_ptr(), copy_stride)
                        }
                    }
                }
                Matrix::Columns(data, stride) => {
                    pack::reserve(&mut copy, self.rows.next_multiple_of(kernel.row_group) * copy_stride);
                    let columns = &data[start * stride + self.row..];
                    pack::transposed(self.rows, length, columns, stride, &mut copy, copy_stride);
                    (copy.as_ptr(), copy_stride)
                }
            };
            let finish = Finish {
                accumulate: start > 0,
                bias: finish.bias.filter(|_| last),
                relu: finish.relu && last,
                residual: finish.residual.filter(|_| last),
            };
            for column in (self.column..self.column + self.columns).step_by(PANEL) {
                let panel = &b.panel(column)[start * PANEL..];
                let factors = Factors { a: rows, row_stride, shifts: &[0], length: depth, b: panel.as_ptr() };
                let width = PANEL.min(b.columns - column);
                let offset = self.row * b.columns + column;
                // SAFETY: A has these rows (checked above, or copied with spare rows for the kernel's group), the
                // panel has `depth` rows from `start` on; the output is the caller's promise.
                unsafe {
                    let finish = finish.at(offset, column);
                    strip(
                        &session,
                        &factors,
                        self.rows,
                        width,
                        out.at(offset),
                        b.columns,
                        &finish,
                        &mut tile,
                    );
                }
            }
            start += depth;
            if last {
                break;
            }
        }
    }
}

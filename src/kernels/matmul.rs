//! The product of two matrices.

use rayon::prelude::*;

use super::element::Element;
pub use super::output::Finish;
use super::output::{Target, filled, pieces, strip};
use super::pack::{self, ODD_LINE};
pub use super::pack::{Matrix, Packed};
use super::scratch::Scratch;
use super::tile::{Factors, PANEL, Tile};

/// The most rows of the output in one piece of work: a multiple of every kernel's rows.
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
    let panels = columns.div_ceil(PANEL);
    let most = if rows.div_ceil(ROWS) * panels < PIECES { ROWS / 2 } else { ROWS };
    let tall = rows.div_ceil(most);
    // Pieces of one size: the threads would wait for the one that has no small ones.
    let height = rows.div_ceil(tall).next_multiple_of(E::kernels()[0].rows);
    let width = panels.div_ceil(PIECES.div_ceil(tall)) * PANEL;
    let wide = columns.div_ceil(width);
    let copy;
    let left = match a {
        Matrix::Rows(data, stride) if E::view(data).is_some() => {
            assert!(data.len() >= (rows - 1) * stride + length);
            Left::Ready(data.as_ptr().cast(), stride)
        }
        // Several pieces share these rows, so they are copied once.
        _ if wide > 1 => {
            let stride = b.depth + ODD_LINE / size_of::<E>();
            copy = copy_all(a, rows, length, stride);
            Left::Ready(copy.as_ptr(), stride)
        }
        _ => Left::Raw(a),
    };
    let fill = |out: Target| {
        pieces(tall * wide).for_each(|piece| {
            let (row, column) = (piece / wide * height, piece % wide * width);
            let part = Part {
                row,
                rows: height.min(rows - row),
                column,
                columns: width.min(columns - column),
                length,
            };
            // SAFETY: the pieces cover the output without overlap.
            unsafe { part.compute(&left, b, finish, out) }
        });
    };
    // SAFETY: every element is in a piece, and a piece writes all of its elements.
    unsafe { filled(rows * columns, fill) }
}

/// The left factor.
enum Left<'a, E> {
    /// As the kernels read it: its first row and the distance of rows.
    Ready(*const E, usize),
    /// To be copied.
    Raw(Matrix<'a>),
}

// SAFETY: the pointer is to a shared slice that outlives the work.
unsafe impl<E: Sync> Sync for Left<'_, E> {}

/// Copies the left factor as the kernels read it.
fn copy_all<E: Element>(a: Matrix<'_>, rows: usize, length: usize, stride: usize) -> Scratch<E> {
    /// A multiple of every row group.
    const GROUP: usize = 32;
    let mut copy = Scratch::new(rows.next_multiple_of(GROUP) * stride);
    copy.par_chunks_exact_mut(GROUP * stride).enumerate().for_each(|(group, to)| {
        copy_rows(a, group * GROUP, GROUP.min(rows - group * GROUP), 0, length, to, stride);
    });
    copy
}

/// Copies `count` rows of the left factor from `row` on, each from element `start` on, padded with zeros.
fn copy_rows<E: Element>(
    a: Matrix<'_>,
    row: usize,
    count: usize,
    start: usize,
    length: usize,
    to: &mut [E],
    to_stride: usize,
) {
    match a {
        Matrix::Rows(data, stride) => {
            pack::rows(count, length, &data[row * stride + start..], stride, to, to_stride);
        }
        Matrix::Columns(data, stride) => {
            pack::transposed(count, length, &data[start * stride + row..], stride, to, to_stride);
        }
    }
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
    unsafe fn compute<E: Element>(
        &self,
        left: &Left<'_, E>,
        b: &Packed<E>,
        finish: &Finish<'_>,
        out: Target,
    ) {
        let kernel = E::kernels()[0];
        let session = kernel.enter();
        let mut tile = Tile::zero();
        let step = E::padded(b.depth.div_ceil(b.depth.div_ceil(DEPTH).max(1)));
        let mut copy = Scratch::new(0);
        let mut start = 0;
        loop {
            let length = step.min(self.length - start);
            let depth = step.min(b.depth - start);
            let last = start + depth == b.depth;
            let (rows, row_stride) = match *left {
                // SAFETY: within the factor, which has these rows and `b.depth` elements of each.
                Left::Ready(first, stride) => (unsafe { first.add(self.row * stride + start) }, stride),
                Left::Raw(a) => {
                    let stride = step + ODD_LINE / size_of::<E>();
                    pack::reserve(&mut copy, self.rows.next_multiple_of(kernel.row_group) * stride);
                    copy_rows(a, self.row, self.rows, start, length, &mut copy, stride);
                    (copy.as_ptr(), stride)
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
                let factors = Factors {
                    a: rows,
                    row_stride,
                    step: E::GROUP,
                    shifts: &[0],
                    length: depth,
                    b: panel.as_ptr(),
                };
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

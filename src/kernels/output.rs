//! Where finished blocks go, and what is done to them on the way.

use std::mem::MaybeUninit;

use super::element::Element;
use super::tile::{Factors, Session, Tile};

/// A place in memory that several threads write, each its own part.
#[derive(Clone, Copy)]
pub struct Target(*mut f32);

// SAFETY: every use states which part it writes, and no two threads write the same.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    pub fn of(slice: &mut [f32]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// # Safety
    /// The offset stays within the memory this was made from.
    pub unsafe fn at(self, offset: usize) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { self.0.add(offset) })
    }

    /// # Safety
    /// `len` elements from here are within the memory this was made from, and nobody else uses them while the slice
    /// lives.
    pub unsafe fn uninit<'a>(self, len: usize) -> &'a mut [MaybeUninit<f32>] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.cast(), len) }
    }
}

/// A vector of `len` elements, all written by `fill`.
///
/// # Safety
/// `fill` writes each of the `len` elements and reads none before that.
pub unsafe fn filled(len: usize, fill: impl FnOnce(Target)) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    fill(Target(values.as_mut_ptr()));
    // SAFETY: the capacity is there and the caller promises the values.
    unsafe { values.set_len(len) };
    values
}

/// What becomes of the sums of a block: out = act(sums (+ what is there) (+ bias)) (+ residual).
#[derive(Clone, Copy, Default)]
pub struct Finish<'a> {
    /// Add to what is there.
    pub accumulate: bool,
    /// One value a column.
    pub bias: Option<&'a [f32]>,
    /// Negative sums become zero.
    pub relu: bool,
    /// Laid out as the output is.
    pub residual: Option<&'a [f32]>,
}

impl<'a> Finish<'a> {
    /// Add to what is there, nothing else.
    pub const ADD: Finish<'static> = Finish { accumulate: true, bias: None, relu: false, residual: None };
    /// Write the sums.
    pub const SET: Finish<'static> = Finish { accumulate: false, bias: None, relu: false, residual: None };

    /// The same for the output that begins `offset` later, at column `column`.
    pub fn at(&self, offset: usize, column: usize) -> Finish<'a> {
        Finish {
            bias: self.bias.map(|bias| &bias[column..]),
            residual: self.residual.map(|residual| &residual[offset..]),
            ..*self
        }
    }
}

/// Computes `rows` × `columns` sums, at most a panel wide, and writes them to rows `stride` apart.
///
/// # Safety
/// As [`Session::run`] for the whole height; the places written are within the output's memory and nobody else uses
/// them; they hold values if `finish.accumulate`.
#[allow(clippy::too_many_arguments)]
pub unsafe fn strip<E: Element>(
    session: &Session<E>,
    factors: &Factors<'_, E>,
    rows: usize,
    columns: usize,
    out: Target,
    stride: usize,
    finish: &Finish<'_>,
    tile: &mut Tile,
) {
    let mut row = 0;
    while row < rows {
        let count = session.rows().min(rows - row);
        // SAFETY: the caller's promise, for these rows.
        unsafe {
            let factors = Factors { a: factors.a.add(row * factors.row_stride), ..*factors };
            session.run(&factors, count, columns, tile);
            write(tile, count, columns, out.at(row * stride), stride, &finish.at(row * stride, 0));
        }
        row += count;
    }
}

dispatch! {
    /// Writes the first `rows` rows and `columns` columns of a tile to rows `stride` apart.
    ///
    /// # Safety
    /// These places are within the output's memory and nobody else uses them; they hold values if `accumulate`.
    unsafe fn write(tile: &Tile, rows: usize, columns: usize, out: Target, stride: usize, finish: &Finish<'_>) {
        for (i, sums) in tile.0[..rows].iter().enumerate() {
            // SAFETY: the caller's promise.
            let row = unsafe { out.0.add(i * stride) };
            let finish = finish.at(i * stride, 0);
            let mut start = 0;
            // Vectors of a constant length stay in registers from the tile to the output.
            while start + LANES <= columns {
                // SAFETY: the caller's promise, for these columns.
                unsafe { write_some::<LANES>(&sums[start..], row.add(start), &finish.at(start, start)) };
                start += LANES;
            }
            while start < columns {
                // SAFETY: the caller's promise, for this column.
                unsafe { write_some::<1>(&sums[start..], row.add(start), &finish.at(start, start)) };
                start += 1;
            }
        }
    }
}

/// Columns written at once.
const LANES: usize = 16;

/// Writes the first `N` of `sums`.
///
/// # Safety
/// `N` elements at `out` are ours, and hold values if `accumulate`.
#[inline(always)]
unsafe fn write_some<const N: usize>(sums: &[f32], out: *mut f32, finish: &Finish<'_>) {
    let some = |values: &[f32]| -> [f32; N] { std::array::from_fn(|i| values[..N][i]) };
    let plus = |a: [f32; N], b: [f32; N]| -> [f32; N] { std::array::from_fn(|i| a[i] + b[i]) };
    let mut values = some(sums);
    if finish.accumulate {
        // SAFETY: the caller's promise: there are values.
        values = plus(values, some(unsafe { std::slice::from_raw_parts(out, N) }));
    }
    if let Some(bias) = finish.bias {
        values = plus(values, some(bias));
    }
    if finish.relu {
        values = values.map(|value| if value < 0.0 { 0.0 } else { value });
    }
    if let Some(residual) = finish.residual {
        values = plus(values, some(residual));
    }
    // SAFETY: the caller's promise.
    unsafe { out.cast::<[f32; N]>().write_unaligned(values) };
}

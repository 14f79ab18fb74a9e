//! Where finished blocks go, and what is done to them on the way.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::element::Element;
use super::tile::{Factors, PANEL, Session, Sums, Tile};

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

/// The numbers of `count` pieces of work, in parallel and each on its own: a thread that has done its pieces takes those that
/// another has not begun.
pub fn pieces(count: usize) -> impl IndexedParallelIterator<Item = usize> {
    (0..count).into_par_iter().with_max_len(1)
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

    /// Whether the sums are written as they are.
    fn is_set(&self) -> bool {
        !self.accumulate && self.bias.is_none() && !self.relu && self.residual.is_none()
    }

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
    let straight = finish.is_set() && columns == PANEL && session.takes_any_stride();
    let mut row = 0;
    while row < rows {
        let count = session.rows().min(rows - row);
        // SAFETY: the caller's promise, for these rows.
        unsafe {
            let factors = Factors { a: factors.a.add(row * factors.row_stride), ..*factors };
            let out = out.at(row * stride);
            if straight {
                session.run_to(&factors, count, columns, Sums { first: out.0, stride });
            } else {
                session.run(&factors, count, columns, &mut tile.0);
                write(tile, count, columns, out, stride, &finish.at(row * stride, 0));
            }
        }
        row += count;
    }
}

dispatch! {
    /// Writes the first `rows` rows and `columns` columns of a tile to rows `stride` apart.
    ///
    /// # Safety
    /// These places are within the output's memory and nobody else uses them; they hold values if `accumulate`.
    pub unsafe fn write(tile: &Tile, rows: usize, columns: usize, out: Target, stride: usize, finish: &Finish<'_>) {
        // SAFETY: the caller's promise. Rows of a constant length stay in registers from the tile to the output, and
        // what is decided here is not decided for every row again.
        unsafe {
            match (columns, finish.accumulate, finish.residual) {
                (PANEL, false, None) => write_rows(tile, rows, PANEL, out, stride, finish, false, None),
                (PANEL, true, None) => write_rows(tile, rows, PANEL, out, stride, finish, true, None),
                (PANEL, false, Some(residual)) => {
                    write_rows(tile, rows, PANEL, out, stride, finish, false, Some(residual));
                }
                _ => write_rows(tile, rows, columns, out, stride, finish, finish.accumulate, finish.residual),
            }
        }
    }
}

/// # Safety
/// As [`write`].
#[allow(clippy::too_many_arguments)]
#[inline(always)]
unsafe fn write_rows(
    tile: &Tile,
    rows: usize,
    columns: usize,
    out: Target,
    stride: usize,
    finish: &Finish<'_>,
    accumulate: bool,
    residual: Option<&[f32]>,
) {
    let mut bias = [0.0; PANEL];
    if let Some(given) = finish.bias {
        bias[..columns].copy_from_slice(&given[..columns]);
    }
    let least = if finish.relu { 0.0 } else { f32::NEG_INFINITY };
    for (i, sums) in tile.0[..rows].iter().enumerate() {
        let mut values = [0.0; PANEL];
        for ((value, sum), bias) in values[..columns].iter_mut().zip(sums).zip(&bias) {
            *value = sum + bias;
        }
        // SAFETY: the caller's promise.
        let out = unsafe { out.0.add(i * stride) };
        if accumulate {
            // SAFETY: the caller's promise: there are values.
            let there = unsafe { std::slice::from_raw_parts(out, columns) };
            values[..columns].iter_mut().zip(there).for_each(|(value, there)| *value += there);
        }
        for value in &mut values[..columns] {
            *value = if *value < least { least } else { *value };
        }
        if let Some(residual) = residual {
            let residual = &residual[i * stride..][..columns];
            values[..columns].iter_mut().zip(residual).for_each(|(value, residual)| *value += residual);
        }
        // SAFETY: the caller's promise.
        unsafe { out.copy_from_nonoverlapping(values.as_ptr(), columns) };
    }
}

/// What lets sums pass on their way to elements.
#[derive(Clone, Copy)]
pub enum Gate<'a, E> {
    /// max(sum + bias, 0), one bias a column.
    Relu(&'a [f32]),
    /// The sum where this, laid out as the output is, is above zero; else 0.
    Where(&'a [E]),
}

dispatch! {
    /// Writes the first `rows` rows and `columns` columns of a tile to rows `stride` apart.
    pub fn write_gated<E: Element>(tile: &Tile, rows: usize, columns: usize, to: &mut [E], stride: usize, gate: &Gate<'_, E>) {
        for (i, sums) in tile.0[..rows].iter().enumerate() {
            let places = to[i * stride..][..columns].iter_mut().zip(sums);
            match gate {
                Gate::Relu(bias) => {
                    for ((to, sum), bias) in places.zip(&bias[..columns]) {
                        let biased = sum + bias;
                        *to = E::from_f32(if biased < 0.0 { 0.0 } else { biased });
                    }
                }
                Gate::Where(mask) => {
                    for ((to, sum), mask) in places.zip(&mask[i * stride..][..columns]) {
                        *to = E::from_f32(if mask.positive() { *sum } else { 0.0 });
                    }
                }
            }
        }
    }
}

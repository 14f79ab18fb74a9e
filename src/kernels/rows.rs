//! Sums over rows.

use rayon::prelude::*;

use super::element::Element;

/// Elements in one piece of work, about.
const PIECE: usize = 1 << 15;

fn rows_of_piece(width: usize) -> usize {
    (PIECE / width).max(1)
}

/// Adds up `parts.len() / width` rows, in order.
pub fn sum_parts(mut parts: Vec<f32>, width: usize) -> Vec<f32> {
    /// Columns in one piece of work.
    const COLUMNS: usize = 4096;
    if parts.is_empty() {
        return vec![0.0; width];
    }
    let (total, rest) = parts.split_at_mut(width);
    total.par_chunks_mut(COLUMNS).enumerate().for_each(|(piece, total)| {
        for part in rest.chunks_exact(width) {
            add_rows(&part[piece * COLUMNS..][..total.len()], total);
        }
    });
    parts.truncate(width);
    parts
}

/// The sum of the rows of `values`, each `width` wide.
///
/// # Panics
/// If `width` is zero.
pub fn sum_rows(values: &[f32], width: usize) -> Vec<f32> {
    let piece = rows_of_piece(width) * width;
    let mut parts = vec![0.0; values.len().div_ceil(piece) * width];
    let pieces = parts.par_chunks_exact_mut(width).zip(values.par_chunks(piece));
    pieces.for_each(|(sum, values)| add_rows(values, sum));
    sum_parts(parts, width)
}

dispatch! {
    /// Adds rows as wide as `sum` to it.
    pub fn add_rows<E: Element>(values: &[E], sum: &mut [f32]) {
        for row in values.chunks_exact(sum.len()) {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += value.to_f32();
            }
        }
    }
}

//! Multi-head attention, one head of one picture at a time, its scores never leaving the second-level cache.

use rayon::prelude::*;

use super::element::Element;
use super::output::{Finish, Target, filled, pieces, strip};
use super::pack::{self, Matrix, Packed};
use super::scratch::Scratch;
use super::softmax::{softmax, softmax_gradient};
use super::tile::{Factors, Kernel, PANEL, Session, Tile};

/// The sizes of an attention: `q`, `k`, `v` and the result are [batch, tokens, heads * width].
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Pictures.
    pub batch: usize,
    /// Tokens of a picture.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Features of a head.
    pub width: usize,
}

/// Queries taken at once, forward: their scores stay in the first-level cache.
const QUERIES: usize = 32;
/// The same backward, where these are also the terms of the sums for keys and values.
const BACKWARD_QUERIES: usize = 128;

impl Heads {
    fn features(&self) -> usize {
        self.heads * self.width
    }

    fn len(&self) -> usize {
        self.batch * self.tokens * self.features()
    }

    fn scale(&self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// Where head `index` of the batch begins.
    fn offset(&self, index: usize) -> usize {
        index / self.heads * self.tokens * self.features() + index % self.heads * self.width
    }
}

/// Row-major factors of one head, with the means to multiply them.
struct Multiplier<E: 'static> {
    kernel: &'static Kernel<E>,
    session: Session<E>,
    tile: Tile,
    copy: Scratch<E>,
}

/// A matrix in memory: its elements and the distance of its rows.
type Rows<'a> = (&'a [f32], usize);

impl<E: Element> Multiplier<E> {
    fn new() -> Self {
        let kernel = E::kernels()[0];
        Self { kernel, session: kernel.enter(), tile: Tile::zero(), copy: Scratch::new(0) }
    }

    /// out (+)= A·B with row-major A [rows, length], or with row-major Aᵀ [length, rows] if `turned`.
    ///
    /// # Safety
    /// Rows `stride` apart of `columns` elements at `out` are ours, and hold values if `finish.accumulate`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn multiply(
        &mut self,
        (a, a_stride): Rows<'_>,
        turned: bool,
        (rows, length): (usize, usize),
        b: &Packed<E>,
        (out, stride): (Target, usize),
        finish: &Finish<'_>,
    ) {
        let depth = E::padded(length);
        assert_eq!(b.depth, depth);
        let copy_stride = depth + pack::ODD_LINE / size_of::<E>();
        let (a, row_stride) = match E::view(a).filter(|_| !turned) {
            Some(a) => {
                assert!(a.len() >= (rows - 1) * a_stride + length);
                (a.as_ptr(), a_stride)
            }
            None => {
                pack::reserve(&mut self.copy, rows.next_multiple_of(self.kernel.row_group) * copy_stride);
                if turned {
                    pack::transposed(rows, length, a, a_stride, &mut self.copy, copy_stride);
                } else {
                    pack::rows(rows, length, a, a_stride, &mut self.copy, copy_stride);
                }
                (self.copy.as_ptr(), copy_stride)
            }
        };
        for column in (0..b.columns).step_by(PANEL) {
            let panel = b.panel(column).as_ptr();
            let factors = Factors { a, row_stride, step: E::GROUP, shifts: &[0], length: depth, b: panel };
            let columns = PANEL.min(b.columns - column);
            // SAFETY: A was checked or copied with spare rows for the row group; the panel has `depth` rows; the
            // output is the caller's promise.
            unsafe {
                strip(&self.session, &factors, rows, columns, out.at(column), stride, finish, &mut self.tile);
            }
        }
    }
}

/// A row-major matrix [length, columns] as a right factor.
fn rows_packed<E: Element>((rows, stride): Rows<'_>, length: usize, columns: usize) -> Packed<E> {
    Packed::alone(Matrix::Rows(rows, stride), length, columns)
}

/// The transpose of a row-major matrix [columns, length] as one.
fn columns_packed<E: Element>((rows, stride): Rows<'_>, length: usize, columns: usize) -> Packed<E> {
    Packed::alone(Matrix::Columns(rows, stride), length, columns)
}

/// softmax(q·kᵀ / sqrt(width))·v for each head.
///
/// # Panics
/// If a slice has not the length of `heads`.
pub fn forward<E: Element>(heads: &Heads, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
    let Heads { tokens, width, .. } = *heads;
    let stride = heads.features();
    assert!([q, k, v].iter().all(|x| x.len() == heads.len()));
    if heads.len() == 0 {
        return Vec::new();
    }
    let fill = |out: Target| {
        pieces(heads.batch * heads.heads).for_each(|index| {
            let offset = heads.offset(index);
            let mut multiplier = Multiplier::<E>::new();
            let keys = columns_packed((&k[offset..], stride), width, tokens);
            let values = rows_packed((&v[offset..], stride), tokens, width);
            let mut scores = Scratch::<f32>::new(QUERIES.min(tokens) * tokens);
            for first in (0..tokens).step_by(QUERIES) {
                let rows = QUERIES.min(tokens - first);
                let start = offset + first * stride;
                let scores = &mut scores[..rows * tokens];
                // SAFETY: the scores are ours; the rows of the result belong to this head alone.
                unsafe {
                    let place = (Target::of(scores), tokens);
                    multiplier.multiply(
                        (&q[start..], stride),
                        false,
                        (rows, width),
                        &keys,
                        place,
                        &Finish::SET,
                    );
                    softmax(scores, tokens, heads.scale());
                    let place = (out.at(start), stride);
                    multiplier.multiply(
                        (scores, tokens),
                        false,
                        (rows, tokens),
                        &values,
                        place,
                        &Finish::SET,
                    );
                }
            }
        });
    };
    // SAFETY: the heads hold every feature of every token.
    unsafe { filled(heads.len(), fill) }
}

/// The gradients of `q`, `k` and `v` from that of the result. The scores are computed again.
///
/// # Panics
/// If a slice has not the length of `heads`.
pub fn backward<E: Element>(
    heads: &Heads,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    gradient: &[f32],
) -> [Vec<f32>; 3] {
    let Heads { tokens, width, .. } = *heads;
    let stride = heads.features();
    assert!([q, k, v, gradient].iter().all(|x| x.len() == heads.len()));
    if heads.len() == 0 {
        return [const { Vec::new() }; 3];
    }
    let fill = |dq: Target, dk: Target, dv: Target| {
        pieces(heads.batch * heads.heads).for_each(|index| {
            let offset = heads.offset(index);
            let mut multiplier = Multiplier::<E>::new();
            let keys = columns_packed((&k[offset..], stride), width, tokens);
            let values = columns_packed((&v[offset..], stride), width, tokens);
            let key_rows = rows_packed((&k[offset..], stride), tokens, width);
            let mut weights = Scratch::<f32>::new(BACKWARD_QUERIES.min(tokens) * tokens);
            let mut scores = Scratch::<f32>::new(BACKWARD_QUERIES.min(tokens) * tokens);
            for first in (0..tokens).step_by(BACKWARD_QUERIES) {
                let rows = BACKWARD_QUERIES.min(tokens - first);
                let start = offset + first * stride;
                let (weights, scores) = (&mut weights[..rows * tokens], &mut scores[..rows * tokens]);
                let (queries, gradient) = ((&q[start..], stride), (&gradient[start..], stride));
                let finish = Finish { accumulate: first > 0, ..Finish::SET };
                // SAFETY: weights and scores are ours; the rows of the results belong to this head alone, and those
                // of dk and dv are all written at the first step, before they are added to.
                unsafe {
                    let place = (Target::of(weights), tokens);
                    multiplier.multiply(queries, false, (rows, width), &keys, place, &Finish::SET);
                    softmax(weights, tokens, heads.scale());
                    let gradient_rows = rows_packed(gradient, rows, width);
                    let place = (dv.at(offset), stride);
                    multiplier.multiply(
                        (weights, tokens),
                        true,
                        (tokens, rows),
                        &gradient_rows,
                        place,
                        &finish,
                    );
                    let place = (Target::of(scores), tokens);
                    multiplier.multiply(gradient, false, (rows, width), &values, place, &Finish::SET);
                    softmax_gradient(scores, weights, tokens, heads.scale());
                    let place = (dq.at(start), stride);
                    multiplier.multiply(
                        (scores, tokens),
                        false,
                        (rows, tokens),
                        &key_rows,
                        place,
                        &Finish::SET,
                    );
                    let query_rows = rows_packed(queries, rows, width);
                    let place = (dk.at(offset), stride);
                    multiplier.multiply((scores, tokens), true, (tokens, rows), &query_rows, place, &finish);
                }
            }
        });
    };
    let mut others = [const { Vec::new() }; 2];
    let [k_gradient, v_gradient] = &mut others;
    // SAFETY: the heads hold every feature of every token, so each of the three is wholly written.
    let dq = unsafe {
        filled(heads.len(), |dq| {
            *k_gradient = filled(heads.len(), |dk| *v_gradient = filled(heads.len(), |dv| fill(dq, dk, dv)));
        })
    };
    let [dk, dv] = others;
    [dq, dk, dv]
}

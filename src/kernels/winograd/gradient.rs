//! The gradient of the weights, with as few products.
//!
//! What a square gives is Aᵀ(U ⊙ V)A, with U = G g Gᵀ of the weights and V = Bᵀd B of its pixels. So the gradient of U is, at each of the 16
//! places, a product over all squares of V and A y Aᵀ of the gradient y of the results; that of g is Gᵀ dU G.

use super::{PLACES, across_lines, fits};
use crate::kernels::conv2d::{self, Geometry};
use crate::kernels::element::Element;
use crate::kernels::output::{Finish, Target, strip};
use crate::kernels::plane::{Extent, Plane};
use crate::kernels::scratch::Scratch;
use crate::kernels::tile::{Factors, PANEL, Tile};

/// Values of what [`add_weight_sums`] adds to.
pub fn weight_sums(geometry: &Geometry) -> usize {
    PLACES * geometry.inputs * geometry.outputs
}

/// Adds the gradient of the weights at the places, [16, outputs, inputs], from the planes of the input and of the gradient
/// of the output.
///
/// # Panics
/// If the planes do not fit together, have another border than 1, or no kernel fits.
pub fn add_weight_sums<E: Element>(x: &Plane<E>, gradient: &Plane<E>, sums: &mut [f32]) {
    /// Squares of a band: their terms stay in the second-level cache.
    const SQUARES: usize = 96;
    let Extent { rows, width, channels: inputs, border } = x.extent();
    let outputs = gradient.extent().channels;
    assert!(border == 1 && fits::<E>() && gradient.extent() == Extent { channels: outputs, ..x.extent() });
    assert_eq!(sums.len(), PLACES * inputs * outputs);
    if sums.is_empty() || rows * width == 0 {
        return;
    }
    // Neighbours along the sum lie together in words, so a row of squares has whole words.
    let squares = width.div_ceil(2).next_multiple_of(E::GROUP);
    let band = SQUARES.div_ceil(squares).min(rows.div_ceil(2));
    let session = E::kernels()[0].enter();
    let mut tile = Tile::zero();
    for top in (0..rows).step_by(2 * band) {
        let band = Band { top, rows: band.min((rows - top).div_ceil(2)), squares };
        let length = E::padded(band.rows * squares);
        let x_terms = band.input_terms(x, length);
        let gradient_terms = band.gradient_terms(gradient, length);
        let panel = length * PANEL;
        let panels = |terms: &Scratch<E>, channels: usize, place: usize, channel: usize| {
            terms[(place * channels.div_ceil(PANEL) + channel / PANEL) * panel..][..panel].as_ptr()
        };
        for (place, sums) in sums.chunks_exact_mut(inputs * outputs).enumerate() {
            for input in (0..inputs).step_by(PANEL) {
                let columns = PANEL.min(inputs - input);
                let b = panels(&x_terms, inputs, place, input);
                for output in (0..outputs).step_by(PANEL) {
                    let a = panels(&gradient_terms, outputs, place, output);
                    // A panel read by columns: a row of A has its words a row of the panel apart.
                    let (row_stride, step) = (E::GROUP, PANEL * E::GROUP);
                    let factors = Factors { a, row_stride, step, shifts: &[0], length, b };
                    let count = PANEL.min(outputs - output);
                    // SAFETY: both panels hold `length` steps of 32 channels, and the kernel, which fits, reads no more rows
                    // than asked for. Row i, column j of the sums is `sums[(output + i) * inputs + input + j]`.
                    unsafe {
                        let out = Target::of(sums).at(output * inputs + input);
                        strip(&session, &factors, count, columns, out, inputs, &Finish::ADD, &mut tile);
                    }
                }
            }
        }
    }
}

/// Rows of squares.
struct Band {
    /// The first row of pixels.
    top: usize,
    /// Rows of squares.
    rows: usize,
    /// Squares of a row, with those that fill up a word.
    squares: usize,
}

impl Band {
    /// V of a plane of inputs, [16, panels, length, 32] as panels are packed.
    fn input_terms<E: Element>(&self, x: &Plane<E>, length: usize) -> Scratch<E> {
        let channels = x.extent().channels;
        let (mut terms, mut lines) = self.working_memory::<E>(channels, length);
        let padded = channels.next_multiple_of(PANEL);
        let part = self.squares * padded;
        for row in 0..self.rows {
            let top = self.top + 2 * row;
            across_lines(x, top, row == 0, padded, &mut lines);
            for column in 0..4 {
                let line = |i: usize| &lines[((top + i) % 4 * 4 + column) * part..][..part];
                let first = row * self.squares;
                input_down([line(0), line(1), line(2), line(3)], padded, first, length, column, &mut terms);
            }
        }
        terms
    }

    /// A y Aᵀ of a plane of gradients, packed in the same way.
    fn gradient_terms<E: Element>(&self, gradient: &Plane<E>, length: usize) -> Scratch<E> {
        let Extent { width, channels, .. } = gradient.extent();
        let (mut terms, mut lines) = self.working_memory::<E>(channels, length);
        let padded = channels.next_multiple_of(PANEL);
        let part = self.squares * padded;
        for row in 0..self.rows {
            for y in 0..2 {
                // The border has the zeros of an odd row or column.
                let start = gradient.extent().at(self.top + 2 * row + y, 0);
                let line = &gradient.data()[start..][..2 * width.div_ceil(2) * channels];
                gradient_across(line, channels, padded, &mut lines[y * 4 * part..][..4 * part]);
            }
            for column in 0..4 {
                let line = |y: usize| &lines[(y * 4 + column) * part..][..part];
                gradient_down([line(0), line(1)], padded, row * self.squares, length, column, &mut terms);
            }
        }
        terms
    }

    /// Memory for the terms, and for four lines. What nothing is written to is zero.
    fn working_memory<E: Element>(&self, channels: usize, length: usize) -> (Scratch<E>, Scratch<f32>) {
        let panels = channels.div_ceil(PANEL);
        let mut terms = Scratch::<E>::new(PLACES * panels * length * PANEL);
        for panel in terms.chunks_exact_mut(length * PANEL) {
            panel[self.rows * self.squares * PANEL..].fill(E::default());
        }
        let mut lines = Scratch::<f32>::new(4 * 4 * self.squares * panels * PANEL);
        lines.fill(0.0);
        (terms, lines)
    }
}

/// What the lines give a column of the places, `spread` from the four values of a line above the other, to places
/// `column`, 4 + `column`, 8 + `column` and 12 + `column`: packed, from square `first` of a band on.
#[inline(always)]
fn pack_down<E: Element, const LINES: usize>(
    lines: [&[f32]; LINES],
    channels: usize,
    first: usize,
    length: usize,
    column: usize,
    to: &mut [E],
    spread: impl Fn([f32; LINES]) -> [f32; 4],
) {
    let (panels, panel) = (channels / PANEL, length * PANEL);
    let lines = lines.map(|line| line.as_chunks::<PANEL>().0);
    for square in (0..lines[0].len() / panels).step_by(E::GROUP) {
        for index in 0..panels {
            let of = |square: usize| lines.map(|line| &line[square * panels + index]);
            let (one, other) = (of(square), of(square + E::GROUP - 1));
            let mut words = [[0; PANEL]; 4];
            for i in 0..PANEL {
                let (one, other) = (spread(one.map(|line| line[i])), spread(other.map(|line| line[i])));
                for (y, words) in words.iter_mut().enumerate() {
                    words[i] = E::word(one[y], other[y]);
                }
            }
            for (y, words) in words.iter().enumerate() {
                let place = 4 * y + column;
                let at = (place * panels + index) * panel + (first + square) * PANEL;
                to[at..][..PANEL * E::GROUP].copy_from_slice(E::of_words(words));
            }
        }
    }
}

dispatch! {
    /// Bᵀd down the lines.
    fn input_down<E: Element>(lines: [&[f32]; 4], channels: usize, first: usize, length: usize, column: usize, to: &mut [E]) {
        pack_down(lines, channels, first, length, column, to, |[p, q, r, s]| [p - r, q + r, r - q, q - s]);
    }
}

dispatch! {
    /// A y down the lines.
    fn gradient_down<E: Element>(lines: [&[f32]; 2], channels: usize, first: usize, length: usize, column: usize, to: &mut [E]) {
        pack_down(lines, channels, first, length, column, to, |[p, q]| [p, p + q, p - q, -q]);
    }
}

dispatch! {
    /// A y along a line: for each square its four values, [4, squares, length], of two pixels.
    fn gradient_across<E: Element>(line: &[E], channels: usize, length: usize, to: &mut [f32]) {
        let part = to.len() / 4;
        for (square, pixels) in line.chunks_exact(2 * channels).enumerate() {
            let (first, second) = pixels.split_at(channels);
            for (column, to) in to.chunks_exact_mut(part).enumerate() {
                let to = to[square * length..][..channels].iter_mut().zip(first.iter().zip(second));
                for (to, (p, q)) in to {
                    let (p, q) = (p.to_f32(), q.to_f32());
                    *to = match column {
                        0 => p,
                        1 => p + q,
                        2 => p - q,
                        _ => -q,
                    };
                }
            }
        }
    }
}

/// Gᵀ dU G of what [`add_weight_sums`] added, as [outputs, inputs, 3, 3].
pub fn unfolded(geometry: &Geometry, sums: &[f32]) -> Vec<f32> {
    let each = geometry.inputs * geometry.outputs;
    let mut windows = vec![0.0; 9 * each];
    gathered(each, sums, &mut windows);
    conv2d::unfolded(geometry, &windows)
}

dispatch! {
    /// Gᵀ dU G for each of `each` pairs of channels, [16, each] to [9, each].
    fn gathered(each: usize, sums: &[f32], windows: &mut [f32]) {
        let gather = |u: [f32; 4]| {
            let middle = (u[1] + u[2]) / 2.0;
            [u[0] + middle, (u[1] - u[2]) / 2.0, middle + u[3]]
        };
        let places: [&[f32]; PLACES] = std::array::from_fn(|place| &sums[place * each..][..each]);
        for (y, windows) in windows.chunks_exact_mut(3 * each).enumerate() {
            let (left, rest) = windows.split_at_mut(each);
            let (middle, right) = rest.split_at_mut(each);
            for (i, ((left, middle), right)) in left.iter_mut().zip(middle).zip(right).enumerate() {
                let down = |x: usize| gather(std::array::from_fn(|line| places[4 * line + x][i]))[y];
                [*left, *middle, *right] = gather(std::array::from_fn(down));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::element::Bf16;
    use crate::kernels::test_value as value;
    use crate::kernels::winograd::tests::served;

    /// Beside the plain gradient, on top of sums that are there.
    fn check<E: Element>(height: usize, width: usize, inputs: usize, outputs: usize, bound: f32) {
        let Some(geometry) = served::<E>(height, width, inputs, outputs) else { return };
        let picture = |channels: usize, shift: usize| -> Vec<f32> {
            (0..height * width * channels).map(|i| value(3 * i + shift)).collect()
        };
        let plane = |channels: usize, picture: &[f32]| {
            Plane::<E>::picture(geometry.extent(height, channels), picture)
        };
        let x = plane(inputs, &picture(inputs, 1));
        let gradient = plane(outputs, &picture(outputs, 2));
        let mut plain = vec![0.0; geometry.weights()];
        conv2d::add_weight_sums(&x, &gradient, &mut plain);
        let plain = conv2d::unfolded(&geometry, &plain);
        let mut sums = vec![0.0; weight_sums(&geometry)];
        for times in [1.0, 2.0] {
            add_weight_sums(&x, &gradient, &mut sums);
            let ours = unfolded(&geometry, &sums);
            let size = plain.iter().map(|x| x * x).sum::<f32>() / plain.len() as f32;
            for (a, b) in ours.iter().zip(&plain) {
                let error = (a - times * b).abs();
                assert!(
                    error <= bound * times * size.sqrt(),
                    "{height}×{width}, {inputs}-{outputs}: {a} {b}"
                );
            }
        }
    }

    #[test]
    fn the_same_as_the_plain_gradient() {
        for (height, width) in [(48, 48), (1, 1), (5, 7), (2, 31), (7, 50), (20, 130)] {
            for (inputs, outputs) in [(64, 64), (3, 64), (8, 8), (33, 70)] {
                check::<f32>(height, width, inputs, outputs, 1e-4);
                check::<Bf16>(height, width, inputs, outputs, 0.06);
            }
        }
    }
}

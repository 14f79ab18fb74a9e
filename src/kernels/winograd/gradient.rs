//! The gradient of the weights, with as few products.
//!
//! What a square gives is Aᵀ(U ⊙ V)A, with U = G g Gᵀ of the weights and V = Bᵀd B of its pixels. So the gradient of U is, at each
//! place, a product over all squares of V and A y Aᵀ of the gradient y of the results; that of g is Gᵀ dU G.

use super::form::{Gradients, Inputs, RESULTS, Sums, TERMS, WindowGradient, lanes};
use super::{PLACES, Padding, across, column_of, fits, input_lines};
use crate::kernels::element::Element;
use crate::kernels::geometry::{self, Geometry};
use crate::kernels::output::{Finish, Target, strip};
use crate::kernels::plane::{Extent, Plane};
use crate::kernels::scratch::Scratch;
use crate::kernels::tile::{Factors, PANEL, Tile};

/// Values of what [`add_weight_sums`] adds to.
pub fn weight_sums(geometry: &Geometry) -> usize {
    PLACES * geometry.inputs * geometry.outputs
}

/// Adds the gradient of the weights at the places, [places, outputs, inputs], from the planes of the input and of the gradient
/// of the output.
///
/// # Panics
/// If the planes do not fit together, have another border than 1, or no kernel fits.
pub fn add_weight_sums<E: Element>(x: &Plane<E>, gradient: &Plane<E>, sums: &mut [f32]) {
    /// What a band has at all places together: it stays in the second-level cache.
    const TERMS_OF_A_BAND: usize = 16 * 96;
    let Extent { rows, width, channels: inputs, border } = x.extent();
    let outputs = gradient.extent().channels;
    assert!(border == 1 && fits::<E>() && gradient.extent() == Extent { channels: outputs, ..x.extent() });
    assert_eq!(sums.len(), PLACES * inputs * outputs);
    if sums.is_empty() || rows * width == 0 {
        return;
    }
    // Neighbours along the sum lie together in words, so a row of squares has whole words.
    let squares = width.div_ceil(RESULTS).next_multiple_of(E::GROUP);
    let band = (TERMS_OF_A_BAND / PLACES).div_ceil(squares).min(rows.div_ceil(RESULTS));
    let session = E::kernels()[0].enter();
    let mut tile = Tile::zero();
    for top in (0..rows).step_by(RESULTS * band) {
        let band = Band { top, rows: band.min((rows - top).div_ceil(RESULTS)), row: squares };
        let length = band.squares();
        let x_terms = band.input_terms(x);
        let gradient_terms = band.gradient_terms(gradient);
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
    row: usize,
}

impl Band {
    fn squares(&self) -> usize {
        self.rows * self.row
    }

    /// V of a plane of inputs, [places, panels, squares, 32] as panels are packed.
    fn input_terms<E: Element>(&self, x: &Plane<E>) -> Scratch<E> {
        let stride = x.extent().channels.next_multiple_of(PANEL);
        let mut terms = Scratch::new(PLACES * self.squares() * stride);
        let mut lines = Scratch::<f32>::new(PLACES * self.row * stride);
        let mut padding = Padding::new(RESULTS * self.row + 2, x.extent().channels);
        for row in 0..self.rows {
            let top = self.top + RESULTS * row;
            input_lines(x, top, row == 0, &mut padding, &mut lines);
            for column in 0..TERMS {
                let lines = column_of(&lines, top, column);
                inputs_down(&lines, stride, row * self.row, self.squares(), column, &mut terms);
            }
        }
        terms
    }

    /// A y Aᵀ of a plane of gradients, packed in the same way.
    fn gradient_terms<E: Element>(&self, gradient: &Plane<E>) -> Scratch<E> {
        let extent = gradient.extent();
        let stride = extent.channels.next_multiple_of(PANEL);
        let mut terms = Scratch::new(PLACES * self.squares() * stride);
        let mut lines = Scratch::<f32>::new(PLACES * self.row * stride);
        let mut padding = Padding::new(RESULTS * self.row, extent.channels);
        for row in 0..self.rows {
            for (y, lines) in lines.chunks_exact_mut(TERMS * self.row * stride).take(RESULTS).enumerate() {
                let y = self.top + RESULTS * row + y;
                if y < extent.rows {
                    let pixels = &gradient.data()[extent.at(y, 0)..][..extent.width * extent.channels];
                    gradients_across(padding.padded(pixels), stride, lines);
                } else {
                    lines.fill(0.0);
                }
            }
            for column in 0..TERMS {
                let lines = column_of(&lines, 0, column);
                gradients_down(&lines, stride, row * self.row, self.squares(), column, &mut terms);
            }
        }
        terms
    }
}

/// What the lines give a column of the places, the sums `S` of the values of a line above the other, to places `column`, terms +
/// `column`, 2·terms + `column` and so on: packed, from square `first` of a band of `length` on.
#[inline(always)]
fn pack_down<E: Element, S: Sums<FROM, TERMS>, const FROM: usize>(
    lines: &[&[f32]],
    stride: usize,
    first: usize,
    length: usize,
    column: usize,
    to: &mut [E],
) {
    let (panels, panel) = (stride / PANEL, length * PANEL);
    let squares = lines[0].len() / stride;
    for square in (0..squares).step_by(E::GROUP) {
        for index in 0..panels {
            let mut found = [[[0.0; PANEL]; TERMS]; 2];
            for (of, found) in found[..E::GROUP].iter_mut().enumerate() {
                let mut values = [&[0.0; PANEL]; FROM];
                for (value, line) in values.iter_mut().zip(lines) {
                    *value = lanes(line, (square + of) * stride + index * PANEL);
                }
                *found = S::of_lanes(values);
            }
            let [one, other] = &found;
            for y in 0..TERMS {
                let place = TERMS * y + column;
                let at = (place * panels + index) * panel + (first + square) * PANEL;
                E::interleave(&[&one[y], &other[y]], &mut to[at..][..PANEL * E::GROUP]);
            }
        }
    }
}

dispatch! {
    /// Bᵀd down the lines.
    fn inputs_down<E: Element>(lines: &[&[f32]], stride: usize, first: usize, length: usize, column: usize, to: &mut [E]) {
        pack_down::<E, Inputs, TERMS>(lines, stride, first, length, column, to);
    }
}

dispatch! {
    /// A y down the lines.
    fn gradients_down<E: Element>(lines: &[&[f32]], stride: usize, first: usize, length: usize, column: usize, to: &mut [E]) {
        pack_down::<E, Gradients, RESULTS>(lines, stride, first, length, column, to);
    }
}

dispatch! {
    /// A y along a line.
    fn gradients_across<E: Element>(line: &[E], stride: usize, to: &mut [f32]) {
        across::<E, Gradients, RESULTS>(line, stride, to);
    }
}

/// Gᵀ dU G of what [`add_weight_sums`] added, as [outputs, inputs, 3, 3].
pub fn unfolded(geometry: &Geometry, sums: &[f32]) -> Vec<f32> {
    let each = geometry.inputs * geometry.outputs;
    let mut windows = vec![0.0; 9 * each];
    gathered(each, sums, &mut windows);
    geometry::unfolded(geometry, &windows)
}

dispatch! {
    /// Gᵀ dU G for each of `each` pairs of channels, [places, each] to [9, each].
    fn gathered(each: usize, sums: &[f32], windows: &mut [f32]) {
        for i in (0..each).step_by(PANEL) {
            let count = PANEL.min(each - i);
            let mut values = [[[0.0; PANEL]; TERMS]; TERMS];
            let mut places = [[&[0.0; PANEL]; TERMS]; TERMS];
            for (place, (to, value)) in places.iter_mut().flatten().zip(values.iter_mut().flatten()).enumerate() {
                value[..count].copy_from_slice(&sums[place * each + i..][..count]);
                *to = value;
            }
            for (place, value) in WindowGradient::of_square(places).iter().flatten().enumerate() {
                windows[place * each + i..][..count].copy_from_slice(&value[..count]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::direct;
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
            let mut plane = Plane::<E>::zero(geometry.extent(height, channels));
            plane.fill(picture);
            plane
        };
        let x = plane(inputs, &picture(inputs, 1));
        let gradient = plane(outputs, &picture(outputs, 2));
        let mut plain = vec![0.0; geometry.weights()];
        direct::add_weight_sums(&x, &gradient, &mut plain);
        let plain = geometry::unfolded(&geometry, &plain);
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
                check::<Bf16>(height, width, inputs, outputs, 0.15);
            }
        }
    }
}

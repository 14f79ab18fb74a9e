//! Convolutions of 3×3 windows with fewer products: F(4×4, 3×3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", CVPR 2016, after Winograd.
//!
//! A square of 4×4 results comes from 6×6 pixels. Sums and differences of these, and of the weights ([`form`]),
//! are multiplied at as many places, each a matrix product over the channels, and sums and differences of the products are
//! the results.

mod form;
mod gradient;

pub use gradient::{add_weight_sums, unfolded, weight_sums};

use std::array;

use crate::kernels::element::Element;
use crate::kernels::geometry::{Block, Geometry, pack_windows};
use crate::kernels::pack::Packed;
use crate::kernels::plane::{Extent, Plane};
use crate::kernels::scratch::Scratch;
use crate::kernels::tile::{Factors, MAX_ROWS, PANEL, Session, Tile};
use form::{Inputs, Lanes, RESULTS, Results, Sums, TERMS, Window, lanes};

/// Places of a square, row by row.
const PLACES: usize = TERMS * TERMS;

/// Whether convolutions are taken this way: windows of 3×3, and a kernel that fits. Those of AMX do not; their products
/// are several times as fast, and the sums around them would not be.
pub fn serves<E: Element>(geometry: &Geometry) -> bool {
    geometry.kernel == 3 && fits::<E>()
}

/// Whether the kernel reads no rows but its own.
fn fits<E: Element>() -> bool {
    E::kernels()[0].row_group == 1
}

/// Packs weights [outputs, inputs, 3, 3] for [`convolve`].
pub fn pack_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    let inputs = geometry.inputs;
    pack(geometry, |output, input, i| weights[(output * inputs + input) * 9 + i])
}

/// The same of the convolution that carries gradients back.
pub fn pack_turned_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    let outputs = geometry.inputs;
    pack(&geometry.turned(), |output, input, i| weights[(input * outputs + output) * 9 + 8 - i])
}

/// `weight(output, input, i)` is value `i` of a window, row by row.
fn pack<E: Element>(geometry: &Geometry, weight: impl Fn(usize, usize, usize) -> f32 + Sync) -> Packed<E> {
    let Geometry { inputs, outputs, .. } = *geometry;
    pack_windows(PLACES, inputs, outputs, |column, width, rows| {
        let mut windows = [[0.0; PANEL]; 9];
        for input in 0..inputs {
            for n in 0..width {
                for (i, values) in windows.iter_mut().enumerate() {
                    values[n] = weight(column + n, input, i);
                }
            }
            for (place, values) in window_places(&windows).iter().flatten().enumerate() {
                rows[(place * inputs + input) * width..][..width].copy_from_slice(&values[..width]);
            }
        }
    })
}

dispatch! {
    /// G g Gᵀ of windows side by side.
    fn window_places(windows: &[Lanes; 9]) -> [[Lanes; TERMS]; TERMS] {
        let [a, b, c, d, e, f, g, h, i] = windows;
        Window::of_square([[a, b, c], [d, e, f], [g, h, i]])
    }
}

/// The convolution of a plane; `take` takes each block of its sums.
///
/// At each place the weights meet the squares of several rows, so that they come from memory seldom and stay in the first-level
/// cache while they are needed.
///
/// # Panics
/// If the plane has another border than 1, the weights were not packed here for its channels, or no kernel fits.
pub fn convolve<E: Element>(plane: &Plane<E>, weights: &Packed<E>, mut take: impl FnMut(Block, &Tile)) {
    /// Squares to aim at, as many as their factors are not too large for the second-level cache.
    const SQUARES: usize = 36;
    let Extent { rows, width, channels, border } = plane.extent();
    let length = E::padded(channels);
    assert!(border == 1 && weights.depth == PLACES * length && fits::<E>());
    if rows * width == 0 {
        return;
    }
    let squares = width.div_ceil(RESULTS);
    let band = (SQUARES / squares).clamp(1, rows.div_ceil(RESULTS));
    let stride = channels.next_multiple_of(PANEL);
    // The lines that a row of squares is made of; two of them serve the next row as well.
    let mut lines = Scratch::<f32>::new(PLACES * squares * stride);
    let mut padding = Padding::new(RESULTS * squares + 2, channels);
    let mut factors = Scratch::<E>::new(PLACES * band * squares * stride);
    // Places that are a whole number of pages apart lie in the same sets of a cache, which an odd number of rows prevents.
    let odd = |count: usize| count | 1;
    let mut products = Scratch::<f32>::new(PLACES * odd(band * squares) * PANEL);
    let mut results: [Tile; RESULTS] = array::from_fn(|_| Tile::zero());
    let session = E::kernels()[0].enter();
    for top in (0..rows).step_by(RESULTS * band) {
        let tops = (top..rows).step_by(RESULTS).take(band);
        let count = tops.len() * squares;
        for (row, top) in tops.clone().enumerate() {
            input_lines(plane, top, top == 0, &mut padding, &mut lines);
            for x in 0..TERMS {
                let to = &mut factors[row * squares * stride..];
                down(&column_of(&lines, top, x), x, count * stride, to);
            }
        }
        let products = &mut products.as_chunks_mut().0[..PLACES * odd(count)];
        for column in (0..weights.columns).step_by(PANEL) {
            let columns = PANEL.min(weights.columns - column);
            multiply(
                &session,
                &factors[..PLACES * count * stride],
                stride,
                weights.panel(column),
                columns,
                products,
            );
            for (row, top) in tops.clone().enumerate() {
                for first in (0..squares).step_by(MAX_ROWS / RESULTS) {
                    let here = (MAX_ROWS / RESULTS).min(squares - first);
                    gather(products, row * squares + first, here, &mut results);
                    let pixels = (RESULTS * here).min(width - RESULTS * first);
                    for (y, tile) in (top..rows).zip(&results) {
                        take(Block { y, x: RESULTS * first, column, rows: pixels, columns }, tile);
                    }
                }
            }
        }
    }
}

/// At each place the product of all squares' factors, [places, squares, stride], and the first `columns` of a panel of weights:
/// to [places, squares] and what fills up a place.
fn multiply<E: Element>(
    session: &Session<E>,
    factors: &[E],
    stride: usize,
    panel: &[E],
    columns: usize,
    products: &mut [Lanes],
) {
    let squares = factors.len() / (PLACES * stride);
    let length = panel.len() / (PLACES * PANEL);
    assert!(length <= stride);
    // About as many squares in each block.
    let height = squares.div_ceil(squares.div_ceil(session.rows()));
    let part = products.len() / PLACES;
    let places = factors.chunks_exact(squares * stride).zip(panel.chunks_exact(length * PANEL));
    for ((factors, panel), products) in places.zip(products.chunks_exact_mut(part)) {
        for first in (0..squares).step_by(height) {
            let rows = height.min(squares - first);
            let a = factors[first * stride..][..rows * stride].as_ptr();
            let b = panel.as_ptr();
            let pair = Factors { a, row_stride: stride, step: E::GROUP, shifts: &[0], length, b };
            // SAFETY: there are `rows` rows of no fewer than `length` values, and the kernel, which fits, reads no others; the
            // panel has as many rows.
            unsafe { session.run(&pair, rows, columns, &mut products[first..]) };
        }
    }
}

/// What makes lines of pixels whole squares of whole panels.
struct Padding<E> {
    channels: usize,
    /// Memory for those that are not; what there is no pixel for stays zero.
    padded: Scratch<E>,
}

impl<E: Element> Padding<E> {
    /// For lines of up to so many `pixels` of `channels`.
    fn new(pixels: usize, channels: usize) -> Self {
        let mut padded = Scratch::new(pixels * channels.next_multiple_of(PANEL));
        padded.fill(E::default());
        Self { channels, padded }
    }

    /// A line, where it is if it can be read there. All must have the same number of pixels.
    fn padded<'a>(&'a mut self, line: &'a [E]) -> &'a [E] {
        if line.len() == self.padded.len() {
            return line;
        }
        let pixels = self.padded.chunks_exact_mut(self.channels.next_multiple_of(PANEL));
        for (to, pixel) in pixels.zip(line.chunks_exact(self.channels)) {
            to[..self.channels].copy_from_slice(pixel);
        }
        &self.padded
    }
}

/// Bᵀd along the lines of the row of squares whose results begin at row `top`: line y at place y modulo their number of
/// `lines`, [terms, terms, squares, stride], a square's channels being padded with zeros to whole panels. Two of them are there
/// from the row above, unless this is the `first`. `padding` serves this plane alone.
fn input_lines<E: Element>(
    plane: &Plane<E>,
    top: usize,
    first: bool,
    padding: &mut Padding<E>,
    lines: &mut [f32],
) {
    let extent = plane.extent();
    let all = lines.len() / TERMS;
    for y in if first { top } else { top + 2 }..top + TERMS {
        // Lines that the picture lacks are in no result that is taken, and meet zeros of the gradient: any will do.
        let line = y.min(extent.lines() - 1);
        let line = padding.padded(&plane.data()[line * extent.line()..][..extent.line()]);
        inputs_across(line, extent.channels.next_multiple_of(PANEL), &mut lines[y % TERMS * all..][..all]);
    }
}

/// The lines of [`input_lines`] at column `x` of the places, from the uppermost on.
fn column_of(lines: &[f32], top: usize, x: usize) -> [&[f32]; TERMS] {
    let part = lines.len() / PLACES;
    array::from_fn(|y| &lines[((top + y) % TERMS * TERMS + x) * part..][..part])
}

/// The sums `S` of the first pixels of each square of a line, [terms, squares, stride].
#[inline(always)]
fn across<E: Element, S: Sums<FROM, TERMS>, const FROM: usize>(line: &[E], stride: usize, to: &mut [f32]) {
    let part = to.len() / TERMS;
    for square in 0..part / stride {
        for i in (0..stride).step_by(PANEL) {
            let mut pixels = [lanes(line, 0); FROM];
            for (x, pixel) in pixels.iter_mut().enumerate() {
                *pixel = lanes(line, (RESULTS * square + x) * stride + i);
            }
            for (term, value) in S::of_lanes(pixels).iter().enumerate() {
                to[term * part + square * stride + i..][..PANEL].copy_from_slice(value);
            }
        }
    }
}

dispatch! {
    /// Bᵀd along a line.
    fn inputs_across<E: Element>(line: &[E], stride: usize, to: &mut [f32]) {
        across::<E, Inputs, TERMS>(line, stride, to);
    }
}

dispatch! {
    /// Bᵀd down the lines, for column `x` of the places, `part` apart: to places x, terms + x, 2·terms + x and so on.
    fn down<E: Element>(lines: &[&[f32]; TERMS], x: usize, part: usize, to: &mut [E]) {
        for i in (0..lines[0].len()).step_by(PANEL) {
            let mut column = [&[0.0; PANEL]; TERMS];
            for (value, line) in column.iter_mut().zip(lines) {
                *value = lanes(line, i);
            }
            for (y, value) in Inputs::of_lanes(column).iter().enumerate() {
                E::convert(value, &mut to[(TERMS * y + x) * part + i..][..PANEL]);
            }
        }
    }
}

dispatch! {
    /// Aᵀp A of `count` squares from `first` on, of products [places, squares]: row by row their pixels, as many rows of a tile for
    /// each square.
    fn gather(products: &[Lanes], first: usize, count: usize, to: &mut [Tile; RESULTS]) {
        let part = products.len() / PLACES;
        for square in 0..count {
            let mut places = [[&[0.0; PANEL]; TERMS]; TERMS];
            for (place, product) in places.iter_mut().flatten().enumerate() {
                *product = &products[place * part + first + square];
            }
            for (row, to) in Results::of_square(places).iter().zip(&mut *to) {
                for (to, pixel) in to.0[RESULTS * square..].iter_mut().zip(row) {
                    *to = *pixel;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::element::Bf16;
    use crate::kernels::{direct, test_value as value};

    /// The geometry, if this machine takes it this way.
    pub fn served<E: Element>(
        height: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
    ) -> Option<Geometry> {
        let geometry = Geometry { batch: 1, height, width, inputs, outputs, kernel: 3 };
        (!E::kernels().is_empty() && serves::<E>(&geometry)).then_some(geometry)
    }

    /// Beside the plain convolution, turned weights too.
    fn check<E: Element>(height: usize, width: usize, inputs: usize, outputs: usize, bound: f32) {
        let Some(geometry) = served::<E>(height, width, inputs, outputs) else { return };
        let picture: Vec<f32> = (0..height * width * inputs.max(outputs)).map(value).collect();
        let weights: Vec<f32> = (0..geometry.weights()).map(|i| value(3 * i + 1)).collect();
        let compare = |channels: usize, ours: Packed<E>, plain: Packed<E>| {
            let mut plane = Plane::<E>::zero(geometry.extent(height, channels));
            plane.fill(&picture);
            let mut results = [(); 2].map(|()| vec![f32::NAN; height * width * plain.columns]);
            let put = |all: &mut [f32], block: Block, tile: &Tile| {
                for row in 0..block.rows {
                    let at = (block.y * width + block.x + row) * plain.columns + block.column;
                    all[at..][..block.columns].copy_from_slice(&tile.0[row][..block.columns]);
                }
            };
            convolve(&plane, &ours, |block, tile| put(&mut results[0], block, tile));
            direct::convolve(&plane, &plain, |block, tile| put(&mut results[1], block, tile));
            let [ours, plain] = results;
            let size = plain.iter().map(|x| x * x).sum::<f32>() / plain.len() as f32;
            for (a, b) in ours.iter().zip(&plain) {
                assert!(
                    (a - b).abs() <= bound * size.sqrt(),
                    "{height}×{width}, {inputs}-{outputs}: {a} {b}"
                );
            }
        };
        let pack = direct::pack_weights(&geometry, &weights);
        compare(inputs, pack_weights(&geometry, &weights), pack);
        let pack = direct::pack_turned_weights(&geometry, &weights);
        compare(outputs, pack_turned_weights(&geometry, &weights), pack);
    }

    #[test]
    fn the_same_as_the_plain_convolution() {
        for (height, width) in [(48, 48), (1, 1), (5, 7), (2, 31), (7, 50)] {
            for (inputs, outputs) in [(64, 64), (3, 64), (8, 8), (33, 70)] {
                check::<f32>(height, width, inputs, outputs, 1e-4);
                check::<Bf16>(height, width, inputs, outputs, 0.15);
            }
        }
    }
}

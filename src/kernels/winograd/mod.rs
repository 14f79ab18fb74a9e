//! Convolutions of 3×3 windows with fewer products: F(m×m, 3×3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", CVPR 2016, after Winograd.
//!
//! A square of m×m results comes from (m + 2)×(m + 2) pixels. Sums and differences of these, and of the weights ([`form`]),
//! are multiplied at as many places, each a matrix product over the channels, and sums and differences of the products are
//! the results.

mod form;
mod gradient;

pub use form::{Form, Four, Two};
pub use gradient::{add_weight_sums, unfolded, weight_sums};

use std::array;

use crate::kernels::conv2d::{Block, Geometry, pack_windows};
use crate::kernels::element::Element;
use crate::kernels::pack::Packed;
use crate::kernels::plane::{Extent, Plane};
use crate::kernels::scratch::Scratch;
use crate::kernels::tile::{Factors, MAX_ROWS, PANEL, Tile};
use form::{Inputs, Lanes, RESULTS, Spread, TERMS, Value};

/// Places of a square, row by row.
const fn places<E: Element>() -> usize {
    E::Square::TERMS * E::Square::TERMS
}

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
    pack(geometry, |output, input| std::array::from_fn(|i| weights[(output * inputs + input) * 9 + i]))
}

/// The same of the convolution that carries gradients back.
pub fn pack_turned_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    let outputs = geometry.inputs;
    pack(&geometry.turned(), |output, input| {
        std::array::from_fn(|i| weights[(input * outputs + output) * 9 + 8 - i])
    })
}

/// `window(output, input)` is row by row.
fn pack<E: Element>(geometry: &Geometry, window: impl Fn(usize, usize) -> [f32; 9] + Sync) -> Packed<E> {
    let Geometry { inputs, outputs, .. } = *geometry;
    let terms = E::Square::TERMS;
    pack_windows(places::<E>(), inputs, outputs, |column, width, rows| {
        for n in 0..width {
            for input in 0..inputs {
                let g = window(column + n, input);
                let lines: [_; 3] =
                    array::from_fn(|y| E::Square::window([g[3 * y], g[3 * y + 1], g[3 * y + 2]]));
                for x in 0..terms {
                    for (y, value) in E::Square::window(lines.map(|line| line[x]))[..terms].iter().enumerate()
                    {
                        rows[((terms * y + x) * inputs + input) * width + n] = *value;
                    }
                }
            }
        }
    })
}

/// The sums at a place, for some squares. A whole [`Tile`] lies in the same sets of a cache as the next, which its odd lines prevent.
struct Place {
    sums: Tile,
    _odd: [f32; PANEL],
}

/// The convolution of a plane; `take` takes each block of its sums.
///
/// # Panics
/// If the plane has another border than 1, the weights were not packed here for its channels, or no kernel fits.
pub fn convolve<E: Element>(plane: &Plane<E>, weights: &Packed<E>, mut take: impl FnMut(Block, &Tile)) {
    let Extent { rows, width, channels, border } = plane.extent();
    let (side, terms) = (E::Square::RESULTS, E::Square::TERMS);
    let length = E::padded(channels);
    assert!(border == 1 && weights.depth == places::<E>() * length && fits::<E>());
    let squares = width.div_ceil(side);
    let part = squares * length;
    let session = E::kernels()[0].enter();
    // As many squares in a block as the kernel takes and whose pixels a tile holds, and about as many in each.
    let blocks = squares.div_ceil(session.rows().min(MAX_ROWS / side)).max(1);
    let height = squares.div_ceil(blocks).max(1);
    // The lines that a row of squares is made of; two of them serve the next row as well. Padding stays zero.
    let mut lines = Scratch::<f32>::new(terms * terms * part);
    lines.fill(0.0);
    let mut factors = Scratch::<E>::new(places::<E>() * part);
    let place = || Place { sums: Tile::zero(), _odd: [0.0; PANEL] };
    let mut products: Vec<Place> = (0..places::<E>()).map(|_| place()).collect();
    let mut results: [Tile; RESULTS] = array::from_fn(|_| Tile::zero());
    for top in (0..rows).step_by(side) {
        input_lines(plane, top, top == 0, length, &mut lines);
        for x in 0..terms {
            down(&column_of::<E>(&lines, top, x), x, &mut factors);
        }
        for column in (0..weights.columns).step_by(PANEL) {
            let columns = PANEL.min(weights.columns - column);
            let panel = weights.panel(column);
            for first in (0..squares).step_by(height) {
                let count = height.min(squares - first);
                for (place, product) in products.iter_mut().enumerate() {
                    let a = factors[place * part + first * length..][..count * length].as_ptr();
                    let b = panel[place * length * PANEL..][..length * PANEL].as_ptr();
                    let pair = Factors { a, row_stride: length, step: E::GROUP, shifts: &[0], length, b };
                    // SAFETY: there are `count` rows of `length` values, and the kernel, which fits, reads no others; the
                    // panel has as many rows.
                    unsafe { session.run(&pair, count, columns, &mut product.sums) };
                }
                gather::<E>(&products, count, &mut results);
                let pixels = (side * count).min(width - side * first);
                for (y, tile) in (top..rows).zip(&results[..side]) {
                    take(Block { y, x: side * first, column, rows: pixels, columns }, tile);
                }
            }
        }
    }
}

/// Bᵀd along the lines of the row of squares whose results begin at row `top`: line y at place y modulo their number of
/// `lines`, [terms, terms, squares, length]. Two of them are there from the row above, unless this is the `first`.
fn input_lines<E: Element>(plane: &Plane<E>, top: usize, first: bool, length: usize, lines: &mut [f32]) {
    let extent = plane.extent();
    let terms = E::Square::TERMS;
    let all = lines.len() / terms;
    for y in if first { top } else { top + 2 }..top + terms {
        // Lines that the picture lacks are in no result that is taken, and meet zeros of the gradient: any will do.
        let line = y.min(extent.lines() - 1);
        let line = &plane.data()[line * extent.line()..][..extent.line()];
        across_inputs(line, extent.channels, length, &mut lines[y % terms * all..][..all]);
    }
}

/// The lines of [`input_lines`] at column `x` of the places, from the uppermost on.
fn column_of<E: Element>(lines: &[f32], top: usize, x: usize) -> Vec<&[f32]> {
    let terms = E::Square::TERMS;
    let part = lines.len() / places::<E>();
    (top..top + terms).map(|y| &lines[(y % terms * terms + x) * part..][..part]).collect()
}

dispatch! {
    /// Bᵀd along a line: for each square its terms, [terms, squares, length], of as many pixels.
    fn across_inputs<E: Element>(line: &[E], channels: usize, length: usize, to: &mut [f32]) {
        across::<E, Inputs>(line, channels, length, to, E::Square::TERMS);
    }
}

/// What `S` makes of `taken` pixels for each square of a line; pixels that the line lacks are zero.
#[inline(always)]
fn across<E: Element, S: Spread>(line: &[E], channels: usize, length: usize, to: &mut [f32], taken: usize) {
    /// Numbers from channel `i` on.
    #[inline(always)]
    fn part_of<E: Element, S: Spread, V: Value>(pixels: &[&[E]], i: usize, to: &mut [f32], part: usize) {
        let mut values = [V::default(); TERMS];
        for (value, pixel) in values.iter_mut().zip(pixels) {
            *value = V::read(&pixel[i..]);
        }
        let values = S::spread::<E::Square, V>(values);
        for (term, value) in values[..E::Square::TERMS].iter().enumerate() {
            value.write(&mut to[term * part + i..]);
        }
    }
    let (side, terms) = (E::Square::RESULTS, E::Square::TERMS);
    let part = to.len() / terms;
    let pixels = line.len() / channels.max(1);
    let zeros = vec![E::default(); channels];
    for square in 0..part / length.max(1) {
        let mut found = [&zeros[..]; TERMS];
        for (pixel, at) in found[..taken].iter_mut().zip(side * square..pixels) {
            *pixel = &line[at * channels..][..channels];
        }
        let to = &mut to[square * length..];
        let whole = channels - channels % Lanes::WIDTH;
        for i in (0..whole).step_by(Lanes::WIDTH) {
            part_of::<E, S, Lanes>(&found[..taken], i, to, part);
        }
        for i in whole..channels {
            part_of::<E, S, f32>(&found[..taken], i, to, part);
        }
    }
}

dispatch! {
    /// The same down the lines, for column `x` of the places: to places x, terms + x, 2·terms + x and so on.
    fn down<E: Element>(lines: &[&[f32]], x: usize, to: &mut [E]) {
        /// From number `i` on.
        #[inline(always)]
        fn part_of<E: Element, V: Value>(lines: &[&[f32]], i: usize, x: usize, to: &mut [E]) {
            let terms = E::Square::TERMS;
            let part = lines[0].len();
            let mut values = [V::default(); TERMS];
            for (value, line) in values.iter_mut().zip(lines) {
                *value = V::read(&line[i..]);
            }
            let values = E::Square::inputs(values);
            for (y, value) in values[..terms].iter().enumerate() {
                value.write(&mut to[(terms * y + x) * part + i..]);
            }
        }
        let lines = &lines[..E::Square::TERMS];
        let part = lines[0].len();
        let whole = part - part % Lanes::WIDTH;
        for i in (0..whole).step_by(Lanes::WIDTH) {
            part_of::<E, Lanes>(lines, i, x, to);
        }
        for i in whole..part {
            part_of::<E, f32>(lines, i, x, to);
        }
    }
}

dispatch! {
    /// Aᵀp A of `count` squares: row by row their pixels, as many rows of a tile for each square.
    fn gather<E: Element>(products: &[Place], count: usize, to: &mut [Tile; RESULTS]) {
        let (side, terms) = (E::Square::RESULTS, E::Square::TERMS);
        for square in 0..count {
            for i in (0..PANEL).step_by(Lanes::WIDTH) {
                let mut down = [[Lanes::default(); RESULTS]; TERMS];
                for (x, down) in down[..terms].iter_mut().enumerate() {
                    let mut column = [Lanes::default(); TERMS];
                    for (y, value) in column[..terms].iter_mut().enumerate() {
                        *value = Lanes::read(&products[terms * y + x].sums.0[square][i..]);
                    }
                    *down = E::Square::results(column);
                }
                for (y, to) in to[..side].iter_mut().enumerate() {
                    let mut row = [Lanes::default(); TERMS];
                    for (value, down) in row[..terms].iter_mut().zip(&down) {
                        *value = down[y];
                    }
                    for (x, value) in E::Square::results(row)[..side].iter().enumerate() {
                        value.write(&mut to.0[side * square + x][i..]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::element::Bf16;
    use crate::kernels::{conv2d, test_value as value};

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
            let plane = Plane::<E>::picture(geometry.extent(height, channels), &picture);
            let mut results = [(); 2].map(|()| vec![f32::NAN; height * width * plain.columns]);
            let put = |all: &mut [f32], block: Block, tile: &Tile| {
                for row in 0..block.rows {
                    let at = (block.y * width + block.x + row) * plain.columns + block.column;
                    all[at..][..block.columns].copy_from_slice(&tile.0[row][..block.columns]);
                }
            };
            convolve(&plane, &ours, |block, tile| put(&mut results[0], block, tile));
            conv2d::convolve(&plane, &plain, |block, tile| put(&mut results[1], block, tile));
            let [ours, plain] = results;
            let size = plain.iter().map(|x| x * x).sum::<f32>() / plain.len() as f32;
            for (a, b) in ours.iter().zip(&plain) {
                assert!(
                    (a - b).abs() <= bound * size.sqrt(),
                    "{height}×{width}, {inputs}-{outputs}: {a} {b}"
                );
            }
        };
        let pack = conv2d::pack_weights(&geometry, &weights);
        compare(inputs, pack_weights(&geometry, &weights), pack);
        let pack = conv2d::pack_turned_weights(&geometry, &weights);
        compare(outputs, pack_turned_weights(&geometry, &weights), pack);
    }

    #[test]
    fn the_same_as_the_plain_convolution() {
        for (height, width) in [(48, 48), (1, 1), (5, 7), (2, 31), (7, 50)] {
            for (inputs, outputs) in [(64, 64), (3, 64), (8, 8), (33, 70)] {
                check::<f32>(height, width, inputs, outputs, 1e-4);
                check::<Bf16>(height, width, inputs, outputs, 0.06);
            }
        }
    }
}

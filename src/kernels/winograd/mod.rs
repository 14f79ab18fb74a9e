//! Convolutions of 3×3 windows with four ninths of the products: F(2×2, 3×3) of Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", CVPR 2016, after Winograd.
//!
//! A square of 2×2 results comes from 4×4 pixels. Sums and differences of these, and of the weights, are multiplied
//! at 16 places, each a matrix product over the channels, and sums and differences of the products are the results.

mod gradient;

pub use gradient::{add_weight_sums, unfolded, weight_sums};

use crate::kernels::conv2d::{Block, Geometry, pack_windows};
use crate::kernels::element::Element;
use crate::kernels::pack::Packed;
use crate::kernels::plane::{Extent, Plane};
use crate::kernels::scratch::Scratch;
use crate::kernels::tile::{Factors, MAX_ROWS, PANEL, Tile};

/// Places of a square, row by row.
const PLACES: usize = 16;

/// Whether convolutions are taken this way: windows of 3×3, and a kernel that fits. Those of AMX do not; their products
/// are several times as fast, and the sums around them would not be.
pub fn serves<E: Element>(geometry: &Geometry) -> bool {
    geometry.kernel == 3 && fits::<E>()
}

/// Whether a block of the kernel leaves room for the two pixels of each square in a tile, and reads no rows but its own.
fn fits<E: Element>() -> bool {
    let kernel = E::kernels()[0];
    2 * kernel.rows <= MAX_ROWS && kernel.row_group == 1
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
    // G of the paper's equation 7, for three values.
    let spread = |g: [f32; 3]| [g[0], (g[0] + g[1] + g[2]) / 2.0, (g[0] - g[1] + g[2]) / 2.0, g[2]];
    pack_windows(PLACES, inputs, outputs, |column, width, rows| {
        for n in 0..width {
            for input in 0..inputs {
                let g = window(column + n, input);
                let lines: [_; 3] = std::array::from_fn(|y| spread([g[3 * y], g[3 * y + 1], g[3 * y + 2]]));
                for x in 0..4 {
                    for (y, value) in spread(lines.map(|line| line[x])).into_iter().enumerate() {
                        rows[((4 * y + x) * inputs + input) * width + n] = value;
                    }
                }
            }
        }
    })
}

/// The convolution of a plane; `take` takes each block of its sums.
///
/// # Panics
/// If the plane has another border than 1, the weights were not packed here for its channels, or no kernel fits.
pub fn convolve<E: Element>(plane: &Plane<E>, weights: &Packed<E>, mut take: impl FnMut(Block, &Tile)) {
    let Extent { rows, width, channels, border } = plane.extent();
    let length = E::padded(channels);
    assert!(border == 1 && weights.depth == PLACES * length && fits::<E>());
    let squares = width.div_ceil(2);
    let part = squares * length;
    let session = E::kernels()[0].enter();
    // The four lines that a row of squares is made of; two of them serve the next row as well. Padding stays zero.
    let mut lines = Scratch::<f32>::new(4 * 4 * part);
    lines.fill(0.0);
    let mut terms = Scratch::<E>::new(PLACES * part);
    let mut sums: [Tile; PLACES] = std::array::from_fn(|_| Tile::zero());
    let mut results = [Tile::zero(), Tile::zero()];
    for top in (0..rows).step_by(2) {
        across_lines(plane, top, top == 0, length, &mut lines);
        for x in 0..4 {
            let line = |i: usize| &lines[((top + i) % 4 * 4 + x) * part..][..part];
            down([line(0), line(1), line(2), line(3)], x, &mut terms);
        }
        for column in (0..weights.columns).step_by(PANEL) {
            let columns = PANEL.min(weights.columns - column);
            let panel = weights.panel(column);
            for first in (0..squares).step_by(session.rows()) {
                let count = session.rows().min(squares - first);
                for (place, sums) in sums.iter_mut().enumerate() {
                    let a = terms[place * part + first * length..][..count * length].as_ptr();
                    let b = panel[place * length * PANEL..][..length * PANEL].as_ptr();
                    let factors = Factors { a, row_stride: length, step: E::GROUP, shifts: &[0], length, b };
                    // SAFETY: there are `count` rows of `length` values, and the kernel, which fits, reads no others; the
                    // panel has as many rows.
                    unsafe { session.run(&factors, count, columns, sums) };
                }
                gather(&sums, count, &mut results);
                let pixels = (2 * count).min(width - 2 * first);
                for (y, tile) in (top..rows).zip(&results) {
                    take(Block { y, x: 2 * first, column, rows: pixels, columns }, tile);
                }
            }
        }
    }
}

/// Bᵀd along the four lines of the row of squares whose results begin at row `top`: line y at place y % 4 of `lines`,
/// [4, 4, squares, length]. Two of them are there from the row above, unless this is the `first`.
fn across_lines<E: Element>(plane: &Plane<E>, top: usize, first: bool, length: usize, lines: &mut [f32]) {
    let Extent { width, channels, .. } = plane.extent();
    let all = lines.len() / 4;
    for y in if first { top } else { top + 2 }..top + 4 {
        // What an odd number of rows lacks at the end is in no result that is taken, and meets zeros of the gradient; the
        // same holds for columns, whose missing pixel is what follows in memory.
        let start = y.min(plane.extent().lines() - 1) * plane.extent().line();
        let line = &plane.data()[start..][..(2 * width.div_ceil(2) + 2) * channels];
        across(line, channels, length, &mut lines[y % 4 * all..][..all]);
    }
}

dispatch! {
    /// Bᵀd along a line: for each square its four values, [4, squares, length], of four pixels. Squares beyond the line
    /// stay as they are.
    fn across<E: Element>(line: &[E], channels: usize, length: usize, to: &mut [f32]) {
        let part = to.len() / 4;
        let (first, second) = to.split_at_mut(2 * part);
        let ((a, b), (c, d)) = (first.split_at_mut(part), second.split_at_mut(part));
        let squares = a.chunks_exact_mut(length).zip(b.chunks_exact_mut(length));
        let squares = squares.zip(c.chunks_exact_mut(length).zip(d.chunks_exact_mut(length)));
        for (square, ((a, b), (c, d))) in squares.take(line.len() / channels / 2 - 1).enumerate() {
            let pixels = &line[2 * square * channels..][..4 * channels];
            let (left, right) = pixels.split_at(2 * channels);
            let ((p, q), (r, s)) = (left.split_at(channels), right.split_at(channels));
            let (a, b, c, d) = (&mut a[..channels], &mut b[..channels], &mut c[..channels], &mut d[..channels]);
            for i in 0..channels {
                let (p, q, r, s) = (p[i].to_f32(), q[i].to_f32(), r[i].to_f32(), s[i].to_f32());
                a[i] = p - r;
                b[i] = q + r;
                c[i] = r - q;
                d[i] = q - s;
            }
        }
    }
}

dispatch! {
    /// The same down the lines, for column `x` of the places: to places x, 4 + x, 8 + x and 12 + x.
    fn down<E: Element>(lines: [&[f32]; 4], x: usize, to: &mut [E]) {
        let [p, q, r, s] = lines;
        let part = p.len();
        let mut places = to.chunks_exact_mut(part).skip(x).step_by(4);
        let mut next = || places.next().unwrap_or_default();
        let (a, b, c, d) = (next(), next(), next(), next());
        let (q, r, s) = (&q[..part], &r[..part], &s[..part]);
        let (a, b, c, d) = (&mut a[..part], &mut b[..part], &mut c[..part], &mut d[..part]);
        for i in 0..part {
            a[i] = E::from_f32(p[i] - r[i]);
            b[i] = E::from_f32(q[i] + r[i]);
            c[i] = E::from_f32(r[i] - q[i]);
            d[i] = E::from_f32(q[i] - s[i]);
        }
    }
}

dispatch! {
    /// Aᵀm A of `count` squares: their upper and their lower pixels, two rows of a tile for each square.
    fn gather(sums: &[Tile; PLACES], count: usize, to: &mut [Tile; 2]) {
        for square in 0..count {
            for i in 0..PANEL {
                let m = |y: usize, x: usize| sums[4 * y + x].0[square][i];
                let upper = |x: usize| m(0, x) + m(1, x) + m(2, x);
                let lower = |x: usize| m(1, x) - m(2, x) - m(3, x);
                to[0].0[2 * square][i] = upper(0) + upper(1) + upper(2);
                to[0].0[2 * square + 1][i] = upper(1) - upper(2) - upper(3);
                to[1].0[2 * square][i] = lower(0) + lower(1) + lower(2);
                to[1].0[2 * square + 1][i] = lower(1) - lower(2) - lower(3);
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
                check::<f32>(height, width, inputs, outputs, 1e-5);
                check::<Bf16>(height, width, inputs, outputs, 0.06);
            }
        }
    }
}

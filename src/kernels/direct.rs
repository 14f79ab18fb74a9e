//! Convolutions as sums of products of what lies in the plane, without copies of their windows.
//!
//! With a zero border around the picture ([`Plane`]), a row of output pixels is Σ_ky A_ky·B_ky: row x of A_ky is the
//! run of k·Cin numbers that begins at pixel x, ky rows further down. The gradient of the input is the same with
//! turned weights. The gradient of the weights is, for each of the k² shifts, a product over all pixels.

use super::element::Element;
use super::geometry::{Block, Geometry, pack_windows};
use super::output::{Finish, Target, strip};
use super::pack::Packed;
use super::plane::{Channels, Extent, Plane};
use super::tile::{Factors, PANEL, Tile};

/// Packs weights [outputs, inputs, k, k] for [`convolve`].
pub fn pack_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    let Geometry { inputs, outputs, kernel, .. } = *geometry;
    let window = kernel * kernel;
    pack_windows(kernel, kernel * inputs, outputs, |column, width, rows| {
        for n in 0..width {
            let windows = weights[(column + n) * inputs * window..].chunks_exact(window);
            for (input, values) in windows.take(inputs).enumerate() {
                for (place, value) in values.iter().enumerate() {
                    rows[(place * inputs + input) * width + n] = *value;
                }
            }
        }
    })
}

/// Packs the weights [outputs, inputs, k, k] of `geometry` turned by half a turn and with inputs and outputs
/// exchanged, for [`convolve`] of the turned geometry.
pub fn pack_turned_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    let Geometry { inputs, outputs, kernel, .. } = *geometry;
    let window = kernel * kernel;
    pack_windows(kernel, kernel * outputs, inputs, |column, width, rows| {
        for output in 0..outputs {
            let windows = weights[(output * inputs + column) * window..].chunks_exact(window);
            for (n, values) in windows.take(width).enumerate() {
                for (place, value) in values.iter().enumerate() {
                    rows[((window - 1 - place) * outputs + output) * width + n] = *value;
                }
            }
        }
    })
}

/// The convolution of a plane; `take` takes each block of its sums.
///
/// # Panics
/// If the weights are not those of a window of 2 · border + 1 pixels and these channels.
pub fn convolve<E: Element>(plane: &Plane<E>, weights: &Packed<E>, mut take: impl FnMut(Block, &Tile)) {
    let extent = plane.extent();
    let Extent { channels, width, border, .. } = extent;
    let (size, line) = (2 * border + 1, extent.line());
    let length = E::padded(size * channels);
    assert_eq!(weights.depth, size * length);
    let shifts: Vec<usize> = (0..size).map(|ky| ky * line).collect();
    let session = E::kernels()[0].enter();
    let mut tile = Tile::zero();
    for column in (0..weights.columns).step_by(PANEL) {
        let columns = PANEL.min(weights.columns - column);
        let b = weights.panel(column).as_ptr();
        for y in 0..extent.rows {
            for x in (0..width).step_by(session.rows()) {
                let rows = session.rows().min(width - x);
                let a = plane.data()[y * line + x * channels..].as_ptr();
                let factors = Factors { a, row_stride: channels, step: E::GROUP, shifts: &shifts, length, b };
                // SAFETY: from here the last shift is `size` - 1 lines on; a line and what a plane has beyond its end
                // hold `width` pixels rounded up to the row group, and a step. The panel has `size * length` rows.
                unsafe { session.run(&factors, rows, columns, &mut tile.0) };
                take(Block { y, x, column, rows, columns }, &tile);
            }
        }
    }
}

/// Adds the gradient of the weights, [k², outputs, inputs], from the planes of the input and of the gradient of the
/// output.
pub fn add_weight_sums<E: Element>(x: &Plane<E>, gradient: &Plane<E>, sums: &mut [f32]) {
    let Extent { channels: inputs, border, .. } = x.extent();
    let (outputs, pitch, size) = (gradient.extent().channels, x.extent().pitch(), 2 * border + 1);
    assert!(gradient.extent() == Extent { channels: outputs, ..x.extent() });
    assert_eq!(sums.len(), size * size * inputs * outputs);
    let Channels { data, row_stride, length } = gradient.channels();
    let terms = x.terms(length);
    let session = E::kernels()[0].enter();
    let mut tile = Tile::zero();
    for column in (0..inputs).step_by(PANEL) {
        let columns = PANEL.min(inputs - column);
        for place in 0..size * size {
            let b = terms.panel(column, place / size * pitch + place % size);
            assert!(b.len() >= length * PANEL);
            let factors =
                Factors { a: data.as_ptr(), row_stride, step: E::GROUP, shifts: &[0], length, b: b.as_ptr() };
            let sums = &mut sums[place * outputs * inputs..][..outputs * inputs];
            // SAFETY: there are `outputs` rows of `length` values, and whole row groups; the panel has as many rows.
            // Row i, column j of the sums is `sums[i * inputs + column + j]`.
            unsafe {
                let out = Target::of(sums).at(column);
                strip(&session, &factors, outputs, columns, out, inputs, &Finish::ADD, &mut tile);
            }
        }
    }
}

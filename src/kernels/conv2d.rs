//! Convolutions of channels-last pictures, without copies of their windows.
//!
//! With a zero border around the picture ([`Plane`]), a row of output pixels is Σ_ky A_ky·B_ky: row x of A_ky is the
//! run of k·Cin numbers that begins at pixel x, ky rows further down. The gradient of the input is the same with
//! turned weights. The gradient of the weights is, for each of the k² shifts, a product over all pixels.

use rayon::prelude::*;

use super::element::Element;
use super::output::{Finish, Target, filled, strip, write};
use super::pack::{self, Packed};
use super::plane::{Channels, Extent, Plane};
use super::rows::sum_parts;
use super::scratch::Scratch;
use super::tile::{Factors, PANEL, Tile};

/// The sizes of a convolution with stride 1 and a zero border of `kernel / 2`.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Pictures.
    pub batch: usize,
    /// Rows of a picture.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of the window, odd.
    pub kernel: usize,
}

/// A horizontal band of one picture.
struct Band {
    picture: usize,
    top: usize,
    rows: usize,
}

impl Geometry {
    /// The convolution that carries gradients back.
    pub fn turned(&self) -> Self {
        Self { inputs: self.outputs, outputs: self.inputs, ..*self }
    }

    /// Values of the weights.
    pub(super) fn weights(&self) -> usize {
        self.kernel * self.kernel * self.inputs * self.outputs
    }

    /// `rows` rows with a border and as many `channels`.
    pub(super) fn extent(&self, rows: usize, channels: usize) -> Extent {
        Extent { rows, width: self.width, channels, border: self.kernel / 2 }
    }

    fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    fn bands(&self, rows: usize) -> usize {
        self.height.div_ceil(rows)
    }

    /// Band `index` of the whole batch, in bands of `rows` rows.
    fn band(&self, index: usize, rows: usize) -> Band {
        let bands = self.bands(rows);
        let top = index % bands * rows;
        Band { picture: index / bands, top, rows: rows.min(self.height - top) }
    }

    /// A band of the pictures `x` with `channels`; its border holds what is there in the picture.
    fn plane<E: Element>(&self, band: &Band, x: &[f32], channels: usize) -> Plane<E> {
        let len = self.width * channels;
        Plane::of(self.extent(band.rows, channels), |y| {
            let y = band.top.checked_add_signed(y).filter(|y| *y < self.height)?;
            Some(&x[(band.picture * self.height + y) * len..][..len])
        })
    }
}

/// Packs weights [outputs, inputs, k, k] for [`forward`].
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
/// exchanged, for [`forward`] of the turned geometry.
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

/// The factors of `terms` products of `length` each; `rows(column, width, to)` writes the columns of a panel:
/// [terms, length, width].
pub(super) fn pack_windows<E: Element>(
    terms: usize,
    length: usize,
    outputs: usize,
    rows: impl Fn(usize, usize, &mut [f32]) + Sync,
) -> Packed<E> {
    let depth = E::padded(length);
    Packed::from_panels(terms * depth, outputs, |column, to| {
        let width = PANEL.min(outputs - column);
        let mut all = Scratch::new(terms * length * width);
        rows(column, width, &mut all);
        for (all, to) in all.chunks_exact(length * width).zip(to.chunks_exact_mut(depth * PANEL)) {
            pack::panel_from_rows(length, |k| Some(&all[k * width..][..width]), to);
        }
    })
}

/// A block of results: `rows` pixels of row `y` from pixel `x` on, `columns` channels from `column` on.
pub(super) struct Block {
    pub y: usize,
    pub x: usize,
    pub column: usize,
    pub rows: usize,
    pub columns: usize,
}

/// The convolution of a plane; `take` takes each block of its sums.
///
/// # Panics
/// If the weights are not those of a window of 2 · border + 1 pixels and these channels.
pub(super) fn convolve<E: Element>(
    plane: &Plane<E>,
    weights: &Packed<E>,
    mut take: impl FnMut(Block, &Tile),
) {
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

/// `finish(conv(x))`, [batch, height, width, outputs].
///
/// # Panics
/// If a slice is too short for the geometry.
pub fn forward<E: Element>(
    geometry: &Geometry,
    x: &[f32],
    weights: &Packed<E>,
    finish: &Finish<'_>,
) -> Vec<f32> {
    /// Rows of a band: few enough for the second-level cache, many against the border.
    const ROWS: usize = 16;
    let Geometry { batch, height, width, inputs, outputs, .. } = *geometry;
    assert_eq!(x.len(), geometry.pixels() * inputs);
    assert_eq!(weights.columns, outputs);
    if let Some(residual) = finish.residual {
        assert_eq!(residual.len(), geometry.pixels() * outputs);
    }
    let fill = |out: Target| {
        (0..batch * geometry.bands(ROWS)).into_par_iter().for_each(|index| {
            let band = geometry.band(index, ROWS);
            let plane = geometry.plane::<E>(&band, x, inputs);
            let first = band.picture * height + band.top;
            convolve(&plane, weights, |Block { y, x, column, rows, columns }, tile| {
                let offset = ((first + y) * width + x) * outputs + column;
                // SAFETY: output rows belong to one band, and the bands do not overlap.
                unsafe {
                    write(tile, rows, columns, out.at(offset), outputs, &finish.at(offset, column));
                }
            });
        });
    };
    // SAFETY: the bands hold every row of every picture, and all columns are written.
    unsafe { filled(geometry.pixels() * outputs, fill) }
}

/// The gradient of the weights, [outputs, inputs, k, k], from the input and the gradient of the output.
///
/// # Panics
/// If a slice is too short for the geometry.
pub fn weight_gradient<E: Element>(geometry: &Geometry, x: &[f32], gradient: &[f32]) -> Vec<f32> {
    /// Sums taken apart and added in order; a constant, so that the result does not depend on the threads.
    const PARTS: usize = 16;
    /// Pixels in a band.
    const PIXELS: usize = 2304;
    let Geometry { batch, height, width, inputs, outputs, .. } = *geometry;
    assert_eq!(x.len(), geometry.pixels() * inputs);
    assert_eq!(gradient.len(), geometry.pixels() * outputs);
    let len = geometry.weights();
    if len == 0 {
        return Vec::new();
    }
    let rows = (PIXELS / width.max(1)).clamp(1, height.max(1));
    let bands = batch * geometry.bands(rows);
    let parts = bands.clamp(1, PARTS);
    let mut sums = vec![0.0; parts * len];
    sums.par_chunks_exact_mut(len).enumerate().for_each(|(part, sums)| {
        for index in part * bands / parts..(part + 1) * bands / parts {
            let band = geometry.band(index, rows);
            let x = geometry.plane::<E>(&band, x, inputs);
            let gradient = geometry.plane::<E>(&band, gradient, outputs);
            add_weight_sums(&x, &gradient, sums);
        }
    });
    unfolded(geometry, &sum_parts(sums, len))
}

/// Adds the gradient of the weights, [k², outputs, inputs], from the planes of the input and of the gradient of the
/// output.
pub(super) fn add_weight_sums<E: Element>(x: &Plane<E>, gradient: &Plane<E>, sums: &mut [f32]) {
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

/// [k², outputs, inputs] as [outputs, inputs, k, k].
pub(super) fn unfolded(geometry: &Geometry, sums: &[f32]) -> Vec<f32> {
    let Geometry { inputs, outputs, kernel, .. } = *geometry;
    let window = kernel * kernel;
    let mut out = vec![0.0; window * inputs * outputs];
    for (place, sums) in sums.chunks_exact((inputs * outputs).max(1)).enumerate() {
        for (out, sum) in out.chunks_exact_mut(window).zip(sums) {
            out[place] = *sum;
        }
    }
    out
}

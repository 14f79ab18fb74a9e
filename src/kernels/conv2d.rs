//! Convolutions of channels-last pictures, without copies of their windows.
//!
//! With a zero border around the picture, a row of output pixels is Σ_ky A_ky·B_ky: row x of A_ky is the run of
//! k·Cin numbers that begins at pixel x, ky rows further down. The gradient of the input is the same with turned
//! weights. The gradient of the weights is, for each of the k² shifts, a product over all pixels.

use rayon::prelude::*;

use super::element::Element;
use super::output::{Finish, Target, filled, strip};
use super::pack::{self, Packed};
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

    fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    /// Pixels of a row with its border.
    fn pitch(&self) -> usize {
        self.width + self.kernel - 1
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

    /// Row `y` (counted with the border) of a band in the picture `x` with `channels`; `None` in the border.
    fn row<'a>(&self, band: &Band, y: usize, x: &'a [f32], channels: usize) -> Option<&'a [f32]> {
        let y = (band.top + y).checked_sub(self.kernel / 2).filter(|y| *y < self.height)?;
        let len = self.width * channels;
        Some(&x[(band.picture * self.height + y) * len..][..len])
    }
}

/// Packs weights [outputs, inputs, k, k] for [`forward`].
pub fn pack_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    let Geometry { inputs, kernel, .. } = *geometry;
    let window = kernel * kernel;
    pack_windows(geometry, |place, input, output| weights[(output * inputs + input) * window + place])
}

/// Packs the weights [outputs, inputs, k, k] of `geometry` turned by half a turn and with inputs and outputs
/// exchanged, for [`forward`] of the turned geometry.
pub fn pack_turned_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    let Geometry { inputs, kernel, .. } = *geometry;
    let window = kernel * kernel;
    pack_windows(&geometry.turned(), |place, output, input| {
        weights[(output * inputs + input) * window + (window - 1 - place)]
    })
}

/// `weight(place in the window, input, output)`.
fn pack_windows<E: Element>(
    geometry: &Geometry,
    weight: impl Fn(usize, usize, usize) -> f32 + Sync,
) -> Packed<E> {
    let Geometry { inputs, outputs, kernel, .. } = *geometry;
    let length = kernel * inputs;
    let depth = E::padded(length);
    Packed::from_panels(kernel * depth, outputs, |column, to| {
        let width = PANEL.min(outputs - column);
        let mut rows = vec![0.0; length * width];
        for (ky, to) in to.chunks_exact_mut(depth * PANEL).enumerate() {
            for (k, row) in rows.chunks_exact_mut(width).enumerate() {
                let place = ky * kernel + k / inputs;
                for (n, value) in row.iter_mut().enumerate() {
                    *value = weight(place, k % inputs, column + n);
                }
            }
            pack::panel_from_rows(length, |k| Some(&rows[k * width..][..width]), to);
        }
    })
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
    let Geometry { batch, height, width, inputs, outputs, kernel: size } = *geometry;
    let length = E::padded(size * inputs);
    assert_eq!(x.len(), geometry.pixels() * inputs);
    assert_eq!((weights.depth, weights.columns), (size * length, outputs));
    if let Some(residual) = finish.residual {
        assert_eq!(residual.len(), geometry.pixels() * outputs);
    }
    let kernel = E::kernels()[0];
    let line = geometry.pitch() * inputs;
    let shifts: Vec<usize> = (0..size).map(|ky| ky * line).collect();
    let fill = |out: Target| {
        (0..batch * geometry.bands(ROWS)).into_par_iter().for_each(|index| {
            let band = geometry.band(index, ROWS);
            let session = kernel.enter();
            let mut tile = Tile::zero();
            // Whole row groups and whole steps are read beyond the last pixel.
            let spare = kernel.row_group * inputs + E::MULTIPLE;
            let mut padded = Scratch::new((band.rows + size - 1) * line + spare);
            pad(geometry, &band, x, &mut padded);
            for column in (0..outputs).step_by(PANEL) {
                for y in 0..band.rows {
                    let offset = ((band.picture * height + band.top + y) * width) * outputs + column;
                    let factors = Factors {
                        a: padded[y * line..].as_ptr(),
                        row_stride: inputs,
                        shifts: &shifts,
                        length,
                        b: weights.panel(column).as_ptr(),
                    };
                    let columns = PANEL.min(outputs - column);
                    // SAFETY: from the start of row y of `padded`, the last shift is (size - 1) lines; a line and
                    // the spare part hold `width` pixels rounded up to the row group, and a step beyond. The panel
                    // has `size * length` rows. Output rows belong to one band, and the bands do not overlap.
                    unsafe {
                        let finish = finish.at(offset, column);
                        strip(
                            &session,
                            &factors,
                            width,
                            columns,
                            out.at(offset),
                            outputs,
                            &finish,
                            &mut tile,
                        );
                    }
                }
            }
        });
    };
    // SAFETY: the bands hold every row of every picture, and all columns are written.
    unsafe { filled(geometry.pixels() * outputs, fill) }
}

/// Copies a band with its border of zeros.
fn pad<E: Element>(geometry: &Geometry, band: &Band, x: &[f32], to: &mut [E]) {
    let border = geometry.kernel / 2 * geometry.inputs;
    let line = geometry.pitch() * geometry.inputs;
    let (lines, spare) = to.split_at_mut((band.rows + geometry.kernel - 1) * line);
    for (y, to) in lines.chunks_exact_mut(line.max(1)).enumerate() {
        match geometry.row(band, y, x, geometry.inputs) {
            Some(row) => {
                to[..border].fill(E::default());
                E::convert(row, &mut to[border..border + row.len()]);
                to[border + row.len()..].fill(E::default());
            }
            None => to.fill(E::default()),
        }
    }
    spare.fill(E::default());
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
    let Geometry { batch, height, width, inputs, outputs, kernel: size } = *geometry;
    assert_eq!(x.len(), geometry.pixels() * inputs);
    assert_eq!(gradient.len(), geometry.pixels() * outputs);
    let window = size * size;
    let len = window * inputs * outputs;
    if len == 0 {
        return Vec::new();
    }
    let rows = (PIXELS / width.max(1)).clamp(1, height.max(1));
    let bands = batch * geometry.bands(rows);
    let parts = bands.clamp(1, PARTS);
    let mut sums = vec![0.0; parts * len];
    sums.par_chunks_exact_mut(len).enumerate().for_each(|(part, sums)| {
        for index in part * bands / parts..(part + 1) * bands / parts {
            add_band::<E>(geometry, &geometry.band(index, rows), x, gradient, sums);
        }
    });
    let (total, rest) = sums.split_at_mut(len);
    total.par_chunks_mut(4096).enumerate().for_each(|(chunk, total)| {
        for part in rest.chunks_exact(len) {
            let part = &part[chunk * 4096..];
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
    });
    let mut out = vec![0.0; len];
    out.par_chunks_exact_mut(inputs * window).enumerate().for_each(|(output, out)| {
        for (index, value) in out.iter_mut().enumerate() {
            let (input, place) = (index / window, index % window);
            *value = total[(place * inputs + input) * outputs + output];
        }
    });
    out
}

/// Adds the sums over one band to `sums`, [k², inputs, outputs].
fn add_band<E: Element>(geometry: &Geometry, band: &Band, x: &[f32], gradient: &[f32], sums: &mut [f32]) {
    let Geometry { height, width, inputs, outputs, kernel: size, .. } = *geometry;
    let kernel = E::kernels()[0];
    let session = kernel.enter();
    let mut tile = Tile::zero();
    let pitch = geometry.pitch();
    // Where the sum must go in whole steps, the band is one long run, its borders against zeros of the gradient.
    let whole = E::MULTIPLE > 1;
    let line = if whole { pitch } else { width };
    let pixels = band.rows * line;
    let depth = E::padded(pixels);

    // The picture, channel by channel.
    let plane = ((band.rows + size - 1) * pitch + size).next_multiple_of(32) + 32 + 64 / size_of::<E>();
    let mut planes = Scratch::new(inputs.next_multiple_of(kernel.row_group) * plane);
    planes[..inputs * plane].fill(E::default());
    for y in 0..band.rows + size - 1 {
        if let Some(row) = geometry.row(band, y, x, inputs) {
            let start = y * pitch + size / 2;
            pack::transposed(inputs, width, row, inputs, &mut planes[start..], plane);
        }
    }

    let mut panel = Scratch::new(depth * PANEL);
    for column in (0..outputs).step_by(PANEL) {
        let columns = PANEL.min(outputs - column);
        let pixel = |k: usize| {
            let (y, x) = (k / line, k % line);
            let pixel = (band.picture * height + band.top + y) * width + x;
            (x < width).then(|| &gradient[pixel * outputs + column..][..columns])
        };
        pack::panel_from_rows(pixels, pixel, &mut panel);
        for place in 0..size * size {
            let shift = place / size * pitch + place % size;
            let lines: Vec<usize> =
                if whole { vec![shift] } else { (0..band.rows).map(|y| y * pitch + shift).collect() };
            let factors = Factors {
                a: planes.as_ptr(),
                row_stride: plane,
                shifts: &lines,
                length: if whole { depth } else { width },
                b: panel.as_ptr(),
            };
            let sums = &mut sums[place * inputs * outputs..][..inputs * outputs];
            // SAFETY: a plane is readable `depth` elements beyond the last shift, (size - 1) * (pitch + 1), and the
            // planes are rounded up to the row group. The panel has `depth` rows, which is `lines * length`. The
            // sums are ours: row i, column j of the output is `sums[i * outputs + column + j]`.
            unsafe {
                let out = Target::of(sums).at(column);
                strip(&session, &factors, inputs, columns, out, outputs, &Finish::ADD, &mut tile);
            }
        }
    }
}

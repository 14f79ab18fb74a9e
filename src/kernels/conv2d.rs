//! Convolutions of channels-last pictures.

use rayon::prelude::*;

use super::direct;
use super::element::Element;
pub use super::geometry::Geometry;
use super::geometry::{self, Block};
use super::output::{Finish, Target, filled, pieces, write};
use super::pack::Packed;
use super::plane::Plane;
use super::rows::sum_parts;
use super::tile::Tile;
use super::winograd;

/// How a convolution is computed. What is made by one way is for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As the sum of products that it is.
    Direct,
    /// With fewer products.
    Winograd,
}

impl Way {
    /// That of a convolution by itself: the direct one with bf16, since squares lose more by rounding than their pixels do, and
    /// where there are so few channels that what makes squares of them takes longer than the products.
    pub fn alone<E: Element>(geometry: &Geometry) -> Self {
        /// By measurement; 3 are too few, 12 are not.
        const CHANNELS: usize = 8;
        match E::GROUP == 1 && geometry.inputs >= CHANNELS {
            true => Self::in_chain::<E>(geometry),
            false => Self::Direct,
        }
    }

    /// That of a convolution in a chain, whose result is added to what it was made of.
    pub fn in_chain<E: Element>(geometry: &Geometry) -> Self {
        match winograd::serves::<E>(geometry) {
            true => Self::Winograd,
            false => Self::Direct,
        }
    }

    /// Packs weights [outputs, inputs, k, k] for [`Way::convolve`].
    pub fn pack_weights<E: Element>(self, geometry: &Geometry, weights: &[f32]) -> Packed<E> {
        match self {
            Self::Direct => direct::pack_weights(geometry, weights),
            Self::Winograd => winograd::pack_weights(geometry, weights),
        }
    }

    /// The same of the convolution that carries gradients back.
    pub fn pack_turned_weights<E: Element>(self, geometry: &Geometry, weights: &[f32]) -> Packed<E> {
        match self {
            Self::Direct => direct::pack_turned_weights(geometry, weights),
            Self::Winograd => winograd::pack_turned_weights(geometry, weights),
        }
    }

    /// The convolution of a plane; `take` takes each block of its sums.
    ///
    /// # Panics
    /// If the weights are not those of the plane's channels and border.
    pub fn convolve<E: Element>(self, plane: &Plane<E>, weights: &Packed<E>, take: impl FnMut(Block, &Tile)) {
        match self {
            Self::Direct => direct::convolve(plane, weights, take),
            Self::Winograd => winograd::convolve(plane, weights, take),
        }
    }

    /// Values of what [`Way::add_weight_sums`] adds to.
    pub fn weight_sums(self, geometry: &Geometry) -> usize {
        match self {
            Self::Direct => geometry.weights(),
            Self::Winograd => winograd::weight_sums(geometry),
        }
    }

    /// Adds the gradient of the weights, in sums that [`Way::unfolded`] makes weights of, from the planes of the input and of the
    /// gradient of the output.
    pub fn add_weight_sums<E: Element>(self, x: &Plane<E>, gradient: &Plane<E>, sums: &mut [f32]) {
        match self {
            Self::Direct => direct::add_weight_sums(x, gradient, sums),
            Self::Winograd => winograd::add_weight_sums(x, gradient, sums),
        }
    }

    /// The gradient of the weights, [outputs, inputs, k, k].
    pub fn unfolded(self, geometry: &Geometry, sums: &[f32]) -> Vec<f32> {
        match self {
            Self::Direct => geometry::unfolded(geometry, sums),
            Self::Winograd => winograd::unfolded(geometry, sums),
        }
    }
}

/// Packs weights [outputs, inputs, k, k] for [`forward`].
pub fn pack_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    Way::alone::<E>(geometry).pack_weights(geometry, weights)
}

/// Packs the weights [outputs, inputs, k, k] of `geometry` turned by half a turn and with inputs and outputs
/// exchanged, for [`forward`] of the turned geometry.
pub fn pack_turned_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    Way::alone::<E>(&geometry.turned()).pack_turned_weights(geometry, weights)
}

/// A horizontal band of one picture.
struct Band {
    picture: usize,
    top: usize,
    rows: usize,
}

impl Geometry {
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
    let way = Way::alone::<E>(geometry);
    let fill = |out: Target| {
        pieces(batch * geometry.bands(ROWS)).for_each(|index| {
            let band = geometry.band(index, ROWS);
            let plane = geometry.plane::<E>(&band, x, inputs);
            let first = band.picture * height + band.top;
            way.convolve(&plane, weights, |Block { y, x, column, rows, columns }, tile| {
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
    let way = Way::alone::<E>(geometry);
    let len = way.weight_sums(geometry);
    if len == 0 {
        return Vec::new();
    }
    let rows = (PIXELS / width.max(1)).clamp(1, height.max(1));
    let bands = batch * geometry.bands(rows);
    let parts = bands.clamp(1, PARTS);
    let mut sums = vec![0.0; parts * len];
    // One by one, as `pieces`.
    sums.par_chunks_exact_mut(len).enumerate().with_max_len(1).for_each(|(part, sums)| {
        for index in part * bands / parts..(part + 1) * bands / parts {
            let band = geometry.band(index, rows);
            let x = geometry.plane::<E>(&band, x, inputs);
            let gradient = geometry.plane::<E>(&band, gradient, outputs);
            way.add_weight_sums(&x, &gradient, sums);
        }
    });
    way.unfolded(geometry, &sum_parts(sums, len))
}

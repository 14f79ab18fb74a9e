//! Chains of residual blocks, x + conv(relu(conv(x))), one picture at a time from end to end.
//!
//! What goes from layer to layer stays in the second-level cache: the sum in f32, the inputs of the convolutions as
//! planes of elements, which are also all that the way back needs.

use rayon::prelude::*;

use super::conv2d::Way;
use super::element::Element;
use super::geometry::{Block, Geometry};
use super::output::{Finish, Gate, Target, write};
use super::pack::Packed;
use super::plane::Plane;
use super::rows::{add_rows, sum_parts};
use super::tile::Tile;

/// Packed weights of a block's two convolutions, or the turned ones.
pub type Weights<'a, E> = [&'a Packed<E>; 2];

/// Packs weights [C, C, k, k] for [`forward`].
pub fn pack_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    Way::in_chain::<E>(geometry).pack_weights(geometry, weights)
}

/// Packs the same for [`backward`].
pub fn pack_turned_weights<E: Element>(geometry: &Geometry, weights: &[f32]) -> Packed<E> {
    Way::in_chain::<E>(geometry).pack_turned_weights(geometry, weights)
}

/// The inputs of a block's two convolutions.
pub type Inputs<E> = [Plane<E>; 2];

/// The gradients of a convolution: of the weights, [C, C, k, k], and of the biases.
pub struct Gradient {
    /// Of the weights.
    pub weights: Vec<f32>,
    /// Of the biases.
    pub bias: Vec<f32>,
}

/// The last block's result for `x`, [batch, height, width, C], and, if `keep`, each picture's inputs of the
/// convolutions, block by block. `geometry` is that of all convolutions; `biases` are each block's two.
///
/// # Panics
/// If a slice is too short for the geometry.
pub fn forward<E: Element>(
    geometry: &Geometry,
    x: &[f32],
    weights: &[Weights<'_, E>],
    biases: &[[&[f32]; 2]],
    keep: bool,
) -> (Vec<f32>, Vec<Vec<Inputs<E>>>) {
    let way = Way::in_chain::<E>(geometry);
    let extent = geometry.extent(geometry.height, geometry.inputs);
    let mut out = x.to_vec();
    let picture = |sum: &mut [f32]| {
        let (mut kept, mut spare) = (Vec::new(), None);
        for ([first, second], [first_bias, second_bias]) in weights.iter().zip(biases) {
            // Their borders are zero, and all else is written anew.
            let [mut input, mut inner] =
                spare.take().unwrap_or_else(|| [(); 2].map(|()| Plane::<E>::zero(extent)));
            input.fill(sum);
            way.convolve(&input, first, |Block { y, x, column, rows, columns }, tile| {
                let to = &mut inner.data_mut()[extent.at(y, x) + column..];
                E::write_gated(tile, rows, columns, to, extent.channels, &Gate::Relu(&first_bias[column..]));
            });
            way.convolve(&inner, second, |block, tile| add(geometry, sum, &block, tile, Some(second_bias)));
            match keep {
                true => kept.push([input, inner]),
                false => spare = Some([input, inner]),
            }
        }
        kept
    };
    let kept = out.par_chunks_exact_mut(picture_len(geometry)).map(picture).collect();
    (out, kept)
}

/// The gradient of the chain's input, and those of each block's two convolutions, from the gradient of its result and
/// what [`forward`] kept. `turned` are the weights of the turned convolutions.
///
/// # Panics
/// If a slice is too short for the geometry.
pub fn backward<E: Element>(
    geometry: &Geometry,
    mut gradient: Vec<f32>,
    kept: Vec<Vec<Inputs<E>>>,
    turned: &[Weights<'_, E>],
) -> (Vec<f32>, Vec<[Gradient; 2]>) {
    /// Pictures whose gradients are summed in one piece; a constant, so that sums do not depend on the threads.
    const PICTURES: usize = 2;
    let Geometry { height, outputs, .. } = *geometry;
    let extent = geometry.extent(height, outputs);
    // All gradients of one convolution, one after the other.
    let way = Way::in_chain::<E>(geometry);
    let weights = way.weight_sums(geometry);
    let each = weights + outputs;
    let all = 2 * turned.len() * each;
    let picture = |sum: &mut [f32], kept: Vec<Inputs<E>>, totals: &mut [f32]| {
        // Their borders are zero, and all else is written anew for each block.
        let [mut outer, mut middle] = [(); 2].map(|()| Plane::<E>::zero(extent));
        let blocks = kept.into_iter().zip(turned).zip(totals.chunks_exact_mut(2 * each)).rev();
        for (([input, inner], [first, second]), totals) in blocks {
            let (first_total, second_total) = totals.split_at_mut(each);
            outer.fill(sum);
            let (sums, bias) = second_total.split_at_mut(weights);
            add_rows(sum, bias);
            way.add_weight_sums(&inner, &outer, sums);
            way.convolve(&outer, second, |Block { y, x, column, rows, columns }, tile| {
                let place = extent.at(y, x) + column;
                let gate = Gate::Where(&inner.data()[place..]);
                E::write_gated(tile, rows, columns, &mut middle.data_mut()[place..], extent.channels, &gate);
            });
            let (sums, bias) = first_total.split_at_mut(weights);
            add_rows(&middle.data()[..extent.lines() * extent.line()], bias);
            way.add_weight_sums(&input, &middle, sums);
            way.convolve(&middle, first, |block, tile| add(geometry, sum, &block, tile, None));
        }
    };
    let len = picture_len(geometry);
    let mut totals = vec![0.0; kept.len().div_ceil(PICTURES) * all];
    let parts = gradient.par_chunks_mut(PICTURES * len).zip(kept.into_par_iter().chunks(PICTURES));
    parts.zip(totals.par_chunks_exact_mut(all)).for_each(|((sums, kept), totals)| {
        for (sum, kept) in sums.chunks_exact_mut(len).zip(kept) {
            picture(sum, kept, totals);
        }
    });
    let totals = sum_parts(totals, all);
    let convolution = |totals: &[f32]| {
        let (sums, bias) = totals.split_at(weights);
        Gradient { weights: way.unfolded(geometry, sums), bias: bias.to_vec() }
    };
    let block = |totals: &[f32]| [convolution(&totals[..each]), convolution(&totals[each..])];
    (gradient, totals.chunks_exact(2 * each).map(block).collect())
}

/// Values of a picture; not 0, which is no size of chunks.
fn picture_len(geometry: &Geometry) -> usize {
    (geometry.height * geometry.width * geometry.inputs).max(1)
}

/// Adds a block of sums, and the bias if there is one, to the picture `sum`.
fn add(geometry: &Geometry, sum: &mut [f32], block: &Block, tile: &Tile, bias: Option<&[f32]>) {
    let &Block { y, x, column, rows, columns } = block;
    let channels = geometry.outputs;
    let sum = &mut sum[(y * geometry.width + x) * channels + column..][..(rows - 1) * channels + columns];
    let finish = Finish { bias: bias.map(|bias| &bias[column..]), ..Finish::ADD };
    // SAFETY: the slice holds these rows, and is ours.
    unsafe { write(tile, rows, columns, Target::of(sum), channels, &finish) };
}

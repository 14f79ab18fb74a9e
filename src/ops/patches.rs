//! Pictures to tokens and back.

use candle_core::{Result, Tensor};

use super::Pass;
use super::cpu::{tensor, with_values};
use crate::kernels::patches::Grid;

/// Cuts `[B, H, W, C]` into square patches: `[B, (H/P)·(W/P), C·P·P]`.
///
/// Tokens run along the rows; a token is ordered channel, row, column, as the published weights
/// expect. H and W are multiples of `patch`.
pub fn unfold(x: &Tensor, patch: usize, pass: Pass) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let grid = grid(batch, (height, width), channels, patch)?;
    cut(x, &grid, vec![batch, grid.rows * grid.columns, channels * patch * patch], pass)
}

/// Puts the tokens of [`unfold`] back into a `[B, height, width, C]` picture.
pub fn fold(tokens: &Tensor, patch: usize, height: usize, width: usize, pass: Pass) -> Result<Tensor> {
    let (batch, count, token) = tokens.dims3()?;
    let grid = grid(batch, (height, width), token / (patch * patch).max(1), patch)?;
    if count != grid.rows * grid.columns || token % (patch * patch) != 0 {
        candle_core::bail!("fold: {:?} does not make {height} × {width} of patches {patch}", tokens.dims());
    }
    join(tokens, &grid, pass)
}

/// `[B, H, W, C·r·r]` → `[B, H·r, W·r, C]`; channel `c·r·r + y·r + x` becomes pixel (y, x) of the
/// r × r block, as PyTorch's `PixelShuffle` does (Shi et al., 2016): each pixel is the token of a
/// patch. With r = 1 it is `x` itself.
pub fn pixel_shuffle(x: &Tensor, r: usize, pass: Pass) -> Result<Tensor> {
    if r == 1 {
        return Ok(x.clone());
    }
    let (batch, rows, columns, channels) = x.dims4()?;
    if r == 0 || channels % (r * r) != 0 {
        candle_core::bail!("pixel_shuffle: {channels} channels by {r}");
    }
    join(x, &Grid { batch, rows, columns, channels: channels / (r * r), side: r }, pass)
}

/// The inverse of [`pixel_shuffle`]: `[B, H·r, W·r, C]` → `[B, H, W, C·r·r]`.
pub fn pixel_unshuffle(x: &Tensor, r: usize, pass: Pass) -> Result<Tensor> {
    if r == 1 {
        return Ok(x.clone());
    }
    let (batch, height, width, channels) = x.dims4()?;
    let grid = grid(batch, (height, width), channels, r)?;
    cut(x, &grid, vec![batch, grid.rows, grid.columns, channels * r * r], pass)
}

/// A picture into patches, in whatever shape they shall come.
fn cut(x: &Tensor, grid: &Grid, shape: Vec<usize>, pass: Pass) -> Result<Tensor> {
    let grid = *grid;
    if !x.device().is_cpu() {
        return composed_unfold(x, &grid)?.reshape(shape);
    }
    let result = tensor(with_values([x], |[x]| grid.cut(x))?, shape)?;
    let input = x.clone();
    pass.record(&result, &[x], move |gradient, gradients| {
        gradients.add_values(&input, || with_values([&gradient], |[gradient]| grid.join(gradient)))
    });
    Ok(result)
}

/// Patches, in whatever shape they come, into a picture.
fn join(patches: &Tensor, grid: &Grid, pass: Pass) -> Result<Tensor> {
    let grid = *grid;
    if !patches.device().is_cpu() {
        return composed_fold(patches, &grid);
    }
    let shape = (grid.batch, grid.rows * grid.side, grid.columns * grid.side, grid.channels);
    let result = tensor(with_values([patches], |[patches]| grid.join(patches))?, shape)?;
    let input = patches.clone();
    pass.record(&result, &[patches], move |gradient, gradients| {
        gradients.add_values(&input, || with_values([&gradient], |[gradient]| grid.cut(gradient)))
    });
    Ok(result)
}

fn grid(batch: usize, (height, width): (usize, usize), channels: usize, side: usize) -> Result<Grid> {
    if side == 0 || height % side != 0 || width % side != 0 {
        candle_core::bail!("{height} × {width} pixels are not whole patches of {side}");
    }
    Ok(Grid { batch, rows: height / side, columns: width / side, channels, side })
}

/// [`unfold`] of candle's operators, for any device.
pub(super) fn composed_unfold(x: &Tensor, grid: &Grid) -> Result<Tensor> {
    let Grid { batch, rows, columns, channels, side } = *grid;
    x.reshape(vec![batch, rows, side, columns, side, channels])?.permute(vec![0, 1, 3, 5, 2, 4])?.reshape((
        batch,
        rows * columns,
        channels * side * side,
    ))
}

/// [`fold`] and [`pixel_shuffle`] of candle's operators, for any device.
pub(super) fn composed_fold(patches: &Tensor, grid: &Grid) -> Result<Tensor> {
    let Grid { batch, rows, columns, channels, side } = *grid;
    patches
        .reshape(vec![batch, rows, columns, channels, side, side])?
        .permute(vec![0, 1, 4, 2, 5, 3])?
        .reshape((batch, rows * side, columns * side, channels))
}

//! Pictures to tokens and back.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::cpu::{output, values};
use crate::kernels::patches::Grid;

/// Cuts `[B, H, W, C]` into square patches: `[B, (H/P)·(W/P), C·P·P]`.
///
/// Tokens run along the rows; a token is ordered channel, row, column, as the published weights
/// expect. H and W are multiples of `patch`.
pub fn unfold(x: &Tensor, patch: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let grid = grid(batch, (height, width), channels, patch)?;
    match x.device().is_cpu() {
        true => x.contiguous()?.apply_op1(Cut(grid)),
        false => composed_unfold(x, &grid),
    }
}

/// Puts the tokens of [`unfold`] back into a `[B, height, width, C]` picture.
pub fn fold(tokens: &Tensor, patch: usize, height: usize, width: usize) -> Result<Tensor> {
    let (batch, count, token) = tokens.dims3()?;
    let grid = grid(batch, (height, width), token / (patch * patch).max(1), patch)?;
    if count != grid.rows * grid.columns || token % (patch * patch) != 0 {
        candle_core::bail!("fold: {:?} does not make {height} × {width} of patches {patch}", tokens.dims());
    }
    match tokens.device().is_cpu() {
        true => tokens.contiguous()?.apply_op1(Join(grid)),
        false => composed_fold(tokens, &grid),
    }
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

/// [`fold`] of candle's operators, for any device.
pub(super) fn composed_fold(tokens: &Tensor, grid: &Grid) -> Result<Tensor> {
    let Grid { batch, rows, columns, channels, side } = *grid;
    tokens
        .reshape(vec![batch, rows, columns, channels, side, side])?
        .permute(vec![0, 1, 4, 2, 5, 3])?
        .reshape((batch, rows * side, columns * side, channels))
}

struct Cut(Grid);
struct Join(Grid);

impl CustomOp1 for Cut {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Grid { batch, rows, columns, channels, side } = self.0;
        Ok(output(self.0.cut(values(x, layout)?), (batch, rows * columns, channels * side * side)))
    }

    fn bwd(&self, _x: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op1_no_bwd(&Join(self.0)).map(Some)
    }
}

impl CustomOp1 for Join {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Grid { batch, rows, columns, channels, side } = self.0;
        Ok(output(self.0.join(values(x, layout)?), (batch, rows * side, columns * side, channels)))
    }

    fn bwd(&self, _x: &Tensor, _result: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        gradient.contiguous()?.apply_op1_no_bwd(&Cut(self.0)).map(Some)
    }
}

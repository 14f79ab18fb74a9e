//! Pictures to tokens and back.

use candle_core::{Result, Tensor};

/// Cuts `[B, H, W, C]` into square patches: `[B, (H/P)·(W/P), C·P·P]`.
///
/// Tokens run along the rows; a token is ordered channel, row, column, as the published weights
/// expect. H and W are multiples of `patch`.
pub fn unfold(x: &Tensor, patch: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let (rows, columns) = (height / patch, width / patch);
    x.reshape(vec![batch, rows, patch, columns, patch, channels])?.permute(vec![0, 1, 3, 5, 2, 4])?.reshape((
        batch,
        rows * columns,
        channels * patch * patch,
    ))
}

/// Puts the tokens of [`unfold`] back into a `[B, height, width, C]` picture.
pub fn fold(tokens: &Tensor, patch: usize, height: usize, width: usize) -> Result<Tensor> {
    let (batch, _, token) = tokens.dims3()?;
    let (rows, columns, channels) = (height / patch, width / patch, token / (patch * patch));
    tokens
        .reshape(vec![batch, rows, columns, channels, patch, patch])?
        .permute(vec![0, 1, 4, 2, 5, 3])?
        .reshape((batch, height, width, channels))
}

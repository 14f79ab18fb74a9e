//! Channels to pixels.

use candle_core::{Result, Tensor};

/// `[B, H, W, C·r·r]` → `[B, H·r, W·r, C]`; channel `c·r·r + y·r + x` becomes pixel (y, x) of the
/// r × r block, as PyTorch's `PixelShuffle` does (Shi et al., 2016).
pub fn pixel_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    x.reshape(vec![batch, height, width, channels / (r * r), r, r])?
        .permute(vec![0, 1, 4, 2, 5, 3])?
        .reshape((batch, height * r, width * r, channels / (r * r)))
}

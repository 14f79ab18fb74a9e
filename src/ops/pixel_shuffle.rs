//! Channels to pixels.

use candle_core::{Result, Tensor};

use super::fold;

/// `[B, H, W, C·r·r]` → `[B, H·r, W·r, C]`; channel `c·r·r + y·r + x` becomes pixel (y, x) of the
/// r × r block, as PyTorch's `PixelShuffle` does (Shi et al., 2016).
///
/// That is [`fold`]: each pixel is the token of a patch.
pub fn pixel_shuffle(x: &Tensor, r: usize) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    fold(&x.reshape((batch, height * width, channels))?, r, height * r, width * r)
}

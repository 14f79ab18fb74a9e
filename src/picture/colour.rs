//! Luminance as the field measures it.

/// Y of YCbCr (ITU-R BT.601, 16..=235) of an RGB pixel on the 0..=255 scale, unrounded: MATLAB's
/// `rgb2ycbcr` on floating-point pictures, as super-resolution papers use it.
pub fn luma([red, green, blue]: [f64; 3]) -> f64 {
    16.0 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_16_and_235() {
        assert_eq!(luma([0.0; 3]), 16.0);
        assert!((luma([255.0; 3]) - 235.0).abs() < 1e-9);
    }
}

//! WebP: lossless from the picture library, lossy from Google's libwebp, as no Rust encoder has it.

use std::{ptr, slice};

use image::ImageEncoder;
use image::codecs::webp::WebPEncoder;
use libwebp_sys::{WebPEncodeRGB, WebPEncodeRGBA, WebPFree};

use super::{by_library, spread};
use crate::error::{Error, Result};
use crate::picture::{Picture, Samples};

/// A picture of 8 bits with sides up to 16383; lossless without a quality.
pub(super) fn encode(picture: &Picture, quality: Option<u8>) -> Result<Vec<u8>> {
    if let Some(quality) = quality {
        return lossy(&spread(picture), quality);
    }
    by_library(picture, |file, [width, height], samples, colour| {
        WebPEncoder::new_lossless(file).write_image(samples, width, height, colour)
    })
}

/// Opacity stays exact.
fn lossy(picture: &Picture, quality: u8) -> Result<Vec<u8>> {
    let Samples::Eight(samples) = &picture.samples else {
        return Err(Error::Encode("a webp file holds 8 bits".into()));
    };
    let encode = if picture.layout.has_alpha() { WebPEncodeRGBA } else { WebPEncodeRGB };
    let stride = picture.width * picture.layout.channels();
    let quality = f32::from(quality.clamp(1, 100));
    let mut file = ptr::null_mut();
    // SAFETY: the encoder reads `height` rows of `stride` bytes, which is what a picture of three or
    // four channels has, and `fit` has kept the sides below 2^14, so that the sizes fit a C int. It
    // keeps no pointer. It sets `file` to memory of its own with as many bytes as it returns, or
    // returns 0.
    let length = unsafe {
        encode(
            samples.as_ptr(),
            picture.width as i32,
            picture.height as i32,
            stride as i32,
            quality,
            &raw mut file,
        )
    };
    if length == 0 || file.is_null() {
        return Err(Error::Encode("the webp encoder failed (too little memory, or too much detail)".into()));
    }
    // SAFETY: see above; the bytes are copied before they are given back, once.
    unsafe {
        let bytes = slice::from_raw_parts(file, length).to_vec();
        WebPFree(file.cast());
        Ok(bytes)
    }
}

//! JPEG, with a choice of colour resolution that the library's encoder lacks.

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use super::Chroma;
use crate::error::{Error, Result};
use crate::picture::{Layout, Picture, Samples};

/// Grey or RGB of 8 bits, sides up to 65535, as a baseline file with the standard's tables.
pub(super) fn encode(picture: &Picture, quality: u8, chroma: Chroma) -> Result<Vec<u8>> {
    let (Samples::Eight(samples), false) = (&picture.samples, picture.layout.has_alpha()) else {
        return Err(Error::Encode("a jpeg file holds grey or RGB of 8 bits".into()));
    };
    let side = |side: usize| u16::try_from(side).map_err(|error| Error::Encode(error.to_string()));
    let colour = if picture.layout == Layout::Grey { ColorType::Luma } else { ColorType::Rgb };
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality.clamp(1, 100));
    encoder.set_sampling_factor(match chroma {
        Chroma::Full => SamplingFactor::R_4_4_4,
        Chroma::Half => SamplingFactor::R_4_2_2,
        Chroma::Quarter => SamplingFactor::R_4_2_0,
    });
    // As libjpeg does; the encoder's own choice takes one pixel for all.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder
        .encode(samples, side(picture.width)?, side(picture.height)?, colour)
        .map_err(|error| Error::Encode(error.to_string()))?;
    Ok(file)
}

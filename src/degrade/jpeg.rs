//! The marks that JPEG compression leaves.

use crate::error::Result;
use crate::picture::{
    Chroma, EncodeOptions, Format, Layout, Metadata, Picture, Sample, Samples, decode, encode_with,
};

/// The picture as it comes back from a JPEG file of this quality, with colour at half resolution each
/// way as cameras have it. Opacity stays; of 16 bits the colours keep 8.
pub(super) fn compressed(picture: &Picture, quality: u8) -> Result<Picture> {
    let (width, height, layout) = (picture.width(), picture.height(), picture.layout());
    let Samples::Eight(samples) = picture.to_eight().into_samples() else { unreachable!("just narrowed") };
    let pixels = samples.chunks_exact(layout.channels());
    let colours = Samples::Eight(pixels.flat_map(|pixel| &pixel[..layout.colours()]).copied().collect());
    let opaque = if layout.colours() == 1 { Layout::Grey } else { Layout::Rgb };
    let options =
        EncodeOptions { jpeg_quality: quality, chroma: Chroma::Quarter, ..EncodeOptions::default() };
    let opaque = Picture::new(width, height, opaque, colours)?;
    let file = encode_with(&opaque, Format::Jpeg, &Metadata::default(), &options)?;
    let Samples::Eight(colours) = decode(&file)?.picture.into_samples() else { unreachable!("a JPEG file") };
    let samples = match picture.samples() {
        Samples::Eight(samples) => replaced(samples, layout, &colours),
        Samples::Sixteen(samples) => replaced(samples, layout, &colours),
    };
    Picture::new(width, height, layout, samples)
}

/// The samples with other colours.
fn replaced<T: Sample>(samples: &[T], layout: Layout, colours: &[u8]) -> Samples {
    let mut samples = samples.to_vec();
    let count = layout.colours();
    for (pixel, colours) in samples.chunks_exact_mut(layout.channels()).zip(colours.chunks_exact(count)) {
        for (sample, &colour) in pixel.iter_mut().zip(colours) {
            *sample = T::round_f32(f32::from(colour) * T::STEP);
        }
    }
    T::wrap(samples)
}

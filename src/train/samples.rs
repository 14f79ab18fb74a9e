//! RUN/samples: given | restored | truth, side by side, for the eye.

use std::path::{Path, PathBuf};

use super::validate::Sample;
use crate::error::{Error, Result};
use crate::picture::{Format, Layout, Picture, Samples, encode};

/// Sides of what is shown: the middle of the picture.
const SIDE: usize = 256;

/// Pictures shown of each task.
pub const SHOWN: usize = 3;

/// The file `folder`/TASK-NAME.png and what is to be in it: the middle of the three pictures.
pub fn file(folder: &Path, sample: &Sample) -> Result<(PathBuf, Vec<u8>)> {
    let parts = [middle(sample.given)?, middle(sample.restored)?, middle(sample.truth)?];
    let path = folder.join(format!("{}-{}.png", sample.task, sample.name));
    Ok((path, encode(&beside(&parts)?, Format::Png)?))
}

fn middle(picture: &Picture) -> Result<Picture> {
    let (width, height) = (picture.width().min(SIDE), picture.height().min(SIDE));
    picture.crop((picture.width() - width) / 2, (picture.height() - height) / 2, width, height)
}

/// 8-bit RGB pictures of one size, from left to right.
fn beside(pictures: &[Picture]) -> Result<Picture> {
    let (width, height) = (pictures[0].width(), pictures[0].height());
    let mut samples = Vec::with_capacity(3 * width * height * pictures.len());
    for row in 0..height {
        for picture in pictures {
            let rgb = picture.as_rgb8().ok_or_else(|| Error::Picture("samples are 8-bit RGB".into()))?;
            samples.extend_from_slice(&rgb[3 * width * row..][..3 * width]);
        }
    }
    Picture::new(width * pictures.len(), height, Layout::Rgb, Samples::Eight(samples))
}

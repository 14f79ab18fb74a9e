//! How near a restored picture is to its reference: PSNR and SSIM, on luma and on colour.
//!
//! The field's conventions, in one place: the luma Y of BT.601 (16..235, not rounded), 255 as the
//! peak, a border that is not counted, the mean of the values of the pictures. Sixteen-bit
//! samples are brought to 0..255 first. Opacity is not scored.

mod pairs;
mod psnr;
mod report;
mod ssim;

pub use pairs::{Pair, Pairs, match_up};
pub use psnr::psnr;
pub use report::{Report, Row};
pub use ssim::{WINDOW, ssim};

use crate::error::{Error, Result};
use crate::picture::{Picture, Samples, colour};
use crate::task::Task;

/// What is left out of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    /// The reference is cropped to a multiple of this many pixels, from its top left corner.
    pub multiple: usize,
    /// Pixels that are not counted on each of the four sides.
    pub shave: usize,
}

impl Protocol {
    /// The task's usual protocol: as many pixels as the scale for super-resolution, else none.
    /// `shave` overrides the border.
    pub fn new(task: Option<Task>, shave: Option<usize>) -> Self {
        let scale = task.map_or(1, Task::scale);
        let border = if scale > 1 { scale } else { 0 };
        Self { multiple: scale, shave: shave.unwrap_or(border) }
    }
}

/// The figures of one picture; PSNR in dB, infinite for identical pictures; SSIM up to 1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Score {
    /// PSNR of the luma.
    pub psnr_y: f64,
    /// SSIM of the luma.
    pub ssim_y: f64,
    /// PSNR from the squared error of all three channels together.
    pub psnr_rgb: f64,
    /// Mean of the three channels' SSIM.
    pub ssim_rgb: f64,
}

impl Score {
    /// The mean of each figure; infinite if one is. None of nothing.
    pub fn mean(scores: &[Score]) -> Option<Score> {
        let mean = |figure: fn(&Score) -> f64| scores.iter().map(figure).sum::<f64>() / scores.len() as f64;
        (!scores.is_empty()).then(|| Score {
            psnr_y: mean(|score| score.psnr_y),
            ssim_y: mean(|score| score.ssim_y),
            psnr_rgb: mean(|score| score.psnr_rgb),
            ssim_rgb: mean(|score| score.ssim_rgb),
        })
    }
}

/// One channel of a picture, row by row, on the scale 0..255.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Samples in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width · height` samples.
    pub samples: Vec<f64>,
}

/// Compares a restored picture with its reference.
///
/// # Errors
/// When the sizes differ (after cropping the reference to the protocol's multiple), or too little
/// is left for SSIM's window.
pub fn compare(restored: &Picture, reference: &Picture, protocol: Protocol) -> Result<Score> {
    let size = |picture: &Picture| (picture.width(), picture.height());
    let cropped = |(width, height): (usize, usize)| {
        (width - width % protocol.multiple, height - height % protocol.multiple)
    };
    // A restored picture of the uncropped size is as good: both lose the same pixels.
    if size(restored) != size(reference) && size(restored) != cropped(size(reference)) {
        return Err(Error::Picture(format!(
            "{}×{} pixels, but its reference has {}×{}",
            restored.width(),
            restored.height(),
            reference.width(),
            reference.height()
        )));
    }
    let (width, height) = cropped(size(reference));
    let shave = protocol.shave;
    let (Some(width), Some(height)) = (inner(width, shave), inner(height, shave)) else {
        return Err(Error::Picture(format!(
            "{width}×{height} pixels less a border of {shave} leave no room for SSIM's window of \
             {WINDOW}×{WINDOW}"
        )));
    };
    let area = Area { left: shave, top: shave, width, height };
    let rgb = [area.channels(restored), area.channels(reference)];
    // In two grey pictures all three channels are the same: one tells as much.
    let grey = rgb.iter().all(|channels| channels.len() == 1);
    let count = if grey { 1 } else { 3 };
    let channel = |side: usize, index: usize| &rgb[side][index % rgb[side].len()];
    let channels: Vec<(&Plane, &Plane)> = (0..count).map(|c| (channel(0, c), channel(1, c))).collect();
    let luma = rgb.each_ref().map(|channels| luma(channels));
    Ok(Score {
        psnr_y: psnr(&[(&luma[0], &luma[1])]),
        ssim_y: ssim(&luma[0], &luma[1]),
        psnr_rgb: psnr(&channels),
        ssim_rgb: channels.iter().map(|(a, b)| ssim(a, b)).sum::<f64>() / count as f64,
    })
}

/// What `shave` leaves of a side, if SSIM's window still fits.
fn inner(side: usize, shave: usize) -> Option<usize> {
    side.checked_sub(shave.checked_mul(2)?).filter(|&rest| rest >= WINDOW)
}

/// The part of the pictures that is counted.
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Area {
    /// The colour channels, one or three.
    fn channels(&self, picture: &Picture) -> Vec<Plane> {
        let stride = picture.layout().channels();
        let colours = stride - usize::from(picture.layout().has_alpha());
        (0..colours)
            .map(|channel| {
                let mut samples = Vec::with_capacity(self.width * self.height);
                for y in self.top..self.top + self.height {
                    let start = (y * picture.width() + self.left) * stride + channel;
                    let indices = (start..).step_by(stride).take(self.width);
                    match picture.samples() {
                        Samples::Eight(all) => samples.extend(indices.map(|i| f64::from(all[i]))),
                        Samples::Sixteen(all) => samples.extend(indices.map(|i| f64::from(all[i]) / 257.0)),
                    }
                }
                Plane { width: self.width, height: self.height, samples }
            })
            .collect()
    }
}

/// Y of BT.601, 16..235; grey is taken as R = G = B.
fn luma(channels: &[Plane]) -> Plane {
    let [red, green, blue] = [0, 1, 2].map(|channel| &channels[channel % channels.len()]);
    let samples = red.samples.iter().zip(&green.samples).zip(&blue.samples);
    Plane {
        width: red.width,
        height: red.height,
        samples: samples.map(|((&red, &green), &blue)| colour::luma([red, green, blue])).collect(),
    }
}

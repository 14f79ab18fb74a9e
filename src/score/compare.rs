//! Two pictures → their figures.

use super::figure::{Figure, Metric, Score};
use super::ms_ssim::{self, ms_ssim};
use super::protocol::Protocol;
use super::psnr::psnr;
use super::rows::{Area, Counted};
use super::ssim::{self, ssim};
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Compares a restored picture with its reference.
///
/// # Errors
/// When the sizes differ (after cropping the reference to the protocol's multiple), or too little
/// is left for a metric: SSIM takes 11 pixels a side, MS-SSIM 161.
pub fn compare(
    restored: &Picture,
    reference: &Picture,
    protocol: &Protocol,
    metrics: &[Metric],
) -> Result<Score> {
    let counted = counted(restored, reference, protocol)?;
    let Area { width, height, .. } = counted.area;
    for metric in metrics {
        let shortest = shortest(*metric);
        if width.min(height) < shortest {
            return Err(Error::Picture(format!(
                "{width}×{height} pixels are compared: {} takes {shortest}×{shortest}",
                metric.to_string().to_uppercase()
            )));
        }
    }
    Ok(Score::new(&Figure::of(metrics), |Figure { metric, colour }| {
        let channels = counted.channels(colour);
        let mean = |figures: Vec<f64>| figures.iter().sum::<f64>() / figures.len() as f64;
        match metric {
            Metric::Psnr => psnr(&channels),
            Metric::Ssim => mean(channels.iter().map(|[a, b]| ssim(a, b)).collect()),
            Metric::MsSsim => mean(channels.iter().map(|[a, b]| ms_ssim(a, b)).collect()),
        }
    }))
}

/// Pixels a side that a metric takes.
fn shortest(metric: Metric) -> usize {
    match metric {
        Metric::Psnr => 1,
        Metric::Ssim => ssim::WINDOW,
        Metric::MsSsim => ms_ssim::SHORTEST,
    }
}

/// The part of both pictures that the protocol compares.
pub(super) fn counted<'a>(
    restored: &'a Picture,
    reference: &'a Picture,
    protocol: &Protocol,
) -> Result<Counted<'a>> {
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
    let (Some(inner_width), Some(inner_height)) = (inner(width, shave), inner(height, shave)) else {
        return Err(Error::Picture(format!(
            "{width}×{height} pixels less a border of {shave} leave nothing to compare"
        )));
    };
    let area = Area { left: shave, top: shave, width: inner_width, height: inner_height };
    Ok(Counted { restored, reference, area, round: protocol.round })
}

/// What `shave` leaves of a side, if anything.
fn inner(side: usize, shave: usize) -> Option<usize> {
    side.checked_sub(shave.checked_mul(2)?).filter(|&rest| rest > 0)
}

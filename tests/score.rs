//! The figures against scikit-image 0.26, which made these with
//!
//! ```python
//! import numpy as np
//! from skimage.metrics import structural_similarity as ssim, peak_signal_noise_ratio as psnr
//! W, H = 47, 35
//! x, y, c = np.meshgrid(np.arange(W), np.arange(H), np.arange(3), indexing="xy")   # [H, W, 3]
//! ref = (x * x + 3 * x * y + 7 * y * (c + 1)) // 9 % 200 + 28
//! out = np.clip(ref + (x * 31 + y * 17 + c * 7) % 41 - 20, 0, 255)
//! luma = lambda p: 16 + p @ [65.481, 128.553, 24.966] / 255
//! def figures(a, b):
//!     s = lambda a, b, **k: ssim(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, **k)
//!     return [psnr(luma(b), luma(a), data_range=255), s(luma(b), luma(a)), psnr(b, a, data_range=255), s(b, a, channel_axis=2)]
//! a, b = out.astype(float), ref.astype(float)
//! figures(a, b)                                                      # ALL
//! figures(a[3:33-3, 3:45-3], b[3:33-3, 3:45-3])                      # SR3
//! figures(a[:, :, :1].repeat(3, 2), b[:, :, :1].repeat(3, 2))        # GREY
//! figures((257 * out + x) / 257, b)                                  # SIXTEEN
//! ```

use ipt::picture::{Layout, Picture, Samples};
use ipt::score::{Protocol, Score, compare};

const WIDTH: usize = 47;
const HEIGHT: usize = 35;

const ALL: [f64; 4] = [31.0317453819, 0.9309426206, 26.6666326891, 0.8815355201];
const SR3: [f64; 4] = [31.0445376348, 0.9338904886, 26.6727060625, 0.8860064597];
const GREY: [f64; 4] = [27.9866573292, 0.8753646281, 26.6647360173, 0.8711348641];
const SIXTEEN: [f64; 4] = [31.0311334549, 0.9309550445, 26.6663222974, 0.8815557409];

fn reference(x: usize, y: usize, c: usize) -> u8 {
    ((x * x + 3 * x * y + 7 * y * (c + 1)) / 9 % 200 + 28) as u8
}

fn restored(x: usize, y: usize, c: usize) -> u8 {
    let noise = ((x * 31 + y * 17 + c * 7) % 41) as i32 - 20;
    (i32::from(reference(x, y, c)) + noise).clamp(0, 255) as u8
}

fn samples<T>(width: usize, height: usize, channels: usize, f: impl Fn(usize, usize, usize) -> T) -> Vec<T> {
    let all =
        (0..width * height * channels).map(|i| (i / channels % width, i / channels / width, i % channels));
    all.map(|(x, y, c)| f(x, y, c)).collect()
}

fn eight(width: usize, height: usize, layout: Layout, f: impl Fn(usize, usize, usize) -> u8) -> Picture {
    let samples = samples(width, height, layout.channels(), f);
    Picture::new(width, height, layout, Samples::Eight(samples)).unwrap()
}

#[track_caller]
fn assert_score(have: Score, [psnr_y, ssim_y, psnr_rgb, ssim_rgb]: [f64; 4]) {
    for (have, want) in [(have.psnr_y, psnr_y), (have.psnr_rgb, psnr_rgb)] {
        assert!((have - want).abs() < 1e-6, "PSNR {have}, expected {want}");
    }
    for (have, want) in [(have.ssim_y, ssim_y), (have.ssim_rgb, ssim_rgb)] {
        assert!((have - want).abs() < 1e-8, "SSIM {have}, expected {want}");
    }
}

fn whole() -> Protocol {
    Protocol::new(None, None)
}

#[test]
fn colour() {
    let reference = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    assert_score(compare(&eight(WIDTH, HEIGHT, Layout::Rgb, restored), &reference, whole()).unwrap(), ALL);
}

#[test]
fn super_resolution_crops_and_shaves() {
    let reference = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    let protocol = Protocol::new(Some("sr3".parse().unwrap()), None);
    assert_eq!(protocol.shave, 3);
    // Of the cropped size, as a restored picture has it, or of the whole, as another tool may leave it.
    for (width, height) in [(45, 33), (WIDTH, HEIGHT)] {
        let restored = eight(width, height, Layout::Rgb, restored);
        assert_score(compare(&restored, &reference, protocol).unwrap(), SR3);
    }
}

#[test]
fn other_tasks_and_shave() {
    assert_eq!(Protocol::new(Some("denoise50".parse().unwrap()), None), whole());
    assert_eq!(Protocol::new(Some("derain".parse().unwrap()), Some(4)), Protocol { multiple: 1, shave: 4 });
    assert_eq!(Protocol::new(Some("sr4".parse().unwrap()), Some(0)), Protocol { multiple: 4, shave: 0 });
}

#[test]
fn grey_is_three_equal_channels() {
    let red = |f: fn(usize, usize, usize) -> u8| move |x, y, _| f(x, y, 0);
    for (a, b) in [(Layout::Grey, Layout::Grey), (Layout::Grey, Layout::Rgb), (Layout::Rgb, Layout::Grey)] {
        let (a, b) = (eight(WIDTH, HEIGHT, a, red(restored)), eight(WIDTH, HEIGHT, b, red(reference)));
        assert_score(compare(&a, &b, whole()).unwrap(), GREY);
    }
}

#[test]
fn opacity_does_not_count() {
    let opaque =
        |f: fn(usize, usize, usize) -> u8| move |x, y, c| if c == 3 { (x * y) as u8 } else { f(x, y, c) };
    let restored = eight(WIDTH, HEIGHT, Layout::Rgba, opaque(restored));
    assert_score(compare(&restored, &eight(WIDTH, HEIGHT, Layout::Rgb, reference), whole()).unwrap(), ALL);
}

#[test]
fn sixteen_bits() {
    let fine = samples(WIDTH, HEIGHT, 3, |x, y, c| (257 * usize::from(restored(x, y, c)) + x) as u16);
    let fine = Picture::new(WIDTH, HEIGHT, Layout::Rgb, Samples::Sixteen(fine)).unwrap();
    assert_score(compare(&fine, &eight(WIDTH, HEIGHT, Layout::Rgb, reference), whole()).unwrap(), SIXTEEN);
}

#[test]
fn identical_pictures() {
    let picture = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    let same = compare(&picture, &picture, whole()).unwrap();
    assert_eq!((same.psnr_y, same.psnr_rgb), (f64::INFINITY, f64::INFINITY));
    assert!((same.ssim_y - 1.0).abs() < 1e-12 && (same.ssim_rgb - 1.0).abs() < 1e-12);
    let other = compare(&eight(WIDTH, HEIGHT, Layout::Rgb, restored), &picture, whole()).unwrap();
    let mean = Score::mean(&[same, other]).unwrap();
    assert_eq!(mean.psnr_y, f64::INFINITY);
    assert!((mean.ssim_y - (1.0 + other.ssim_y) / 2.0).abs() < 1e-12);
    assert_eq!(Score::mean(&[]), None);
}

#[test]
fn what_cannot_be_compared() {
    let sized = |width, height| eight(width, height, Layout::Rgb, reference);
    let error = |a: &Picture, b: &Picture, p| compare(a, b, p).unwrap_err().to_string();
    assert!(error(&sized(20, 30), &sized(30, 20), whole()).contains("20×30"));
    assert!(
        error(&sized(47, 35), &sized(46, 35), Protocol::new(Some("sr2".parse().unwrap()), None))
            .contains("46×35")
    );
    assert!(error(&sized(10, 30), &sized(10, 30), whole()).contains("11×11"));
    let all = Protocol { multiple: 1, shave: usize::MAX };
    assert!(error(&sized(30, 30), &sized(30, 30), all).contains("no room"));
    assert!(compare(&sized(11, 11), &sized(11, 11), whole()).is_ok());
}

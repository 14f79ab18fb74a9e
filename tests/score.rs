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

use std::path::Path;

use ipt::picture::{Layout, Picture, Samples, decode};
use ipt::score::{Colour, Figure, Metric, Protocol, Score, compare};

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
    for (have, want) in [(have[Figure::PSNR_Y], psnr_y), (have[Figure::PSNR_RGB], psnr_rgb)] {
        assert!((have - want).abs() < 1e-6, "PSNR {have}, expected {want}");
    }
    for (have, want) in [(have[Figure::SSIM_Y], ssim_y), (have[Figure::SSIM_RGB], ssim_rgb)] {
        assert!((have - want).abs() < 1e-8, "SSIM {have}, expected {want}");
    }
}

fn of_task(task: &str) -> Protocol {
    Protocol::of(task.parse().unwrap())
}

fn score(a: &Picture, b: &Picture, protocol: &Protocol) -> Score {
    compare(a, b, protocol, &Metric::USUAL).unwrap()
}

#[test]
fn colour() {
    let reference = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    let restored = eight(WIDTH, HEIGHT, Layout::Rgb, restored);
    assert_score(score(&restored, &reference, &Protocol::whole()), ALL);
    assert_score(score(&restored, &reference, &of_task("derain")), ALL);
}

#[test]
fn super_resolution_crops_and_shaves() {
    let reference = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    let protocol = of_task("sr3");
    assert_eq!(protocol.shave, 3);
    // Of the cropped size, as a restored picture has it, or of the whole, as another tool may leave it.
    for (width, height) in [(45, 33), (WIDTH, HEIGHT)] {
        let restored = eight(width, height, Layout::Rgb, restored);
        assert_score(score(&restored, &reference, &protocol), SR3);
    }
}

#[test]
fn grey_is_three_equal_channels() {
    let red = |f: fn(usize, usize, usize) -> u8| move |x, y, _| f(x, y, 0);
    for (a, b) in [(Layout::Grey, Layout::Grey), (Layout::Grey, Layout::Rgb), (Layout::Rgb, Layout::Grey)] {
        let (a, b) = (eight(WIDTH, HEIGHT, a, red(restored)), eight(WIDTH, HEIGHT, b, red(reference)));
        assert_score(score(&a, &b, &Protocol::whole()), GREY);
    }
}

#[test]
fn opacity_does_not_count() {
    let opaque =
        |f: fn(usize, usize, usize) -> u8| move |x, y, c| if c == 3 { (x * y) as u8 } else { f(x, y, c) };
    let restored = eight(WIDTH, HEIGHT, Layout::Rgba, opaque(restored));
    let reference = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    assert_score(score(&restored, &reference, &Protocol::whole()), ALL);
}

#[test]
fn sixteen_bits() {
    let fine = samples(WIDTH, HEIGHT, 3, |x, y, c| (257 * usize::from(restored(x, y, c)) + x) as u16);
    let fine = Picture::new(WIDTH, HEIGHT, Layout::Rgb, Samples::Sixteen(fine)).unwrap();
    let reference = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    assert_score(score(&fine, &reference, &Protocol::whole()), SIXTEEN);
    // The field's protocols compare pictures of 8 bits.
    assert_score(score(&fine, &reference, &of_task("denoise30")), ALL);
}

#[test]
fn identical_pictures() {
    let picture = eight(WIDTH, HEIGHT, Layout::Rgb, reference);
    let same = score(&picture, &picture, &Protocol::whole());
    assert_eq!((same[Figure::PSNR_Y], same[Figure::PSNR_RGB]), (f64::INFINITY, f64::INFINITY));
    assert!((same[Figure::SSIM_Y] - 1.0).abs() < 1e-12 && (same[Figure::SSIM_RGB] - 1.0).abs() < 1e-12);
    let other = score(&eight(WIDTH, HEIGHT, Layout::Rgb, restored), &picture, &Protocol::whole());
    let mean = Score::mean(&[same, other.clone()]).unwrap();
    assert_eq!(mean[Figure::PSNR_Y], f64::INFINITY);
    assert!((mean[Figure::SSIM_Y] - (1.0 + other[Figure::SSIM_Y]) / 2.0).abs() < 1e-12);
    assert_eq!(Score::mean(&[]), None);
}

#[test]
fn what_cannot_be_compared() {
    let sized = |width, height| eight(width, height, Layout::Rgb, reference);
    let error = |a: (usize, usize), b: (usize, usize), protocol: &Protocol| {
        let (a, b) = (sized(a.0, a.1), sized(b.0, b.1));
        compare(&a, &b, protocol, &Metric::USUAL).unwrap_err().to_string()
    };
    let whole = Protocol::whole();
    assert!(error((20, 30), (30, 20), &whole).contains("20×30"));
    assert!(error((47, 35), (46, 35), &of_task("sr2")).contains("46×35"));
    assert!(error((10, 30), (10, 30), &whole).contains("11×11"));
    for shave in [15, usize::MAX] {
        let all = whole.clone().with_shave(Some(shave));
        assert!(error((30, 30), (30, 30), &all).contains("nothing to compare"));
    }
    let metrics = |side, metrics: &[Metric]| compare(&sized(side, side), &sized(side, side), &whole, metrics);
    assert!(metrics(11, &Metric::USUAL).is_ok());
    assert!(metrics(1, &[Metric::Psnr]).is_ok());
    assert!(metrics(161, &[Metric::MsSsim]).is_ok());
    let error = metrics(160, &Metric::ALL).unwrap_err().to_string();
    assert_eq!(error, "160×160 pixels are compared: MS-SSIM takes 161×161");
}

/// Photographs and what noise and rain made of them, by `figures` above.
#[test]
fn photographs() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        decode(&std::fs::read(&path).unwrap()).unwrap().picture
    };
    for (degraded, figures) in PHOTOGRAPHS {
        let name = degraded.split('/').next_back().unwrap();
        let (restored, reference) = (read(&format!("degrade/{degraded}")), read(&format!("pictures/{name}")));
        assert_score(score(&restored, &reference, &Protocol::whole()), figures);
    }
}

const PHOTOGRAPHS: [(&str, [f64; 4]); 6] = [
    ("denoise30/lighthouse.png", [23.7753300297, 0.4953036071, 19.0003925424, 0.3357151602]),
    ("denoise30/motocross.png", [23.9307861537, 0.6275312897, 19.2103029278, 0.4477855565]),
    ("denoise30/parrot.png", [23.768828356, 0.7223515303, 19.0631980496, 0.6095549327]),
    ("derain/lighthouse.png", [29.4557314427, 0.9240468049, 28.1338101308, 0.9170244447]),
    ("derain/motocross.png", [25.2065307811, 0.9311961773, 23.8841403633, 0.9264086595]),
    ("derain/parrot.png", [28.6306406478, 0.9523690154, 27.2938656156, 0.9517439773]),
];

/// MS-SSIM by the definition, on scikit-image's maps of SSIM:
///
/// ```python
/// from scipy.ndimage import correlate
/// g = np.exp(-np.arange(-5, 6)**2 / 4.5); window = np.outer(g, g) / g.sum()**2
/// def terms(a, b):     # mean SSIM; mean contrast, which is SSIM without its factor of luminance
///     mssim, full = ssim(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=True)
///     mean = lambda p: correlate(p, window)[5:-5, 5:-5]
///     luminance = (2*mean(a)*mean(b) + 6.5025) / (mean(a)**2 + mean(b)**2 + 6.5025)
///     return mssim, (full[5:-5, 5:-5] / luminance).mean()
/// def halve(p):
///     p = np.pad(p, [(0, s % 2) for s in p.shape], mode="symmetric")
///     return p.reshape(p.shape[0]//2, 2, p.shape[1]//2, 2).mean((1, 3))
/// def ms_ssim(a, b):
///     total = 1.
///     for weight in [.0448, .2856, .3001, .2363]:
///         total *= terms(a, b)[1]**weight
///         a, b = halve(a), halve(b)
///     return total * terms(a, b)[0]**.1333
/// # with W, H = 203, 170, so that sides are odd at three of the scales:
/// ms_ssim(luma(a), luma(b)), np.mean([ms_ssim(a[..., k], b[..., k]) for k in range(3)])
/// ```
#[test]
fn five_scales() {
    let (restored, reference) =
        (eight(203, 170, Layout::Rgb, restored), eight(203, 170, Layout::Rgb, reference));
    let have = compare(&restored, &reference, &Protocol::whole(), &[Metric::MsSsim]).unwrap();
    for (colour, want) in [(Colour::Y, 0.9929032645887111), (Colour::Rgb, 0.9935818996706035)] {
        let have = have[Figure { metric: Metric::MsSsim, colour }];
        assert!((have - want).abs() < 1e-8, "{colour}: {have}, expected {want}");
    }
}

/// Bands of rows are cut by sizes: no figure depends on the number of threads.
#[test]
fn any_number_of_threads() {
    let (restored, reference) =
        (eight(203, 170, Layout::Rgb, restored), eight(203, 170, Layout::Rgb, reference));
    let all = || compare(&restored, &reference, &of_task("sr2"), &Metric::ALL).unwrap();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    assert_eq!(pool(1).install(all), pool(3).install(all));
}

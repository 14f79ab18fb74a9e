//! Degradations against the field's own data and against what they promise.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod support;

use ipt::degrade::{Layer, Rain, StreakSet, degrade, stream};
use ipt::picture::{Format, Layout, Picture, Samples, encode};
use ipt::{Scale, Task};
use support::{pictures, rain, read, shared};

fn eight(picture: &Picture) -> &[u8] {
    match picture.samples() {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(_) => panic!("not 8 bits"),
    }
}

fn flat(layout: Layout, side: usize, value: u8) -> Picture {
    let samples = vec![value; side * side * layout.channels()];
    Picture::new(side, side, layout, Samples::Eight(samples)).unwrap()
}

fn task(name: &str) -> Task {
    name.parse().unwrap()
}

fn degraded(picture: &Picture, name: &str, seed: u64) -> Picture {
    degrade(picture, task(name), &mut stream(seed, task(name), "a/b.png"), None).unwrap()
}

#[test]
fn bicubic_is_matlabs_to_the_last_sample() {
    let Some(folder) = shared("data/eval/Set5") else { return };
    let mut seen = 0;
    for scale in [Scale::X2, Scale::X3, Scale::X4] {
        let task = Task::SuperResolution(scale);
        for path in pictures(&folder.join("HR")) {
            let golden =
                read(&folder.join(format!("LRbicx{}", task.scale())).join(path.file_name().unwrap()));
            let ours = degrade(&read(&path), task, &mut stream(0, task, ""), None).unwrap();
            assert_eq!((ours.width(), ours.height()), (golden.width(), golden.height()));
            let differing = eight(&ours).iter().zip(eight(&golden)).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "{task} of {}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 15);
}

#[test]
fn small_pictures_are_refused_only_where_nothing_would_be_left() {
    for (name, side, fits) in [("sr4", 3, false), ("sr4", 4, true), ("sr2", 1, false), ("derain", 1, true)] {
        let result = degrade(&flat(Layout::Rgb, side, 9), task(name), &mut stream(0, task(name), ""), None);
        assert_eq!(result.is_ok(), fits, "{name} {side}");
    }
}

#[test]
fn noise_has_its_strength_and_leaves_opacity_alone() {
    for (layout, sigma) in [(Layout::Grey, 5), (Layout::Rgb, 30), (Layout::Rgba, 30), (Layout::GreyAlpha, 30)]
    {
        let noisy = degraded(&flat(layout, 300, 128), &format!("denoise{sigma}"), 1);
        assert_eq!(noisy.layout(), layout);
        let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
        for pixel in eight(&noisy).chunks(layout.channels()) {
            for &sample in &pixel[..layout.colours()] {
                let noise = f64::from(sample) - 128.0;
                (sum, squares, count) = (sum + noise, squares + noise * noise, count + 1.0);
            }
            assert!(!layout.has_alpha() || pixel.last() == Some(&128));
        }
        // Rounding adds a variance of 1/12.
        let measured = (squares / count - 1.0 / 12.0).sqrt();
        assert!((measured / f64::from(sigma) - 1.0).abs() < 0.01, "σ {measured} for {sigma}");
        assert!((sum / count).abs() < 0.01 * f64::from(sigma) + 0.05, "mean {}", sum / count);
    }
}

#[test]
fn sixteen_bits_are_damaged_like_eight() {
    let narrow = flat(Layout::Rgb, 64, 100);
    let wide = Picture::new(64, 64, Layout::Rgb, Samples::Sixteen(vec![100 * 257; 64 * 64 * 3])).unwrap();
    for name in ["denoise50", "derain", "sr2"] {
        let (eight_bits, sixteen_bits) = (degraded(&narrow, name, 3), degraded(&wide, name, 3));
        assert!(matches!(sixteen_bits.samples(), Samples::Sixteen(_)));
        assert_eq!(sixteen_bits.to_eight(), eight_bits, "{name}");
    }
}

#[test]
fn the_stream_depends_on_seed_task_and_name_only() {
    let picture = flat(Layout::Rgb, 48, 100);
    for name in ["denoise30", "derain"] {
        assert_eq!(degraded(&picture, name, 1), degraded(&picture, name, 1));
        assert_ne!(degraded(&picture, name, 1), degraded(&picture, name, 2));
        let other = degrade(&picture, task(name), &mut stream(1, task(name), "a/c.png"), None).unwrap();
        assert_ne!(degraded(&picture, name, 1), other);
    }
}

#[test]
fn rain_is_added_alike_to_all_colours_and_clipped() {
    for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
        let rainy = degraded(&flat(layout, 200, 200), "derain", 5);
        let mut clipped = 0;
        for pixel in eight(&rainy).chunks(layout.channels()) {
            let colours = &pixel[..layout.colours()];
            assert!(colours.iter().all(|&colour| colour >= 200 && colour == colours[0]));
            assert!(!layout.has_alpha() || pixel.last() == Some(&200));
            clipped += usize::from(pixel[0] == 255);
        }
        assert!(clipped > 0 && clipped < 4000, "{clipped} clipped");
    }
}

#[test]
fn recorded_streaks_are_what_is_added() {
    let streaks = StreakSet::new(vec![Layer { width: 2, height: 3, samples: vec![100; 6] }]).unwrap();
    let rainy =
        degrade(&flat(Layout::Rgb, 9, 50), Task::Derain, &mut stream(0, Task::Derain, ""), Some(&streaks));
    let rainy = rainy.unwrap();
    let light = eight(&rainy)[0] - 50;
    assert!((70..=130).contains(&light), "{light}");
    assert!(eight(&rainy).iter().all(|&sample| sample.abs_diff(50 + light) <= 1));
    assert!(StreakSet::new(vec![]).is_err());
}

#[test]
fn bad_streak_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = |folder: &std::path::Path| StreakSet::load(folder).unwrap_err().to_string();
    assert!(error(&folder.path().join("missing")).contains("missing"));
    assert!(error(folder.path()).contains("no streak layers"));
    std::fs::write(folder.path().join("notes.txt"), "not a layer").unwrap();
    std::fs::write(folder.path().join("a.png"), encode(&flat(Layout::Grey, 4, 7), Format::Png).unwrap())
        .unwrap();
    assert_eq!(StreakSet::load(folder.path()).unwrap().len(), 1);
    let colours = Picture::new(1, 1, Layout::Rgb, Samples::Eight(vec![1, 2, 3])).unwrap();
    std::fs::write(folder.path().join("b.png"), encode(&colours, Format::Png).unwrap()).unwrap();
    assert!(error(folder.path()).contains("b.png: a streak layer is grey"));
}

/// Least, median and greatest of each of [`rain::NAMES`] over the 20 recorded layers of light rain
/// in `shared/data/rain-streaks`.
const RECORDED: [[f64; 3]; 8] = [
    [6.70, 19.15, 32.35],
    [19.65, 24.46, 31.69],
    [1.67, 5.37, 9.54],
    [1.20, 3.38, 12.21],
    [0.01, 9.29, 27.26],
    [0.87, 0.90, 0.97],
    [15.89, 43.72, 61.68],
    [0.91, 1.38, 1.52],
];

fn quantiles(mut layers: Vec<[f64; 8]>, at: [f64; 3]) -> [[f64; 3]; 8] {
    std::array::from_fn(|kind| {
        layers.sort_by(|a, b| a[kind].total_cmp(&b[kind]));
        at.map(|at| layers[(at * (layers.len() - 1) as f64).round() as usize][kind])
    })
}

#[test]
fn recorded_layers_measure_as_written() {
    let Some(folder) = shared("data/rain-streaks") else { return };
    let layers: Vec<_> = pictures(&folder)
        .iter()
        .map(|path| {
            let picture = read(path);
            let samples = eight(&picture).to_vec();
            rain::measure(&Layer { width: picture.width(), height: picture.height(), samples })
        })
        .collect();
    assert_eq!(layers.len(), 20);
    for (found, (written, name)) in
        quantiles(layers, [0.0, 0.5, 1.0]).iter().zip(RECORDED.iter().zip(rain::NAMES))
    {
        for (found, written) in found.iter().zip(written) {
            assert!((found - written).abs() <= 0.006, "{name}: {found} is not {written}");
        }
    }
}

#[test]
fn procedural_rain_covers_recorded_rain() {
    let layers: Vec<_> = (0..60)
        .map(|seed| {
            let mut rng = stream(seed, Task::Derain, "");
            rain::measure(&Rain::random(&mut rng).layer(321, 321, &mut rng))
        })
        .collect();
    for (found, (recorded, name)) in
        quantiles(layers, [0.0, 0.5, 1.0]).iter().zip(RECORDED.iter().zip(rain::NAMES))
    {
        println!("{name:8} procedural {found:7.2?} recorded {recorded:7.2?}");
        let ([least, middle, most], [lowest, _, highest]) = (found, recorded);
        assert!(*least <= lowest * 1.15 + 0.5 && *most >= highest / 1.15, "{name} does not reach: {found:?}");
        assert!(lowest <= middle && middle <= highest, "{name} is off the middle: {found:?}");
        assert!(*least >= lowest * 0.7 - 0.5 && *most <= highest * 1.5, "{name} goes too far: {found:?}");
    }
}

//! Degradations against the field's own data and against what they promise.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod support;

use ipt::degrade::{Degradation, Record};
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

fn damaged(picture: &Picture, name: &str) -> Picture {
    let degradation: Degradation = name.parse().unwrap();
    degrade(picture, degradation, &mut stream(0, degradation, ""), None).unwrap()
}

/// scipy.ndimage.gaussian_filter(row, 1.3), float64, its default truncate=4 and mode='reflect':
/// row = [0, 0, 200, 0, 0, 0, 100, 255]
#[test]
fn blur_is_scipys() {
    let row = vec![0u8, 0, 200, 0, 0, 0, 100, 255];
    let expected = scipy_gaussian(&row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), 1.3);
    let blurred = damaged(&Picture::new(8, 1, Layout::Grey, Samples::Eight(row)).unwrap(), "blur1.3");
    for (&sample, expected) in eight(&blurred).iter().zip(&expected) {
        assert!((f64::from(sample) - expected).abs() <= 0.5001, "{sample} for {expected}");
    }
}

/// The definition, spelt out: weights to four σ, the row mirrored with its ends repeated.
fn scipy_gaussian(row: &[f64], sigma: f64) -> Vec<f64> {
    let (radius, length) = ((4.0 * sigma + 0.5) as i64, row.len() as i64);
    let weight = |offset: i64| (-0.5 * (offset as f64 / sigma).powi(2)).exp();
    let total: f64 = (-radius..=radius).map(weight).sum();
    let at = |position: i64| {
        let mut position = position;
        while !(0..length).contains(&position) {
            position = if position < 0 { -1 - position } else { 2 * length - 1 - position };
        }
        row[position as usize]
    };
    (0..length)
        .map(|x| (-radius..=radius).map(|offset| weight(offset) / total * at(x + offset)).sum())
        .collect()
}

#[test]
fn blur_and_jpeg_keep_layout_depth_and_opacity() {
    for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
        let count = 40 * 24 * layout.channels();
        let values: Vec<u16> = (0..count).map(|i| (i * 7919 % 65536) as u16).collect();
        for samples in [
            Samples::Sixteen(values.clone()),
            Samples::Eight(values.iter().map(|v| (v >> 8) as u8).collect()),
        ] {
            let picture = Picture::new(40, 24, layout, samples).unwrap();
            for name in ["blur0.8", "blur20", "jpeg10", "jpeg90"] {
                let result = damaged(&picture, name);
                assert_eq!((result.width(), result.height(), result.layout()), (40, 24, layout), "{name}");
                assert_ne!(result, picture, "{name} {layout:?}");
                if !layout.has_alpha() {
                    continue;
                }
                let alpha = |picture: &Picture| -> Vec<u16> {
                    let all: Vec<u16> = match picture.samples() {
                        Samples::Eight(all) => all.iter().map(|&v| v.into()).collect(),
                        Samples::Sixteen(all) => all.clone(),
                    };
                    all.chunks(layout.channels()).map(|pixel| *pixel.last().unwrap()).collect()
                };
                assert_eq!(alpha(&result), alpha(&picture), "{name} {layout:?}");
            }
        }
    }
}

#[test]
fn hidden_colours_stay_hidden() {
    // The right half has no opacity; what its colours are must not matter to the left.
    let hidden = |colour: u8| {
        let pixel =
            |i: usize| if i % 32 < 16 { [90, 120, 30, 255] } else { [colour, colour, 255 - colour, 0] };
        let samples = Samples::Eight((0..32 * 16).flat_map(pixel).collect());
        Picture::new(32, 16, Layout::Rgba, samples).unwrap()
    };
    for name in ["sr2", "sr4", "blur2", "jpeg40"] {
        assert_eq!(damaged(&hidden(0), name), damaged(&hidden(255), name), "{name}");
    }
}

#[test]
fn jpeg_harms_more_at_lower_quality_and_is_neutral_on_flat_pictures() {
    let photograph =
        read(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pictures/parrot.png"));
    let error = |name: &str| {
        let result = damaged(&photograph, name);
        let squares = eight(&result).iter().zip(eight(&photograph));
        squares.map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2)).sum::<f64>()
    };
    let errors = ["jpeg10", "jpeg40", "jpeg80", "jpeg100"].map(error);
    assert!(errors.is_sorted_by(|a, b| *a > 1.5 * b), "{errors:?}");
    assert_eq!(damaged(&flat(Layout::Grey, 20, 128), "jpeg10"), flat(Layout::Grey, 20, 128));
    // The depth stays, even where only 8 bits of it are used.
    let sixteen = Picture::new(9, 9, Layout::Grey, Samples::Sixteen(vec![128 * 257; 81])).unwrap();
    assert_eq!(damaged(&sixteen, "jpeg50"), sixteen);
}

#[test]
fn fractions_of_sigma_are_noise_too() {
    let noisy = damaged(&flat(Layout::Grey, 300, 128), "denoise2.5");
    let squares: f64 = eight(&noisy).iter().map(|&sample| (f64::from(sample) - 128.0).powi(2)).sum();
    let measured = (squares / 90_000.0 - 1.0 / 12.0).sqrt();
    assert!((measured - 2.5).abs() < 0.03, "{measured}");
    let (whole, named): (Degradation, Degradation) = ("denoise30".parse().unwrap(), task("denoise30").into());
    assert_eq!(whole, named);
}

#[test]
fn a_record_says_how_it_was_done() {
    let record = |name: &str, streaks| -> serde_json::Value {
        let record = Record::new(name.parse().unwrap(), 7, "a/ü.png", streaks);
        serde_json::from_str(&record.to_string()).unwrap()
    };
    let noise = record("denoise12.5", None);
    let expected = serde_json::json!({
        "program": format!("ipt {}", env!("CARGO_PKG_VERSION")), "task": "denoise12.5", "seed": 7,
        "name": "a/ü.png", "kind": "noise", "distribution": "gaussian", "sigma": 12.5,
        "rounding": "half up", "clip": true,
    });
    assert_eq!(noise, expected);
    let rain = record("derain", None);
    let drawn = Rain::random(&mut stream(7, Task::Derain, "a/ü.png"));
    assert_eq!(rain["streaks"], "procedural");
    assert_eq!(rain["angle"].as_f64().unwrap() as f32, drawn.angle);
    let layer = Layer { width: 1, height: 1, samples: vec![9] };
    let streaks = StreakSet::new(vec![layer.clone(), layer]).unwrap();
    assert_eq!(record("derain", Some(&streaks))["layers"], 2);
    // Nothing is random about these.
    for (name, key, value) in [("sr3", "scale", 3), ("jpeg40", "quality", 40), ("blur1.5", "radius", 6)] {
        let record = record(name, None);
        assert_eq!(record[key], value, "{record}");
        assert!(record.get("seed").is_none(), "{record}");
    }
}

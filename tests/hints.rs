//! Hints on pictures that do not look like what a task is for, and none on those that do.
// A test makes files and speaks as it likes.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

mod support;

use std::path::{Path, PathBuf};

use ipt::degrade::{degrade, stream};
use ipt::picture::{Layout, Picture, Samples};
use ipt::restore::hint;
use ipt::task::Task;

fn tasks(names: &str) -> Vec<Task> {
    names.split(',').map(|name| name.parse().unwrap()).collect()
}

fn hint_of(picture: &Picture, names: &str) -> Option<String> {
    hint(picture, &tasks(names), &Task::PRETRAINING)
}

/// The fixtures, and where they are at hand some photographs of the training set.
fn photographs() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pictures");
    let mut paths = support::pictures(&fixtures);
    assert_eq!(paths.len(), 5);
    if let Some(folder) = support::shared("data/train/core") {
        paths.extend(support::pictures(&folder).into_iter().step_by(8));
    }
    paths
}

#[test]
fn photographs_are_told_from_noise() {
    let mut wrong = Vec::new();
    for path in photographs() {
        let picture = support::read(&path);
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut expect = |picture: &Picture, task: &str, said: Option<&str>| {
            let hint = hint_of(picture, task);
            let as_expected = match (said, &hint) {
                (Some(words), Some(hint)) => hint.contains(words),
                (said, hint) => said.is_none() && hint.is_none(),
            };
            if !as_expected {
                wrong.push(format!("{name} for {task}: {hint:?}, level {:?}", picture.noise_level()));
            }
        };
        for task in ["denoise30", "denoise50", "derain,denoise50", "denoise30,sr2"] {
            expect(&picture, task, Some("looks clean"));
        }
        for task in ["sr2", "derain", "sr4,denoise30"] {
            expect(&picture, task, None);
        }
        for name_of in
            ["denoise5", "denoise10", "denoise30", "denoise50", "denoise70", "sr2", "sr3", "sr4", "derain"]
        {
            let task: Task = name_of.parse().unwrap();
            let degraded = degrade(&picture, task, &mut stream(1, task, name), None).unwrap();
            expect(&degraded, name_of, None);
            match name_of {
                "denoise30" => expect(&degraded, "sr3", Some("--task denoise30,sr3 takes the noise")),
                "denoise50" => expect(&degraded, "derain", Some("looks noisy")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_level_is_the_noise_on_a_flat_picture() {
    let flat = |layout: Layout, samples| Picture::new(256, 192, layout, samples).unwrap();
    for (layout, channels) in [(Layout::Grey, 1), (Layout::GreyAlpha, 2), (Layout::Rgb, 3), (Layout::Rgba, 4)]
    {
        for sigma in [3u8, 10, 30] {
            let task: Task = format!("denoise{sigma}").parse().unwrap();
            let count = 256 * 192 * channels;
            for samples in [Samples::Eight(vec![128; count]), Samples::Sixteen(vec![128 * 257; count])] {
                let picture = flat(layout, samples);
                assert_eq!(picture.noise_level(), Some(0.0));
                let noisy = degrade(&picture, task, &mut stream(1, task, "a"), None).unwrap();
                let level = noisy.noise_level().unwrap();
                let off = (level / f64::from(sigma) - 1.0).abs();
                assert!(off < 0.12, "{level} for {sigma}, {layout:?}");
            }
        }
    }
    // Black and white say nothing, and a stamp is too small.
    let black = flat(Layout::Grey, Samples::Eight(vec![0; 256 * 192]));
    assert_eq!(black.noise_level(), None);
    assert_eq!(hint_of(&black, "denoise50"), None);
    assert_eq!(black.crop(0, 0, 31, 31).unwrap().noise_level(), None);
}

#[test]
fn what_is_noisier_than_the_task_is_told_what_fits() {
    let grey = Picture::new(256, 256, Layout::Grey, Samples::Eight(vec![128; 256 * 256])).unwrap();
    let task: Task = "denoise50".parse().unwrap();
    let noisy = degrade(&grey, task, &mut stream(1, task, "a"), None).unwrap();
    let said = hint_of(&noisy, "denoise30").unwrap();
    assert!(said.contains("noisier than denoise30") && said.ends_with("denoise50 is nearer"), "{said}");
    // A model that has nothing better is not advised.
    let said = hint(&noisy, &tasks("denoise30"), &tasks("denoise30,sr2")).unwrap();
    assert!(said.ends_with(')'), "{said}");
    assert!(hint(&noisy, &tasks("sr2"), &tasks("sr2")).unwrap().ends_with(')'));
}

#[test]
fn a_result_of_many_pixels() {
    let large = Picture::new(5000, 1500, Layout::Grey, Samples::Eight(vec![0; 5000 * 1500])).unwrap();
    assert_eq!(hint_of(&large, "sr3"), None);
    assert_eq!(hint_of(&large, "sr4").unwrap(), "becomes 20000×6000 pixels, 120 megapixels");
    assert_eq!(hint_of(&large, "sr2,sr2"), hint_of(&large, "sr4"));
    assert_eq!(hint_of(&large, "denoise50"), None);
}

//! Figures, not verdicts: `cargo test --release --test train -- --ignored --nocapture --test-threads 1`.
//! With `IPT_PHOTOS` set to a folder the loader reads that instead of generated pictures.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{Device, Tensor};
use ipt::dataset::Loader;
use ipt::task::Task;
use ipt::train::loss::{self, ContrastiveForm};
use ipt::train::{Options, log};

use crate::learning::recipe;
use crate::{options, photos};

#[test]
#[ignore = "a measurement"]
fn patches_a_second_of_the_loader() {
    let generated = photos();
    let folder = std::env::var_os("IPT_PHOTOS").map_or(generated.path().to_path_buf(), PathBuf::from);
    for task in Task::PRETRAINING {
        let mut options = Options { batch: 16, ..options(&folder, 1) };
        options.model.tasks = vec![task];
        let mut loader = Loader::start(&Arc::new(recipe(&options)), 0, 1).unwrap();
        // So that the photographs are in memory.
        (0..60).for_each(|_| drop(loader.take().unwrap()));
        let start = Instant::now();
        (0..60).for_each(|_| drop(loader.take().unwrap()));
        eprintln!("{task}: {:.0} patches/s from one thread", 960.0 / start.elapsed().as_secs_f64());
    }
}

#[test]
#[ignore = "a measurement"]
fn seconds_and_memory_of_the_contrastive_loss() {
    for (form, patches) in
        [(ContrastiveForm::Paper, 32), (ContrastiveForm::Paper, 256), (ContrastiveForm::Supcon, 256)]
    {
        let (images, width) = (64, 576);
        let features = Tensor::randn(0f32, 1.0, (images, patches, width), &Device::Cpu).unwrap();
        if patches < 256 {
            // Threads and pages are there from here on.
            loss::contrastive(&features, form).unwrap();
        }
        let start = Instant::now();
        let (value, _gradient) = loss::contrastive(&features, form).unwrap();
        let (value, seconds) = (value.to_scalar::<f32>().unwrap(), start.elapsed().as_secs_f64());
        let peak = log::peak_mib().unwrap_or_default();
        eprintln!("{form:?}, 64 images of {patches} patches: {value:.3}, {seconds:.2} s, peak {peak} MiB");
    }
}

//! Training as a whole: on generated photographs, with the tiny preset.
// What a test spoils need not be whole.
#![allow(clippy::disallowed_methods)]

mod interrupted;
mod learning;
mod origin;
mod program;
mod speed;
mod tune;

use std::path::{Path, PathBuf};

use candle_core::Device;
use ipt::model::{Config, Preset};
use ipt::ops::Precision;
use ipt::picture::{Format, Layout, Picture, Samples, encode};
use ipt::rng;
use ipt::task::Task;
use ipt::train::checkpoint::{self, Checkpoint};
use ipt::train::log::{self, Entry};
use ipt::train::run::Machine;
use ipt::train::trainer::Trainer;
use ipt::train::{Options, Outcome, Place, Watch, run};
use ipt::weights::Model;
use rand::RngExt;

/// As the program has it: candle's large tensors cost much with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A picture with edges, gradients and colours: random rectangles.
fn photo(seed: u64, width: usize, height: usize) -> Picture {
    let mut random = rng::stream(seed, &[b"photo"]);
    let mut samples = vec![128u8; 3 * width * height];
    for _ in 0..60 {
        let (x0, x1) = (random.random_range(0..width), random.random_range(0..=width));
        let (y0, y1) = (random.random_range(0..height), random.random_range(0..=height));
        let colour: [u8; 3] = random.random();
        for y in y0..y1 {
            for x in x0..x1 {
                samples[3 * (y * width + x)..][..3].copy_from_slice(&colour);
            }
        }
    }
    Picture::new(width, height, Layout::Rgb, Samples::Eight(samples)).unwrap()
}

fn save(path: &Path, picture: &Picture) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, encode(picture, Format::Png).unwrap()).unwrap();
}

/// A folder with three photographs of 200×210 pixels.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..3 {
        save(&folder.path().join(format!("{seed}.png")), &photo(seed, 200, 210));
    }
    folder
}

fn options(photos: &Path, steps: u64) -> Options {
    Options {
        steps: Some(steps),
        batch: 2,
        seed: 5,
        save_every: 100,
        ..Options::new(vec![photos.to_path_buf()], Config::preset(Preset::Tiny, Task::PRETRAINING.to_vec()))
    }
}

fn machine(loaders: usize) -> Machine {
    Machine { device: Device::Cpu, precision: Precision::F32, loaders }
}

/// Stops after some steps, as a signal would.
#[derive(Default)]
struct Watcher {
    stop_at: Option<u64>,
    step: u64,
    notes: Vec<String>,
}

impl Watch for Watcher {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_string());
    }

    fn entry(&mut self, entry: &Entry) {
        self.step = entry.step();
    }

    fn stop(&mut self) -> bool {
        self.stop_at.is_some_and(|step| self.step >= step)
    }
}

fn go(options: &Options, place: &Path, resume: bool, stop_at: Option<u64>) -> (Outcome, Watcher) {
    let mut watcher = Watcher { stop_at, ..Watcher::default() };
    let outcome = run(options, &Place::new(place), &machine(1), resume, &mut watcher).unwrap();
    (outcome, watcher)
}

fn bytes(path: PathBuf) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn ten_and_ten_steps_are_twenty() {
    let photos = photos();
    let runs = tempfile::tempdir().unwrap();
    let options = options(photos.path(), 20);
    let (one, two) = (runs.path().join("one"), runs.path().join("two"));
    assert_eq!(go(&options, &one, false, None).0, Outcome::Finished);
    assert_eq!(go(&options, &two, false, Some(10)).0, Outcome::Stopped(10));
    assert!(!two.join("final.safetensors").exists());
    let (outcome, watcher) = go(&options, &two, true, None);
    assert_eq!(outcome, Outcome::Finished);
    assert!(watcher.notes[0].contains("resuming at step 10"), "{:?}", watcher.notes);
    let name = "checkpoints/step-00000020.safetensors";
    assert!(bytes(one.join(name)) == bytes(two.join(name)), "the states differ");
    assert!(bytes(one.join("final.safetensors")) == bytes(two.join("final.safetensors")));
    let steps = |place: &Path| -> Vec<u64> {
        let entries = log::read(&place.join("log.jsonl")).unwrap();
        entries.iter().filter(|entry| matches!(entry, Entry::Step(_))).map(Entry::step).collect()
    };
    assert_eq!(steps(&two), (1..=20).collect::<Vec<_>>());
    assert_eq!(Options::open(&two.join("config.toml")).unwrap(), options);
}

#[test]
fn threads_do_not_matter() {
    let photos = photos();
    let runs = tempfile::tempdir().unwrap();
    let options = options(photos.path(), 3);
    let result = |threads: usize| {
        let place = runs.path().join(threads.to_string());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            run(&options, &Place::new(&place), &machine(threads), false, &mut Watcher::default())
        })
        .unwrap();
        bytes(place.join("final.safetensors"))
    };
    let one = result(1);
    assert!(one == result(2));
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let photos = photos();
    let place = tempfile::tempdir().unwrap();
    let options = Options { save_every: 2, ..options(photos.path(), 6) };
    go(&options, place.path(), false, Some(4));
    let newest = place.path().join("checkpoints/step-00000004.safetensors");
    let mut damaged = bytes(newest.clone());
    let middle = damaged.len() / 2;
    damaged[middle] ^= 16;
    std::fs::write(&newest, damaged).unwrap();
    let (outcome, watcher) = go(&options, place.path(), true, None);
    assert_eq!(outcome, Outcome::Finished);
    assert!(watcher.notes[0].contains("step-00000004") && watcher.notes[0].contains("passed over"));
    assert!(watcher.notes[1].contains("resuming at step 2"), "{:?}", watcher.notes);
}

#[test]
fn a_loss_that_is_no_number_stops_at_once() {
    let photos = photos();
    let place = tempfile::tempdir().unwrap();
    let good = options(photos.path(), 8);
    go(&good, place.path(), false, Some(3));
    let folder = Place::new(place.path()).checkpoints();
    let before = bytes(checkpoint::list(&folder).unwrap()[0].1.clone());
    let bad = Options { rate: 1e30, save_every: 1, clip: 0.0, ..good };
    let error = run(&bad, &Place::new(place.path()), &machine(1), true, &mut Watcher::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("at step 5, task"), "{error}");
    let sound: Vec<u64> = checkpoint::list(&folder).unwrap().iter().map(|(step, _)| *step).collect();
    assert!(sound.contains(&3) && !sound.contains(&5), "{sound:?}");
    assert!(before == bytes(folder.join("step-00000003.safetensors")));
}

#[test]
fn another_run_is_not_overwritten() {
    let photos = photos();
    let place = tempfile::tempdir().unwrap();
    let options = options(photos.path(), 1);
    go(&options, place.path(), false, None);
    let again = run(&options, &Place::new(place.path()), &machine(1), false, &mut Watcher::default());
    assert!(again.unwrap_err().to_string().contains("--resume"));
    // A finished run that is resumed is finished.
    assert_eq!(go(&options, place.path(), true, None).0, Outcome::Finished);
    let other = Options { model: Config::preset(Preset::Tiny, vec![Task::Derain]), ..options };
    let other = run(&other, &Place::new(place.path()), &machine(1), true, &mut Watcher::default());
    assert!(other.is_err());
}

#[test]
fn files_that_cannot_be_used_are_named_once() {
    let photos = photos();
    std::fs::write(photos.path().join("bad.png"), b"no picture").unwrap();
    save(&photos.path().join("small.png"), &photo(8, 60, 60));
    std::fs::write(photos.path().join("notes.txt"), b"no picture, and not called one").unwrap();
    let place = tempfile::tempdir().unwrap();
    let (_, watcher) = go(&options(photos.path(), 15), place.path(), false, None);
    let about = |name: &str| watcher.notes.iter().filter(|note| note.contains(name)).count();
    assert_eq!(about("bad.png"), 1, "{:?}", watcher.notes);
    // Once for each of the three sizes that it is too small for.
    assert!((1..=3).contains(&about("small.png")), "{:?}", watcher.notes);
    assert_eq!(about("notes.txt"), 0);

    let empty = tempfile::tempdir().unwrap();
    save(&empty.path().join("small.png"), &photo(8, 40, 40));
    let options = options(empty.path(), 2);
    let error =
        run(&options, &Place::new(&place.path().join("b")), &machine(1), false, &mut Watcher::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("small.png") && error.contains("no picture can be used"), "{error}");
}

#[test]
fn the_result_is_the_running_mean() {
    let photos = photos();
    let place = tempfile::tempdir().unwrap();
    go(&options(photos.path(), 3), place.path(), false, None);
    let model = Model::open(&place.path().join("final.safetensors")).unwrap();
    let (state, _, _) = Checkpoint::newest(&Place::new(place.path()).checkpoints()).unwrap();
    let options = state.options.clone();
    let trainer = Trainer::resume(&options, state, Precision::auto(), &Device::Cpu).unwrap();
    let (means, weights) = (trainer.averaged().unwrap().tensors(), trainer.parameters().tensors());
    let values =
        |tensor: &candle_core::Tensor| -> Vec<f32> { tensor.flatten_all().unwrap().to_vec1().unwrap() };
    for (name, tensor) in model.parameters.tensors() {
        assert_eq!(values(&tensor), values(&means[&name]), "{name}");
    }
    assert!(means.iter().any(|(name, mean)| values(mean) != values(&weights[name])));
    assert_eq!(model.provenance["patches"], "6");
}

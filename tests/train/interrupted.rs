//! Runs that are interrupted, resumed with other options, in one another's way, or short of pictures.

use std::path::{Path, PathBuf};

use ipt::model::{Config, Preset};
use ipt::task::Task;
use ipt::train::checkpoint::{self, Checkpoint};
use ipt::train::log::{self, Entry};
use ipt::train::{Options, Outcome, Place, Watch, run};
use ipt::weights::Model;

use crate::{Watcher, go, machine, options, photo, photos, save};

/// A run of one task, measured at the end on two small pictures in `folder`/held.
fn measured(photos: &Path, folder: &Path, steps: u64) -> Options {
    for seed in [8, 9] {
        save(&folder.join(format!("held/{seed}.png")), &photo(seed, 60, 50));
    }
    let model = Config::preset(Preset::Tiny, vec!["sr2".parse::<Task>().unwrap()]);
    Options { model, validate: Some(folder.join("held")), ..options(photos, steps) }
}

fn measurements(place: &Path) -> Vec<u64> {
    let entries = log::read(&place.join("log.jsonl")).unwrap();
    entries.iter().filter(|entry| matches!(entry, Entry::Validation(_))).map(Entry::step).collect()
}

fn facts(place: &Path) -> std::collections::BTreeMap<String, String> {
    Model::open(&place.join("final.safetensors")).unwrap().provenance
}

fn steps_saved(place: &Path) -> Vec<u64> {
    checkpoint::list(&Place::new(place).checkpoints()).unwrap().iter().map(|(step, _)| *step).collect()
}

/// Does something at each entry, and stops when it was asked so many times.
struct Meddler<'a> {
    at: Box<dyn FnMut(&Entry) + 'a>,
    patience: usize,
    notes: Vec<String>,
}

impl<'a> Meddler<'a> {
    fn new(at: impl FnMut(&Entry) + 'a) -> Self {
        Self { at: Box::new(at), patience: usize::MAX, notes: Vec::new() }
    }
}

impl Watch for Meddler<'_> {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    fn entry(&mut self, entry: &Entry) {
        (self.at)(entry);
    }

    fn stop(&mut self) -> bool {
        self.patience = self.patience.saturating_sub(1);
        self.patience == 0
    }
}

#[test]
fn a_measurement_that_was_missed_is_made() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let place = runs.path().join("run");
    let two = measured(photos.path(), runs.path(), 2);
    // In the last step: it is saved, but has no end yet.
    assert_eq!(go(&two, &place, false, Some(2)).0, Outcome::Stopped(2));
    assert!(measurements(&place).is_empty() && !place.join("final.safetensors").exists());
    assert_eq!(go(&two, &place, true, None).0, Outcome::Finished);
    assert_eq!(measurements(&place), [2]);
    // In the middle of the run, where one is due.
    let four = Options { steps: Some(4), validate_every: 3, ..two };
    assert_eq!(go(&four, &place, true, Some(3)).0, Outcome::Stopped(3));
    assert_eq!(go(&four, &place, true, None).0, Outcome::Finished);
    assert_eq!(measurements(&place), [2, 3, 4]);
    assert_eq!(go(&four, &place, true, None).0, Outcome::Finished);
    assert_eq!(measurements(&place), [2, 3, 4]);
}

#[test]
fn an_interrupted_measurement_leaves_nothing() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let place = runs.path().join("run");
    let options = measured(photos.path(), runs.path(), 1);
    // Asked before the step, after it, and before each of the two pictures.
    let mut watch = Meddler { patience: 4, ..Meddler::new(|_| {}) };
    let outcome = run(&options, &Place::new(&place), &machine(1), false, &mut watch).unwrap();
    assert_eq!(outcome, Outcome::Stopped(1));
    assert!(measurements(&place).is_empty() && !place.join("samples").exists());
    assert_eq!(go(&options, &place, true, None).0, Outcome::Finished);
    assert_eq!(measurements(&place), [1]);
    assert_eq!(std::fs::read_dir(place.join("samples")).unwrap().count(), 2);
}

#[test]
fn one_run_at_a_time() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let place = Place::new(&runs.path().join("run"));
    let options = options(photos.path(), 1);
    let mut errors = Vec::new();
    let mut watch = Meddler::new(|_| {
        for resume in [false, true] {
            errors.push(run(&options, &place, &machine(1), resume, &mut Watcher::default()).unwrap_err());
        }
    });
    run(&options, &place, &machine(1), false, &mut watch).unwrap();
    drop(watch);
    assert!(errors.len() == 2 && errors.iter().all(|error| error.to_string().contains("another run")));
    // What is not there is not made.
    let nowhere = runs.path().join("nowhere");
    let error = run(&options, &Place::new(&nowhere), &machine(1), true, &mut Watcher::default());
    assert!(error.unwrap_err().to_string().contains("no checkpoint") && !nowhere.exists());
}

#[test]
fn time_adds_up() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let place = runs.path().join("run");
    let by_steps = options(photos.path(), 2);
    go(&by_steps, &place, false, None);
    // As if it had taken long.
    let path = place.join("log.jsonl");
    let slow: String = (log::read(&path).unwrap().into_iter())
        .map(|entry| match entry {
            Entry::Step(step) => Entry::Step(log::Step { seconds: 50.0 * step.step as f64, ..step }),
            other => other,
        })
        .map(|entry| serde_json::to_string(&entry).unwrap() + "\n")
        .collect();
    std::fs::write(&path, slow).unwrap();
    let by_time = Options { steps: Some(3), max_seconds: Some(1000.0), ..by_steps };
    go(&by_time, &place, true, None);
    let seconds: Vec<f64> = log::read(&path).unwrap().iter().filter_map(Entry::seconds).collect();
    assert!(seconds.is_sorted() && seconds[2] >= 100.0, "{seconds:?}");
    let (state, _, _) = Checkpoint::newest(&Place::new(&place).checkpoints()).unwrap();
    assert!(state.milliseconds >= 100_000, "{}", state.milliseconds);
}

#[test]
fn patches_are_counted_as_they_were() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let two = options(photos.path(), 2);
    go(&two, runs.path(), false, None);
    go(&Options { steps: Some(3), batch: 3, ..two }, runs.path(), true, None);
    assert_eq!(facts(runs.path())["patches"], "7");
}

#[test]
fn what_a_run_shows_is_not_trained_on() {
    let (photos, held) = (photos(), tempfile::tempdir().unwrap());
    let place = photos.path().join("run");
    let one = measured(photos.path(), held.path(), 1);
    go(&one, &place, false, None);
    assert!(place.join("samples").exists());
    let named_twice = vec![photos.path().to_path_buf(), place.join("..")];
    go(&Options { steps: Some(2), photos: named_twice, ..one }, &place, true, None);
    assert_eq!(facts(&place)["photographs"], "3");
}

fn remove(photos: &Path, names: &[&str]) {
    names.iter().for_each(|name| drop(std::fs::remove_file(photos.join(name))));
}

#[test]
fn steps_outlive_the_pictures() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let options = Options { cache: 0, ..options(photos.path(), 1000) };
    let mut watch = Meddler::new(|_| remove(photos.path(), &["0.png", "1.png", "2.png"]));
    let error =
        run(&options, &Place::new(runs.path()), &machine(1), false, &mut watch).unwrap_err().to_string();
    assert!(error.contains("no picture can be used for") && error.contains(".png: "), "{error}");
    assert!(steps_saved(runs.path())[0] > 0);
    assert!(watch.notes.iter().any(|note| note.contains("1.png")), "{:?}", watch.notes);
}

#[test]
fn pictures_that_have_gone_are_not_in_the_hash() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let mut watch = Meddler::new(|_| remove(photos.path(), &["0.png"]));
    run(&options(photos.path(), 1), &Place::new(runs.path()), &machine(1), false, &mut watch).unwrap();
    let said = "1 of 3 files cannot be read: not in the hash of the data";
    assert!(watch.notes.iter().any(|note| note == said), "{:?}", watch.notes);
}

#[test]
fn weights_that_are_no_numbers_are_not_saved() {
    let (photos, runs) = (photos(), tempfile::tempdir().unwrap());
    let options = Options { rate: 1e300, save_every: 1, ..options(photos.path(), 3) };
    let place = Place::new(runs.path());
    let error = run(&options, &place, &machine(1), false, &mut Watcher::default()).unwrap_err().to_string();
    assert!(error.contains("is not finite after step 1"), "{error}");
    assert_eq!(checkpoint::list(&place.checkpoints()).unwrap(), [] as [(u64, PathBuf); 0]);
}

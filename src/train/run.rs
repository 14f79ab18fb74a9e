//! A whole run: from options to RUN/final.safetensors, with all that lies beside it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device};

use super::checkpoint::{self, Checkpoint};
use super::curves;
use super::gradient::Gradient;
use super::lock;
use super::log::{self, Entry, Log, Step};
use super::options::Options;
use super::origin;
use super::place::Place;
use super::provenance;
use super::samples;
use super::trainer::{Losses, Trainer};
use super::validate::{Sample, Validation};
use crate::atomic::{self, Existing};
use crate::dataset::{Files, Loader, Pairs, Photos, Recipe, Source};
use crate::degrade::StreakSet;
use crate::error::{AtPath, Error, Result, visible};
use crate::ops::Precision;
use crate::task::Task;
use crate::weights::{Model, Parameters};

/// Whoever looks on while a run goes.
pub trait Watch {
    /// Something worth a line: a file that is not used, a checkpoint that is damaged.
    fn note(&mut self, text: &str);
    /// A step, a measurement or a resumption.
    fn entry(&mut self, entry: &Entry);
    /// Whether the run shall save and stop; asked before each step, and before each picture that is
    /// measured on.
    fn stop(&mut self) -> bool;
}

/// Where and how a run computes; not part of what is computed, up to rounding.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Where tensors live.
    pub device: Device,
    /// The number format of products.
    pub precision: Precision,
    /// Threads that make batches.
    pub loaders: usize,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// At its end: the result is written.
    Finished,
    /// When told to stop, at this step: the state is saved.
    Stopped(u64),
}

/// Trains as `options` say, in `place`; with `resume` goes on from its newest sound checkpoint.
///
/// # Errors
/// When the options contradict themselves, the place holds another run already or another goes on
/// there, there is nothing to train on, files cannot be written, or the loss or the weights are no
/// longer finite. Checkpoints written before stay; where it is pictures that are wanting, the steps
/// that are done are saved.
pub fn run(
    options: &Options,
    place: &Place,
    machine: &Machine,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<Outcome> {
    options.check()?;
    if !resume {
        std::fs::create_dir_all(place.folder()).at(place.folder())?;
    }
    // A folder that is not there is made for no run that only goes on.
    let _alone = place.folder().is_dir().then(|| lock::take(&place.lock())).transpose()?;
    let Begun { trainer, milliseconds, options } = begin(options, place, machine, resume, watch)?;
    let (recipe, validation) = pictures(&options, place, watch)?;
    let mut log = Log::open(&place.log(), trainer.step())?;
    if resume {
        log.add(&Entry::Resume { step: trainer.step() })?;
    }
    options.save(&place.config())?;
    let past = log::read(&place.log())?;
    let measured = past.iter().filter(|entry| matches!(entry, Entry::Validation(_))).map(Entry::step).max();
    let first = trainer.step() * options.accumulate as u64;
    let mut loader = Loader::start(&recipe, first, machine.loaders)?;
    let mut run = Run {
        saved: resume.then_some(trainer.step()),
        measured,
        before: past.iter().filter_map(Entry::seconds).fold(milliseconds as f64 / 1000.0, f64::max),
        started: Instant::now(),
        options: &options,
        place,
        machine,
        trainer,
        recipe,
        validation,
        log,
    };
    loop {
        let over = run.progress() >= 1.0;
        let due = run.due(over);
        let stopped = watch.stop();
        if due && !stopped && run.measure(watch)? {
            // Which took time, that may be over now.
            continue;
        }
        if over && !due {
            run.finish(watch)?;
            return Ok(Outcome::Finished);
        }
        // Interrupted, too, where a measurement is still due: it is made when the run goes on.
        if stopped || due {
            run.save()?;
            return Ok(Outcome::Stopped(run.trainer.step()));
        }
        run.step(&mut loader, watch)?;
    }
}

/// A run that goes.
struct Run<'a> {
    options: &'a Options,
    place: &'a Place,
    machine: &'a Machine,
    trainer: Trainer,
    recipe: Arc<Recipe>,
    validation: Option<Validation>,
    log: Log,
    /// Seconds of training before it was started.
    before: f64,
    started: Instant,
    /// The last step of which the state is saved.
    saved: Option<u64>,
    /// The last step at which was measured.
    measured: Option<u64>,
}

impl Run<'_> {
    /// Seconds of training since the very start.
    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// How much of the way is done; from 1 on all.
    fn progress(&self) -> f64 {
        let step = self.trainer.step();
        let part = |steps: u64| if step >= steps { 1.0 } else { step as f64 / steps as f64 };
        let by_steps = self.options.steps.map_or(0.0, part);
        let by_time = self.options.max_seconds.map_or(0.0, |most| self.seconds() / most.max(1e-9));
        f64::max(by_steps, by_time)
    }

    /// Whether to measure before anything else: a run may have been interrupted before it did.
    fn due(&self, over: bool) -> bool {
        let step = self.trainer.step();
        let wanted = self.validation.is_some() && step > 0 && self.measured != Some(step);
        wanted && (over || step.is_multiple_of(self.options.validate_every))
    }

    /// One step, and what follows from it.
    fn step(&mut self, loader: &mut Loader, watch: &mut dyn Watch) -> Result<()> {
        let clock = Instant::now();
        let lr = self.options.learning_rate().at(self.trainer.step(), self.progress());
        let entry = step(&mut self.trainer, self.options, loader, lr);
        self.tell(watch);
        let entry = match entry {
            // Weights that lead to no number are not worth keeping; all others are.
            Err(error) if !matches!(error, Error::Model(_)) && self.trainer.step() > 0 => {
                return self.save().and(Err(error));
            }
            entry => entry?,
        };
        let patches = (self.options.batch * self.options.accumulate) as f64;
        let entry = Entry::Step(Step {
            patches_per_second: patches / clock.elapsed().as_secs_f64(),
            seconds: self.seconds(),
            memory_mib: log::resident_mib(),
            ..entry
        });
        self.log.add(&entry)?;
        watch.entry(&entry);
        if self.trainer.step().is_multiple_of(self.options.save_every) {
            self.save()?;
        }
        Ok(())
    }

    /// Says what there is to say of the pictures.
    fn tell(&self, watch: &mut dyn Watch) {
        self.recipe.source.notes().iter().for_each(|note| watch.note(note));
    }

    /// Saves the state, unless it is.
    fn save(&mut self) -> Result<()> {
        self.log.flush()?;
        let step = self.trainer.step();
        if self.saved != Some(step) {
            // Where no time decides the end, none is told: equal runs have equal files.
            let milliseconds = self.options.max_seconds.map_or(0, |_| (self.seconds() * 1000.0) as u64);
            self.trainer.checkpoint(milliseconds).save(&self.place.checkpoints(), self.options.keep)?;
            self.saved = Some(step);
        }
        Ok(())
    }

    /// Restores the validation pictures with the running mean of the weights, and keeps some to look at;
    /// false, and nothing is kept, if it was interrupted.
    fn measure(&mut self, watch: &mut dyn Watch) -> Result<bool> {
        let Some(validation) = &self.validation else { return Ok(true) };
        let model = self.averaged(BTreeMap::new())?;
        let (mut shown, mut files) = (BTreeMap::new(), Vec::new());
        let show = |sample: Sample| {
            let count: &mut usize = shown.entry(sample.task).or_default();
            *count += 1;
            if *count <= samples::SHOWN {
                files.push(samples::file(&self.place.samples(), &sample)?);
            }
            Ok(())
        };
        let Some(tasks) = validation.measure(&model, self.machine, || watch.stop(), show)? else {
            return Ok(false);
        };
        for (path, bytes) in files {
            atomic::write(&path, &bytes, Existing::Replace)?;
        }
        let step = self.trainer.step();
        let entry = Entry::Validation(log::Validation { step, seconds: self.seconds(), tasks });
        self.log.add(&entry)?;
        self.log.flush()?;
        self.measured = Some(step);
        watch.entry(&entry);
        self.draw()?;
        Ok(true)
    }

    /// Draws the log.
    fn draw(&self) -> Result<()> {
        curves::draw(&self.place.curves(), &log::read(&self.place.log())?)
    }

    /// Writes the result.
    fn finish(mut self, watch: &mut dyn Watch) -> Result<()> {
        self.save()?;
        self.draw()?;
        let (steps, patches) = (self.trainer.step(), self.trainer.patches());
        let facts = provenance::facts(self.options, steps, patches, self.seconds(), &self.recipe.source);
        self.tell(watch);
        self.averaged(facts)?.save(&self.place.result(), DType::F32)
    }

    /// The running mean of the weights.
    fn averaged(&self, provenance: BTreeMap<String, String>) -> Result<Model> {
        Ok(Model { config: self.options.model.clone(), parameters: self.trainer.averaged()?, provenance })
    }
}

/// A run that can go on.
struct Begun {
    trainer: Trainer,
    /// Milliseconds of training behind it.
    milliseconds: u64,
    /// The options, with what was noted of the model that the run began with.
    options: Options,
}

/// The state to start from.
fn begin(
    options: &Options,
    place: &Place,
    machine: &Machine,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<Begun> {
    let mut options = options.clone();
    if resume {
        let (checkpoint, path, damaged) = Checkpoint::newest(&place.checkpoints())?;
        damaged.iter().for_each(|error| watch.note(&format!("{error}: passed over")));
        watch.note(&format!("resuming at step {} from {}", checkpoint.step, visible(&path)));
        let milliseconds = checkpoint.milliseconds;
        checkpoint::clean(&place.checkpoints())?;
        options.from = origin::resume(options.from, checkpoint.options.from.clone())?;
        let trainer = Trainer::resume(&options, checkpoint, machine.precision, &machine.device)?;
        return Ok(Begun { trainer, milliseconds, options });
    }
    if place.result().exists() || !checkpoint::list(&place.checkpoints())?.is_empty() {
        let reason = "holds a run already: --resume goes on with it, another --out starts anew";
        return Err(Error::Usage(reason.into()).at(place.folder()));
    }
    refuse_foreign(place)?;
    let parameters = match &options.from {
        Some(origin) => {
            let (parameters, noted) = origin.begin(&options, &machine.device)?;
            options.from = Some(noted);
            parameters
        }
        None => Parameters::init(&options.model, options.seed, &machine.device)?,
    };
    let trainer = Trainer::start(&options, parameters, machine.precision)?;
    Ok(Begun { trainer, milliseconds: 0, options })
}

/// Refuses to replace what no run has left; what one left that had no checkpoint yet is replaced.
fn refuse_foreign(place: &Place) -> Result<()> {
    let (config, log) = (place.config(), place.log());
    let foreign = |path| Err(Error::Usage("is not a run's, and would be replaced".into()).at(path));
    if config.exists() && Options::open(&config).is_err() {
        return foreign(config);
    }
    if log::is_foreign(&log)? {
        return foreign(log);
    }
    // A run has its options there before anything else.
    let shown = [place.curves(), place.samples()].into_iter().find(|path| path.exists());
    shown.filter(|_| !config.exists()).map_or(Ok(()), foreign)
}

/// Where batches come from, and what is measured on.
fn pictures(
    options: &Options,
    place: &Place,
    watch: &mut dyn Watch,
) -> Result<(Arc<Recipe>, Option<Validation>)> {
    let streaks = options.rain_streaks.as_ref().map(StreakSet::load).transpose()?.map(Arc::new);
    let tune = options.tune.as_ref();
    let tasks = &options.model.tasks;
    if streaks.is_some() && !tasks.contains(&Task::Derain) {
        watch.note("the rain streaks are not used: no task is derain");
    }
    let run = place.folder();
    let note = |note: &str| watch.note(note);
    let validation = match (&options.validate, tune.and_then(|tune| tune.validate_pairs.as_ref())) {
        (Some(folder), _) => Some(Validation::load(folder, run, tasks, streaks.as_deref(), note)?),
        (None, Some(pairs)) => Some(Validation::of_pairs(pairs, run, tasks[0], note)?),
        (None, None) => None,
    };
    let excluded = validation.as_ref().map(|validation| validation.hashes().clone()).unwrap_or_default();
    let recipe = Arc::new(Recipe {
        source: source(options, run, &excluded)?,
        seed: options.seed,
        tasks: options.weighted_tasks(),
        model: options.model.clone(),
        batch: options.batch,
        accumulate: options.accumulate,
        streaks,
    });
    Ok((recipe, validation))
}

/// What the tasks learn from; all share the memory for decoded pictures evenly.
fn source(options: &Options, run: &Path, excluded: &HashSet<blake3::Hash>) -> Result<Source> {
    let tasks = options.model.tasks.iter().map(|&task| (task, options.pairs_of(task)));
    let tasks: Vec<_> = tasks.filter(|(_, folders)| !folders.is_empty()).collect();
    let photos = options.needs_photos().map(|_| Files::find(&options.photos)).transpose()?;
    let budget = (options.cache << 20) / (tasks.len() + usize::from(photos.is_some())).max(1);
    let photos = photos.map(|files| Photos::new(files.outside(run), budget, excluded.clone())).transpose()?;
    let pairs = tasks.into_iter().map(|(task, folders)| {
        Pairs::find(&folders, run, budget, excluded.clone()).map(|pairs| (task, pairs))
    });
    Ok(Source::new(photos, pairs.collect::<Result<_>>()?))
}

/// One step: its batches gradients, summed, and the update.
fn step(trainer: &mut Trainer, options: &Options, loader: &mut Loader, lr: f64) -> Result<Step> {
    let mut sum = Gradient::default();
    let mut losses = Losses::default();
    let mut task = None;
    for _ in 0..options.accumulate {
        let batch = loader.take()?;
        let (gradient, part) = trainer.gradient(&batch)?;
        sum.add(gradient)?;
        losses.add(part, 1.0 / options.accumulate as f64);
        task = Some(batch.task);
    }
    let task = task.ok_or_else(|| Error::Usage("a step without a batch".into()))?;
    let norm = trainer.apply(&sum, options.accumulate, task, lr)?;
    Ok(Step {
        step: trainer.step(),
        task,
        loss: losses.total,
        l1: losses.l1,
        contrastive: (options.lambda > 0.0).then_some(losses.contrastive),
        lr,
        norm,
        patches_per_second: 0.0,
        seconds: 0.0,
        memory_mib: None,
    })
}

//! A whole run: from options to RUN/final.safetensors, with all that lies beside it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device};

use super::checkpoint::{self, Checkpoint};
use super::curves;
use super::gradient::Gradient;
use super::log::{self, Entry, Log, Step};
use super::options::Options;
use super::origin;
use super::place::Place;
use super::provenance;
use super::samples;
use super::trainer::{Losses, Trainer};
use super::validate::Validation;
use crate::dataset::{Files, Loader, Pairs, Photos, Recipe, Source};
use crate::degrade::StreakSet;
use crate::error::{Error, Result};
use crate::ops::Precision;
use crate::weights::{Model, Parameters};

/// Whoever looks on while a run goes.
pub trait Watch {
    /// Something worth a line: a file that is not used, a checkpoint that is damaged.
    fn note(&mut self, text: &str);
    /// A step, a measurement or a resumption.
    fn entry(&mut self, entry: &Entry);
    /// Whether the run shall save and stop; asked after each step.
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
/// When the options contradict themselves, the place holds another run already, there is nothing
/// to train on, files cannot be written, or the loss is no longer finite. Checkpoints written
/// before stay.
pub fn run(
    options: &Options,
    place: &Place,
    machine: &Machine,
    resume: bool,
    watch: &mut dyn Watch,
) -> Result<Outcome> {
    options.check()?;
    let Begun { mut trainer, milliseconds, options } = begin(options, place, machine, resume, watch)?;
    let options = &options;
    let (recipe, validation) = pictures(options, watch)?;
    let mut log = Log::open(&place.log(), trainer.step())?;
    if resume {
        log.add(&Entry::Resume { step: trainer.step() })?;
    }
    options.save(&place.config())?;
    let before = match options.max_seconds {
        Some(_) => milliseconds as f64 / 1000.0,
        None => logged_seconds(&place.log())?,
    };

    let first = trainer.step() * options.accumulate as u64;
    let mut loader = Loader::start(&recipe, first, machine.loaders)?;

    let started = Instant::now();
    let seconds = || before + started.elapsed().as_secs_f64();
    let progress = |step: u64, seconds: f64| {
        let by_steps =
            options.steps.map_or(0.0, |steps| if step >= steps { 1.0 } else { step as f64 / steps as f64 });
        let by_time = options.max_seconds.map_or(0.0, |most| seconds / most.max(1e-9));
        f64::max(by_steps, by_time)
    };
    let milliseconds = || options.max_seconds.map_or(0, |_| (seconds() * 1000.0) as u64);
    let rate = options.learning_rate();
    let mut stopped = false;
    while progress(trainer.step(), seconds()) < 1.0 && !stopped {
        let clock = Instant::now();
        let lr = rate.at(trainer.step(), progress(trainer.step(), seconds()));
        let entry = step(&mut trainer, options, &mut loader, lr)?;
        let patches = (options.batch * options.accumulate) as f64;
        let entry = Entry::Step(Step {
            patches_per_second: patches / clock.elapsed().as_secs_f64(),
            seconds: seconds(),
            memory_mib: log::resident_mib(),
            ..entry
        });
        log.add(&entry)?;
        watch.entry(&entry);
        recipe.source.notes().iter().for_each(|note| watch.note(note));
        stopped = watch.stop();
        if trainer.step() % options.save_every == 0 {
            log.flush()?;
            trainer.checkpoint(milliseconds()).save(&place.checkpoints(), options.keep)?;
        }
        let over = progress(trainer.step(), seconds()) >= 1.0;
        let due = trainer.step() % options.validate_every == 0 || over;
        if let (Some(validation), true, false) = (&validation, due, stopped) {
            let entry = measure(validation, &trainer, options, place, machine, seconds())?;
            log.add(&entry)?;
            log.flush()?;
            watch.entry(&entry);
            curves::draw(&place.curves(), &log::read(&place.log())?)?;
        }
    }
    log.flush()?;
    let saved = checkpoint::list(&place.checkpoints())?;
    if saved.first().is_none_or(|(step, _)| *step != trainer.step()) {
        trainer.checkpoint(milliseconds()).save(&place.checkpoints(), options.keep)?;
    }
    if progress(trainer.step(), seconds()) < 1.0 {
        return Ok(Outcome::Stopped(trainer.step()));
    }
    curves::draw(&place.curves(), &log::read(&place.log())?)?;
    let facts = provenance::facts(options, trainer.step(), seconds(), &recipe.source);
    averaged(&trainer, options, facts)?.save(&place.result(), DType::F32)?;
    Ok(Outcome::Finished)
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
        watch.note(&format!("resuming at step {} from {}", checkpoint.step, path.display()));
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

/// Where batches come from, and what is measured on.
fn pictures(options: &Options, watch: &mut dyn Watch) -> Result<(Arc<Recipe>, Option<Validation>)> {
    let streaks = options.rain_streaks.as_ref().map(StreakSet::load).transpose()?.map(Arc::new);
    let tune = options.tune.as_ref();
    let tasks = &options.model.tasks;
    let note = |note: &str| watch.note(note);
    let validation = match (&options.validate, tune.and_then(|tune| tune.validate_pairs.as_ref())) {
        (Some(folder), _) => Some(Validation::load(folder, tasks, streaks.as_deref(), note)?),
        (None, Some(pairs)) => Some(Validation::of_pairs(pairs, tasks[0], note)?),
        (None, None) => None,
    };
    let excluded = validation.as_ref().map(|validation| validation.hashes().clone()).unwrap_or_default();
    let cache = options.cache << 20;
    let source = match tune.and_then(|tune| tune.pairs.as_ref()) {
        Some([degraded, clean]) => Source::Pairs(Box::new(Pairs::find(degraded, clean, cache, excluded)?)),
        None => Source::Photos(Photos::new(Files::find(&options.photos)?, cache, excluded)?),
    };
    let recipe = Arc::new(Recipe {
        source,
        seed: options.seed,
        tasks: options.weighted_tasks(),
        model: options.model.clone(),
        batch: options.batch,
        accumulate: options.accumulate,
        streaks,
    });
    Ok((recipe, validation))
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

/// Restores the validation pictures with the running mean of the weights, and keeps some to look at.
fn measure(
    validation: &Validation,
    trainer: &Trainer,
    options: &Options,
    place: &Place,
    machine: &Machine,
    seconds: f64,
) -> Result<Entry> {
    let model = averaged(trainer, options, BTreeMap::new())?;
    let mut shown = BTreeMap::new();
    let tasks = validation.measure(&model, machine, |sample| {
        let count: &mut usize = shown.entry(sample.task).or_default();
        *count += 1;
        if *count <= samples::SHOWN { samples::write(&place.samples(), &sample) } else { Ok(()) }
    })?;
    Ok(Entry::Validation(log::Validation { step: trainer.step(), seconds, tasks }))
}

fn averaged(trainer: &Trainer, options: &Options, provenance: BTreeMap<String, String>) -> Result<Model> {
    Ok(Model { config: options.model.clone(), parameters: trainer.averaged()?, provenance })
}

/// Seconds of training that the log has seen.
fn logged_seconds(path: &Path) -> Result<f64> {
    let seconds = log::read(path)?.into_iter().rev().find_map(|entry| match entry {
        Entry::Step(step) => Some(step.seconds),
        _ => None,
    });
    Ok(seconds.unwrap_or(0.0))
}

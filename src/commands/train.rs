//! `ipt train` and `ipt tune`: arguments → options → a run, with what a person sees of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, bail};
use signal_hook::flag;

use super::display::Display;
use super::{Exit, complain, list_file, model};
use crate::cli::Global;
use crate::cli::train::{HeadBlocks, PresetName, Train};
use crate::cli::training::{FormName, LossName, RuleName, ScheduleName, Training};
use crate::dataset::Files;
use crate::error::visible;
use crate::model::{CoarseLevel, Config, Preset, head_blocks};
use crate::ops::{Numbers, Precision};
use crate::task::Task;
use crate::train::loss::{Comparison, ContrastiveForm};
use crate::train::optimizer::Rule;
use crate::train::options::TaskPairs;
use crate::train::origin::{self, Origin};
use crate::train::run::Machine;
use crate::train::schedule::Schedule;
use crate::train::{self, Options, Outcome, Place};
use crate::{interrupt, progress};

/// Steps of a run for which neither steps nor a time were given.
const STEPS: u64 = 20_000;

pub fn run(args: &Train, global: &Global) -> anyhow::Result<Exit> {
    let known = start(&args.training)?;
    if known.as_ref().is_some_and(|options| options.tune.is_some()) {
        bail!("these are the options of `ipt tune`, which goes on with them");
    }
    let resumed = args.training.resume && known.is_some();
    let tasks = match &known {
        Some(options) if args.tasks.is_empty() => options.model.tasks.clone(),
        _ => args.tasks.clone(),
    };
    let mut options = known.unwrap_or_else(|| {
        Options::new(Vec::new(), Config::preset(Preset::Default, Task::PRETRAINING.to_vec()))
    });
    let before = options.model.tasks.clone();
    match &args.from {
        // The run has its weights; it looks whether they came from there.
        Some(name) if resumed => options.from = Some(Origin::new(name.file().map(Path::to_path_buf))),
        Some(name) => (options.from, options.model) = begin(name.file(), &tasks, global)?,
        None => {}
    }
    if let Some(preset) = args.preset {
        let preset = match preset {
            PresetName::Base => Preset::Base,
            PresetName::Default => Preset::Default,
            PresetName::Tiny => Preset::Tiny,
        };
        if options.from.is_some() {
            bail!("--preset: the run begins with a trained model, whose shape it has");
        }
        options.model = Config::preset(preset, options.model.tasks);
        if preset == Preset::Base {
            keep_rate(&mut options, |options| options.optimizer = Rule::Adam);
        }
    }
    if let Some(blocks) = args.shared_blocks {
        options.model.shared_blocks = blocks.into();
    }
    if !args.tasks.is_empty() && args.tasks != options.model.tasks {
        options.model = origin::config(&options.model, &args.tasks);
    }
    if options.model.tasks != before {
        options.task_weights.clear();
    }
    set_blocks(&mut options.model, &args.blocks);
    if options.from.is_none() && !args.blocks.is_empty() {
        centre_coarse_levels(&mut options.model);
    }
    set_coarse_blocks(&mut options.model, &args.coarse_blocks);
    if let Some(list) = &args.unshuffle {
        options.model.unshuffle = list.0.clone();
    }
    if !args.share_head.is_empty() {
        let groups = args.share_head.iter().map(|list| list.0.clone());
        options.model.shared_heads = groups.filter(|group| !group.is_empty()).collect();
    }
    if !args.task_weights.is_empty() {
        options.task_weights = args.task_weights.clone();
    }
    if !args.pairs.is_empty() {
        options.pairs = args.pairs.as_chunks().0.iter().map(task_pairs).collect::<anyhow::Result<_>>()?;
    }
    take(&mut options, &args.training)?;
    go(&mut options, &args.training, global)
}

/// Those for all heads first, whatever their place.
fn set_blocks(model: &mut Config, given: &[HeadBlocks<1>]) {
    if let Some(all) = given.iter().rfind(|given| given.tasks.is_none()) {
        model.blocks = all.blocks.into();
        model.head_blocks.clear();
    }
    let of_tasks = given
        .iter()
        .flat_map(|given| given.tasks.iter().flatten().map(|&task| (task, usize::from(given.blocks))));
    let mut heads = model.head_blocks.clone();
    heads.extend(of_tasks);
    model.head_blocks = head_blocks(model.blocks, heads);
}

/// Puts coarse levels in the middle of heads that have another depth now; not of trained ones, which only grow behind.
fn centre_coarse_levels(model: &mut Config) {
    let depths: Vec<_> = model.coarse.keys().map(|&task| model.blocks_of(task)).collect();
    for (level, blocks) in model.coarse.values_mut().zip(depths) {
        level.after = blocks / 2;
    }
}

/// A level that is new comes in the middle of its head. Those for all heads first, whatever their place.
fn set_coarse_blocks(model: &mut Config, given: &[HeadBlocks<0>]) {
    let (of_all, of_tasks): (Vec<_>, Vec<_>) = given.iter().partition(|given| given.tasks.is_none());
    for HeadBlocks { tasks, blocks } in of_all.into_iter().chain(of_tasks) {
        for &task in tasks.as_ref().unwrap_or(&model.tasks) {
            let after = model.coarse.get(&task).map_or(model.blocks_of(task) / 2, |level| level.after);
            match blocks {
                0 => model.coarse.remove(&task),
                &blocks => model.coarse.insert(task, CoarseLevel { after, blocks: blocks.into() }),
            };
        }
    }
}

/// What follows one `--pairs`: a task and two folders.
fn task_pairs([task, degraded, clean]: &[OsString; 3]) -> anyhow::Result<TaskPairs> {
    let task = task.to_string_lossy().parse().with_context(|| format!("--pairs {}", visible(task)))?;
    Ok(TaskPairs { task, folders: [degraded.into(), clean.into()] })
}

/// The model in the file, or the embedded one, as what to begin with, and the shape of a run for
/// `tasks` that does; for the model's own tasks if there are none.
pub(super) fn begin(
    file: Option<&Path>,
    tasks: &[Task],
    global: &Global,
) -> anyhow::Result<(Option<Origin>, Config)> {
    let source = model::open(file, origin::unnamed(tasks), global)?;
    let tasks = if tasks.is_empty() { &source.config.tasks } else { tasks };
    let shape = origin::config(&source.config, tasks);
    Ok((Some(Origin::new(file.map(Path::to_path_buf))), shape))
}

/// Options to start from: of the file that was named, or of the run to be resumed.
pub(super) fn start(args: &Training) -> anyhow::Result<Option<Options>> {
    let place = Place::new(&args.out);
    let own = place.config();
    match &args.config {
        Some(path) => Ok(Some(Options::open(path)?)),
        None if args.resume && own.exists() => Ok(Some(Options::open(&own)?)),
        None if args.resume && !place.checkpoints().exists() => {
            bail!("{}: no run to resume", visible(&args.out))
        }
        None => Ok(None),
    }
}

/// Puts what the command line says over the options.
pub(super) fn take(options: &mut Options, args: &Training) -> anyhow::Result<()> {
    fn put<T: Clone>(option: &mut T, given: &Option<T>) {
        if let Some(value) = given {
            *option = value.clone();
        }
    }
    let mut photos = args.photos.clone();
    if let Some(list) = &args.files_from {
        photos.extend(list_file::paths(list, b'\n')?);
    }
    if !photos.is_empty() {
        options.photos = photos;
    }
    options.freeze_body |= args.freeze_body;
    options.skip_transformer |= args.skip_transformer;
    put(&mut options.batch, &args.batch);
    put(&mut options.accumulate, &args.accumulate);
    options.steps = args.steps.or(options.steps);
    if let Some(epochs) = args.epochs {
        options.steps = Some(steps_of(epochs, options, &args.out)?);
    }
    options.max_seconds = args.max_time.map(|time| time.as_secs_f64()).or(options.max_seconds);
    if options.steps.is_none() && options.max_seconds.is_none() {
        options.steps = Some(STEPS);
    }
    keep_rate(options, |options| {
        if let Some(schedule) = args.schedule {
            options.schedule = match schedule {
                ScheduleName::Cosine => Schedule::Cosine,
                ScheduleName::Paper => Schedule::Paper,
                ScheduleName::Constant => Schedule::Constant,
            };
            if schedule == ScheduleName::Paper {
                options.optimizer = Rule::Adam;
            }
        }
        if let Some(rule) = args.optimizer {
            options.optimizer = match rule {
                RuleName::Adam => Rule::Adam,
                RuleName::Muon => Rule::Muon,
            };
        }
    });
    if let Some(loss) = args.loss {
        options.loss = match loss {
            LossName::L1 => Comparison::L1,
            LossName::Psnr => Comparison::Psnr,
        };
    }
    if let Some(form) = args.contrastive_form {
        options.contrastive = match form {
            FormName::Paper => ContrastiveForm::Paper,
            FormName::Supcon => ContrastiveForm::Supcon,
        };
    }
    put(&mut options.precision, &args.precision);
    put(&mut options.device, &args.device);
    put(&mut options.rate, &args.lr);
    put(&mut options.save_every, &args.save_every);
    put(&mut options.keep, &args.keep);
    put(&mut options.seed, &args.seed);
    put(&mut options.warm_up, &args.warmup);
    put(&mut options.lambda, &args.lambda);
    put(&mut options.contrastive_patches, &args.contrastive_patches);
    put(&mut options.clip, &args.clip);
    put(&mut options.ema, &args.ema);
    put(&mut options.validate_every, &args.validate_every);
    put(&mut options.cache, &args.cache);
    options.validate = args.validate.clone().or(options.validate.take());
    options.rain_streaks = args.rain_streaks.clone().or(options.rain_streaks.take());
    Ok(())
}

/// Changes options on which the default of the learning rate depends; a rate that is not the default stays.
fn keep_rate(options: &mut Options, change: impl FnOnce(&mut Options)) {
    let default = options.rate == options.default_rate();
    change(options);
    if default {
        options.rate = options.default_rate();
    }
}

/// Steps that draw as many patches as `epochs` times the pictures.
fn steps_of(epochs: f64, options: &Options, out: &Path) -> anyhow::Result<u64> {
    let mut folders: Vec<&[PathBuf]> = options.pairs.iter().map(|pairs| &pairs.folders[..1]).collect();
    if options.needs_photos().is_some() {
        folders.push(&options.photos);
    }
    let mut pictures = 0;
    for folder in folders {
        pictures += Files::find(folder)?.outside(out).len();
    }
    let patches_of_a_step = (options.batch * options.accumulate).max(1);
    Ok((epochs * pictures as f64 / patches_of_a_step as f64).ceil() as u64)
}

/// Runs, and says how it ended.
pub(super) fn go(options: &mut Options, args: &Training, global: &Global) -> anyhow::Result<Exit> {
    options.check()?;
    match options.needs_photos() {
        Some(_) if options.photos.is_empty() && options.pairs.is_empty() => {
            bail!("no photographs: name files or folders (see --help)")
        }
        Some(task) if options.photos.is_empty() => {
            bail!("no photographs, which {task} needs: name files or folders, or pairs for it")
        }
        None if !args.photos.is_empty() || args.files_from.is_some() => {
            bail!("photographs, but every task that is trained has pairs")
        }
        _ => {}
    }
    let device = options.device.device()?;
    let precision = match options.precision.on(&device, Precision::Bf16) {
        // What was asked for here is refused; what a run began with elsewhere goes on as it can.
        Err(lacking) if args.precision.is_none() => {
            if !global.quiet {
                progress::line(format_args!("{lacking}: products are in f32"));
            }
            Precision::F32
        }
        chosen => chosen?,
    };
    // Written out, so that the run is repeated and resumed in the same numbers elsewhere.
    if options.precision == Numbers::Auto {
        options.precision = precision.into();
    }
    // Making batches takes few cycles; two threads keep up with any model.
    let loaders = global.jobs.map_or(2, |jobs| usize::from(jobs).min(2));
    let machine = Machine { device, precision, loaders };
    let signal = catch_signals().context("signals cannot be caught")?;
    let mut display = Display::new(options, global.quiet, signal.clone());
    let place = Place::new(&args.out);
    let outcome = train::run(options, &place, &machine, args.resume, &mut display);
    let stepped = display.end();
    let quiet = global.quiet;
    match outcome {
        Ok(Outcome::Finished) => {
            if !quiet {
                progress::line(format_args!("finished: {}", visible(place.result())));
            }
            Ok(Exit::Done)
        }
        Ok(Outcome::Stopped(step)) => {
            if !quiet {
                progress::line(format_args!("stopped and saved at step {step}; --resume goes on"));
            }
            Ok(Exit::Signal(signal.load(Ordering::SeqCst) as u8))
        }
        Err(error) if stepped => {
            complain(error);
            Ok(Exit::Failed)
        }
        Err(error) => Err(error.into()),
    }
}

/// The first signal is noted here; the second ends the program on the spot.
fn catch_signals() -> std::io::Result<Arc<AtomicUsize>> {
    let again = Arc::new(AtomicBool::new(false));
    for signal in interrupt::signals() {
        flag::register_conditional_shutdown(signal, 128 + signal, again.clone())?;
        flag::register(signal, again.clone())?;
    }
    interrupt::noted()
}

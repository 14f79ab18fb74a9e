//! What degrade and restore share: from path arguments to finished files and an exit status.

use std::io::{IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::bail;

use super::screen::Screen;
use super::{Exit, complain, encoding, list_file, print, record, refuse_typing};
use crate::batch::{self, Busy, Existing, Job, Made, Options, Order, Output, Plan, Summary, Writing};
use crate::cli::Global;
use crate::cli::paths::Paths;
use crate::degrade::Record;
use crate::error::{Result, and_more, visible};
use crate::picture::{Format, Picture};
use crate::progress::{self, Progress};

/// The files of one run of a command.
pub struct Files<'a> {
    args: &'a Paths,
    quiet: bool,
    plan: Plan,
}

/// What is done to each picture, in words for `--json`.
pub struct Work<'a> {
    /// The task, or several with commas between.
    pub task: String,
    /// Where the model comes from, if there is one.
    pub model: Option<&'a str>,
    /// Which model it is.
    pub model_id: Option<String>,
    /// How many pixels of a result stand for one of the input along a side, at least.
    pub scale: usize,
    /// What the work on a picture keeps busy; if that is more than a thread, it tells how far it is.
    pub busy: Busy,
    /// How each picture is damaged, if it is.
    pub degradation: Option<Degraded<'a>>,
}

/// What has to be known to damage pictures in the same way again.
#[derive(Clone, Copy)]
pub struct Degraded<'a> {
    pub record: &'a (dyn Fn(&Job) -> Record + Sync),
    /// Whether it is also written into each file.
    pub in_file: bool,
}

impl<'a> Files<'a> {
    /// Plans the work. No picture is read.
    pub fn plan(args: &'a Paths, global: &Global) -> anyhow::Result<Self> {
        let existing = match (args.overwrite, args.skip_existing) {
            (true, _) => Existing::Overwrite,
            (_, true) => Existing::Skip,
            _ => Existing::Refuse,
        };
        let options = Options { existing, format: args.format, out: args.out.clone() };
        let plan = match (&args.files0_from, &args.out) {
            (Some(list), Some(out)) => Plan::of_list(&list_file::paths(list, 0)?, out, &options)?,
            _ => Plan::new(&args.paths, &options)?,
        };
        if args.json && plan.jobs.iter().any(|job| job.output == Output::Stdout) {
            bail!("--json and the picture would both go to stdout: name an output");
        }
        if !args.dry_run {
            refuse_terminals(&plan, stdin().is_terminal(), stdout().is_terminal())?;
        }
        Ok(Self { args, quiet: global.quiet, plan })
    }

    /// With `--dry-run`, prints what would become what; then that was all.
    pub fn only_shown(&self) -> anyhow::Result<Option<Exit>> {
        if !self.args.dry_run {
            return Ok(None);
        }
        self.complain_of_inputs();
        let lines = self.plan.jobs.iter().map(|job| format!("{} -> {}\n", job.input, job.output));
        print(lines.collect::<String>().as_bytes())?;
        Ok(Some(if self.plan.failures.is_empty() { Exit::Done } else { Exit::Failed }))
    }

    /// Says what of the inputs is not made.
    fn complain_of_inputs(&self) {
        self.plan.failures.iter().for_each(complain);
        if let (Some(note), false) = (passed_over(&self.plan.foreign), self.quiet) {
            progress::line(note);
        }
    }

    /// The formats of the outputs, as far as they are known before the inputs are.
    pub fn formats(&self) -> impl Iterator<Item = Format> {
        self.plan.jobs.iter().filter_map(|job| job.format)
    }

    /// Works through the plan, with a bar, a line for each failure, and a last line for batches.
    pub fn run(&self, what: &Work, work: impl Fn(&Job, &Picture, &Screen) -> Result<Picture> + Sync) -> Exit {
        let Self { args, quiet, plan } = self;
        let total = plan.jobs.len();
        self.complain_of_inputs();
        let bar = match total {
            _ if *quiet => Progress::hidden(),
            0 | 1 if what.busy == Busy::Thread => Progress::hidden(),
            0 | 1 => Progress::new(0, "tiles"),
            _ => Progress::new(total, "pictures"),
        };
        let work = |job: &Job, picture: &Picture| {
            work(job, picture, &Screen { bar: &bar, input: &job.input, alone: total < 2, quiet: *quiet })
        };
        let order = Order { busy: what.busy, fail_fast: args.fail_fast, scale: what.scale };
        let record = what
            .degradation
            .filter(|how| how.in_file)
            .map(|how| move |job: &Job| (how.record)(job).to_string());
        let writing =
            Writing { record: record.as_ref().map(|record| record as _), ..encoding::choose(&args.encoding) };
        let lost = OnceLock::new();
        let summary = batch::run(plan, order, writing, work, |job, result| {
            match result {
                Err(error) => bar.line(format_args!("ipt: {}: {error}", job.input)),
                Ok(made) if args.verbose => bar.line(sentence(job, made)),
                Ok(_) => {}
            }
            if args.json {
                // The pictures are still wanted, but a record that is lost must not go unsaid.
                if let Err(error) = bar.aside(|| print(&record::line(job, result, what))) {
                    lost.get_or_init(|| error);
                }
            }
            if total > 1 {
                bar.advance(1);
            }
        });
        drop(bar);
        if !quiet && total + summary.skipped + plan.failures.len() > 1 {
            progress::line(conclusion(summary));
        }
        if let Some(error) = lost.get() {
            complain(format_args!("stdout: not all records could be written: {error}"));
        }
        if summary.failed == 0 && lost.get().is_none() { Exit::Done } else { Exit::Failed }
    }
}

/// Whoever has a phone's pictures converted should know which were not.
fn passed_over(foreign: &[PathBuf]) -> Option<String> {
    let (first, others) = foreign.split_first()?;
    let others = and_more(others.len());
    Some(format!("{}{others}: passed over, formats that are not read", visible(first)))
}

fn conclusion(Summary { done, skipped, failed, left }: Summary) -> String {
    let rest = if left > 0 { format!(", {left} not begun") } else { String::new() };
    format!("{done} done, {skipped} skipped, {failed} failed{rest}")
}

fn sentence(job: &Job, made: &Made) -> String {
    let ((from_width, from_height), (width, height)) = (made.from, made.to);
    let seconds = made.time.as_secs_f64();
    format!("{} ({from_width}×{from_height}) -> {} ({width}×{height}), {seconds:.2} s", job.input, job.output)
}

fn refuse_terminals(plan: &Plan, stdin: bool, stdout: bool) -> anyhow::Result<()> {
    if stdout && plan.jobs.iter().any(|job| job.output == Output::Stdout) {
        bail!("a terminal cannot show a picture's bytes: name an output or redirect stdout (see --help)");
    }
    refuse_typing(plan.jobs.iter().map(|job| &job.input), stdin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_picture_from_or_to_a_terminal() {
        let ends = |paths: &[&str], stdin, stdout| {
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            refuse_terminals(&Plan::new(&paths, &Options::default()).unwrap(), stdin, stdout).is_ok()
        };
        assert!(ends(&[], false, false));
        assert!(!ends(&[], true, false));
        assert!(!ends(&[], false, true));
        assert!(!ends(&["a.png"], true, true));
        assert!(ends(&["a.png"], true, false));
        assert!(ends(&["a.png", "no-such-file.png"], true, true));
    }
}

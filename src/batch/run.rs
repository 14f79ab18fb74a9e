//! The work on a planned batch.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::plan::{Existing, Job, Plan};
use crate::atomic;
use crate::error::Result;
use crate::picture::{self, Decoded, EncodeOptions, Format, Picture, Strip};

/// How the files are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// As many files at a time as there are threads; else one after the other, because the work on
    /// one uses all threads.
    pub parallel: bool,
    /// After a failure no other file is begun.
    pub fail_fast: bool,
    /// How many pixels of a result stand for one of the input along a side, at least: what is then too large for its
    /// format is not worked on.
    pub scale: usize,
}

/// How the results are written.
#[derive(Clone, Copy, Default)]
pub struct Writing<'a> {
    /// Quality, effort.
    pub options: EncodeOptions,
    /// What of the input's metadata is left out; without, it comes along.
    pub strip: Option<Strip>,
    /// How a job's picture is made, in words to be written into its file.
    pub record: Option<&'a (dyn Fn(&Job) -> String + Sync)>,
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Pictures written.
    pub done: usize,
    /// Pictures left because their output existed.
    pub skipped: usize,
    /// Pictures, and folders, that failed.
    pub failed: usize,
    /// Pictures that were not begun because another failed.
    pub left: usize,
}

/// A picture that was read, worked on and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Width and height of the input.
    pub from: (usize, usize),
    /// Width and height of the output.
    pub to: (usize, usize),
    /// The output's format.
    pub format: Format,
    /// The time for all of it.
    pub time: Duration,
}

/// Reads, works on and writes each job's picture. A failure costs its own file only, unless the
/// order says otherwise.
///
/// `report` hears of each job when it has ended, from any thread.
pub fn run(
    plan: &Plan,
    order: Order,
    writing: Writing,
    work: impl Fn(&Job, &Picture) -> Result<Picture> + Sync,
    report: impl Fn(&Job, &Result<Made>) + Sync,
) -> Summary {
    let existing = match plan.existing {
        Existing::Overwrite => atomic::Existing::Replace,
        // Whatever has appeared since the plan was made is not ours to replace.
        Existing::Refuse | Existing::Skip => atomic::Existing::Refuse,
    };
    let stop = AtomicBool::new(order.fail_fast && !plan.failures.is_empty());
    let done = AtomicUsize::new(0);
    let failed = AtomicUsize::new(plan.failures.len());
    let skipped = AtomicUsize::new(plan.skipped);
    // Two programs may fill a folder together: what the other has made is skipped as if it had been there.
    let made_meanwhile = |job: &Job| plan.existing == Existing::Skip && job.output.exists();
    let one = |job: &Job| {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let result = (!made_meanwhile(job)).then(|| make(job, existing, order.scale, writing, &work));
        let Some(result) = result.filter(|result| result.is_ok() || !made_meanwhile(job)) else {
            skipped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if result.is_ok() {
            done.fetch_add(1, Ordering::Relaxed);
        } else {
            failed.fetch_add(1, Ordering::Relaxed);
            stop.fetch_or(order.fail_fast, Ordering::Relaxed);
        }
        report(job, &result);
    };
    if order.parallel {
        plan.jobs.par_iter().with_max_len(1).for_each(one);
    } else {
        plan.jobs.iter().for_each(one);
    }
    let (done, failed, skipped) = (done.into_inner(), failed.into_inner(), skipped.into_inner());
    let left = plan.jobs.len() + plan.failures.len() + plan.skipped - done - failed - skipped;
    Summary { done, skipped, failed, left }
}

fn make(
    job: &Job,
    existing: atomic::Existing,
    scale: usize,
    writing: Writing,
    work: impl Fn(&Job, &Picture) -> Result<Picture>,
) -> Result<Made> {
    let start = Instant::now();
    let size = |picture: &Picture| (picture.width(), picture.height());
    let Decoded { picture: input, format, mut metadata } = picture::decode(&job.input.read()?)?;
    let format = job.format.unwrap_or(format);
    // The work may take minutes: what would fail after it fails before.
    picture::refuse_layout(input.layout(), format)?;
    let [width, height] = [input.width(), input.height()].map(|side| side.saturating_mul(scale));
    picture::refuse_size(width, height, format)?;
    job.output.make_room()?;
    let picture = work(job, &input)?;
    let (from, to) = (size(&input), size(&picture));
    drop(input);
    metadata.strip(writing.strip);
    metadata.record = writing.record.map(|record| record(job));
    let bytes = picture::encode_with(&picture, format, &metadata, &writing.options)?;
    // A big picture's samples are not needed while its file is synced.
    drop(picture);
    job.output.write(&bytes, existing)?;
    Ok(Made { from, to, format, time: start.elapsed() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Options;
    use crate::picture::{Layout, Samples};

    fn folder(layout: Layout) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let samples = Samples::Eight(vec![9; 4 * layout.channels()]);
        let file = picture::encode(&Picture::new(2, 2, layout, samples).unwrap(), Format::Png).unwrap();
        for name in ["in/a.png", "in/b.png"] {
            atomic::write(&folder.path().join(name), &file, atomic::Existing::Refuse).unwrap();
        }
        folder
    }

    fn plan(folder: &tempfile::TempDir, options: &Options) -> Plan {
        Plan::new(&["in", "out"].map(|name| folder.path().join(name)), options).unwrap()
    }

    #[test]
    fn what_has_appeared_meanwhile_is_skipped() {
        let folder = folder(Layout::Grey);
        let plan = plan(&folder, &Options { existing: Existing::Skip, ..Options::default() });
        let theirs = folder.path().join("out/b.png");
        let appear = || atomic::write(&theirs, b"theirs", atomic::Existing::Replace).unwrap();
        // Once while the first is worked on, once while the second is.
        for at in ["a.png", "b.png"] {
            let work = |job: &Job, picture: &Picture| {
                if job.name == at {
                    appear();
                }
                Ok(picture.clone())
            };
            let summary = run(&plan, Order::default(), Writing::default(), work, |_, _| {});
            assert_eq!((summary.done, summary.skipped, summary.failed), (1, 1, 0), "{at}");
            assert_eq!(std::fs::read(&theirs).unwrap(), b"theirs");
            std::fs::remove_dir_all(folder.path().join("out")).unwrap();
        }
    }

    #[test]
    fn what_cannot_be_written_is_not_worked_on() {
        let failed = |plan: &Plan| {
            let work = |_: &Job, _: &Picture| -> Result<Picture> { panic!("was worked on") };
            let order = Order { scale: 8192, ..Order::default() };
            run(plan, order, Writing::default(), work, |_, _| {}).failed
        };
        // 16384 pixels a side.
        let webp = Options { format: Some(Format::WebP), ..Options::default() };
        assert_eq!(failed(&plan(&folder(Layout::Rgb), &webp)), 2);
        let jpeg = Options { format: Some(Format::Jpeg), ..Options::default() };
        assert_eq!(failed(&plan(&folder(Layout::Rgba), &jpeg)), 2);
        // A file where a folder should be.
        let blocked = folder(Layout::Grey);
        let plan = plan(&blocked, &Options::default());
        atomic::write(&blocked.path().join("out"), b"", atomic::Existing::Refuse).unwrap();
        assert_eq!(failed(&plan), 2);
        // A folder in which nobody can make files.
        if cfg!(target_os = "linux") {
            let paths = [blocked.path().join("in"), "/proc".into()];
            assert_eq!(failed(&Plan::new(&paths, &Options::default()).unwrap()), 2);
        }
    }
}

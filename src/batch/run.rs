//! The work on a planned batch.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::plan::{Existing, Job, Plan};
use crate::atomic;
use crate::error::Result;
use crate::picture::{self, Decoded, EncodeOptions, Format, Metadata, Picture, Strip};

/// What the work on a picture keeps busy, and so how many are worked on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Busy {
    /// One thread: as many as there are threads.
    Thread,
    /// All threads, if it is large: one, or several small ones. Meanwhile the next are read and those before written.
    #[default]
    Threads,
    /// A GPU: one. Meanwhile the next is read and the one before written.
    Gpu,
}

/// How the files are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// What each keeps busy.
    pub busy: Busy,
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
    /// The time for all of it, without what it waited for other pictures.
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
    let batch = Batch {
        plan,
        order,
        writing,
        work,
        report,
        stop: AtomicBool::new(order.fail_fast && !plan.failures.is_empty()),
        done: AtomicUsize::new(0),
        failed: AtomicUsize::new(plan.failures.len()),
        skipped: AtomicUsize::new(plan.skipped),
    };
    match order.busy {
        Busy::Thread => plan.jobs.par_iter().with_max_len(1).for_each(|job| batch.whole(job)),
        Busy::Threads | Busy::Gpu => batch.in_groups(),
    }
    let Batch { done, failed, skipped, .. } = batch;
    let (done, failed, skipped) = (done.into_inner(), failed.into_inner(), skipped.into_inner());
    let left = plan.jobs.len() + plan.failures.len() + plan.skipped - done - failed - skipped;
    Summary { done, skipped, failed, left }
}

/// A job on its way.
pub(super) struct Open {
    /// The input, and after the work the result.
    pub(super) picture: Picture,
    /// Width and height of the input.
    from: (usize, usize),
    format: Format,
    metadata: Metadata,
    /// What it has taken so far.
    time: Duration,
}

pub(super) struct Batch<'a, W, R> {
    pub(super) plan: &'a Plan,
    pub(super) order: Order,
    writing: Writing<'a>,
    work: W,
    report: R,
    pub(super) stop: AtomicBool,
    done: AtomicUsize,
    failed: AtomicUsize,
    skipped: AtomicUsize,
}

impl<W, R> Batch<'_, W, R>
where
    W: Fn(&Job, &Picture) -> Result<Picture> + Sync,
    R: Fn(&Job, &Result<Made>) + Sync,
{
    /// A job from its beginning to its end.
    fn whole(&self, job: &Job) {
        if !self.stopped() && self.may_begin(job) {
            let made =
                self.read(job).and_then(|open| self.work(job, open)).and_then(|open| self.write(job, open));
            self.end(job, made);
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether there is anything to do for a job whose turn has come.
    pub(super) fn may_begin(&self, job: &Job) -> bool {
        let begin = !self.made_meanwhile(job);
        self.skipped.fetch_add(usize::from(!begin), Ordering::Relaxed);
        begin
    }

    /// Two programs may fill a folder together: what the other has made is skipped as if it had been there.
    fn made_meanwhile(&self, job: &Job) -> bool {
        self.plan.existing == Existing::Skip && job.output.exists()
    }

    pub(super) fn read(&self, job: &Job) -> Result<Open> {
        let start = Instant::now();
        let Decoded { picture, format, metadata } = picture::decode(&job.input.read()?)?;
        let format = job.format.unwrap_or(format);
        let from = size(&picture);
        // The work may take minutes: what would fail after it fails before.
        picture::refuse_layout(picture.layout(), format)?;
        let (width, height) = self.least_size(&picture);
        picture::refuse_size(width, height, format)?;
        Ok(Open { picture, from, format, metadata, time: start.elapsed() })
    }

    /// Width and height that the result of a picture has at least.
    pub(super) fn least_size(&self, input: &Picture) -> (usize, usize) {
        let scaled = |side: usize| side.saturating_mul(self.order.scale);
        (scaled(input.width()), scaled(input.height()))
    }

    pub(super) fn work(&self, job: &Job, mut open: Open) -> Result<Open> {
        let start = Instant::now();
        job.output.make_room()?;
        open.picture = (self.work)(job, &open.picture)?;
        open.time += start.elapsed();
        Ok(open)
    }

    pub(super) fn write(&self, job: &Job, open: Open) -> Result<Made> {
        let Open { picture, from, format, mut metadata, time } = open;
        let start = Instant::now();
        let existing = match self.plan.existing {
            Existing::Overwrite => atomic::Existing::Replace,
            // Whatever has appeared since the plan was made is not ours to replace.
            Existing::Refuse | Existing::Skip => atomic::Existing::Refuse,
        };
        let to = size(&picture);
        metadata.strip(self.writing.strip);
        metadata.record = self.writing.record.map(|record| record(job));
        let bytes = picture::encode_with(&picture, format, &metadata, &self.writing.options)?;
        // A big picture's samples are not needed while its file is synced.
        drop(picture);
        job.output.write(&bytes, existing)?;
        Ok(Made { from, to, format, time: time + start.elapsed() })
    }

    pub(super) fn end(&self, job: &Job, result: Result<Made>) {
        let count = match &result {
            Ok(_) => &self.done,
            Err(_) if self.made_meanwhile(job) => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(_) => {
                self.stop.fetch_or(self.order.fail_fast, Ordering::Relaxed);
                &self.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        (self.report)(job, &result);
    }
}

fn size(picture: &Picture) -> (usize, usize) {
    (picture.width(), picture.height())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
    fn some_are_read_and_written_while_others_are_worked_on() {
        let folder = folder(Layout::Grey);
        let file = std::fs::read(folder.path().join("in/a.png")).unwrap();
        for name in ["in/c.png", "in/d.png", "in/e.png"] {
            let file = if name == "in/c.png" { &file[..20] } else { &file };
            atomic::write(&folder.path().join(name), file, atomic::Existing::Refuse).unwrap();
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let ended = |fail_fast, busy| {
            let plan = plan(&folder, &Options { existing: Existing::Overwrite, ..Options::default() });
            let names = Mutex::new(String::new());
            let report = |job: &Job, result: &Result<Made>| {
                let mark = if result.is_ok() { '+' } else { '-' };
                names.lock().unwrap().extend([mark, job.name.chars().next().unwrap()]);
            };
            let order = Order { fail_fast, busy, ..Order::default() };
            let work = |_: &Job, picture: &Picture| Ok(picture.clone());
            let summary = pool.install(|| run(&plan, order, Writing::default(), work, report));
            (names.into_inner().unwrap(), summary)
        };
        let all = Summary { done: 4, skipped: 0, failed: 1, left: 0 };
        let some = Summary { done: 2, skipped: 0, failed: 1, left: 2 };
        for busy in [Busy::Threads, Busy::Gpu] {
            assert_eq!(ended(false, busy), ("+a+b-c+d+e".into(), all));
            assert_eq!(ended(true, busy), ("+a+b-c".into(), some));
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

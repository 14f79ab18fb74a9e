//! The work on a planned batch.

use rayon::prelude::*;

use super::plan::{Existing, Job, Plan};
use crate::atomic;
use crate::error::Result;
use crate::picture::{self, Picture};

/// How many files are in the works at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One after the other: the work on one uses all threads.
    OneByOne,
    /// As many as there are threads.
    Parallel,
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
}

/// Reads, works on and writes each job's picture. A failure costs its own file only.
///
/// `report` hears of each job when it has ended, from any thread.
pub fn run(
    plan: &Plan,
    order: Order,
    work: impl Fn(&Job, &Picture) -> Result<Picture> + Sync,
    report: impl Fn(&Job, &Result<()>) + Sync,
) -> Summary {
    let existing = match plan.existing {
        Existing::Overwrite => atomic::Existing::Replace,
        // Whatever has appeared since the plan was made is not ours to replace.
        Existing::Refuse | Existing::Skip => atomic::Existing::Refuse,
    };
    let one = |job: &Job| {
        let result = make(job, existing, &work);
        report(job, &result);
        usize::from(result.is_ok())
    };
    let done = match order {
        Order::OneByOne => plan.jobs.iter().map(one).sum(),
        Order::Parallel => plan.jobs.par_iter().with_max_len(1).map(one).sum(),
    };
    Summary { done, skipped: plan.skipped, failed: plan.jobs.len() - done + plan.failures.len() }
}

fn make(
    job: &Job,
    existing: atomic::Existing,
    work: impl Fn(&Job, &Picture) -> Result<Picture>,
) -> Result<()> {
    let decoded = picture::decode(&job.input.read()?)?;
    let made = work(job, &decoded.picture)?;
    let bytes = picture::encode(&made, job.format.unwrap_or(decoded.format))?;
    // A big picture's samples are not needed while its file is synced.
    drop((decoded, made));
    job.output.write(&bytes, existing)
}

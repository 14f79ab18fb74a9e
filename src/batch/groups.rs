//! Pictures whose restoration keeps all threads busy: large ones one after the other, small ones some at a time, and no thread
//! idle while a picture is read or written.

use std::mem::take;
use std::sync::atomic::Ordering;

use rayon::prelude::*;

use super::plan::Job;
use super::run::{Batch, Busy, Made, Read, Worked, size};
use crate::error::Result;
use crate::picture::Picture;

/// Pictures of a group. A thread that waits for a part of one may begin another, and so on, as deep as there are pictures.
const PICTURES: usize = 16;

/// Pixels of a group's results, but for the last.
const PIXELS: usize = 4 << 20;

/// Samples of a result beside which no other picture is worked on.
const LARGE: usize = 100 << 20;

impl<W, R> Batch<'_, W, R>
where
    W: Fn(&Job, &Picture) -> Result<Picture> + Sync,
    R: Fn(&Job, &Result<Made>) + Sync,
{
    /// All jobs in groups: while one is worked on, the one before is written and the next read.
    pub(super) fn in_groups(&self) {
        let mut jobs = self.plan.jobs.iter();
        let mut group = self.read_group(&mut jobs);
        let mut worked = Vec::new();
        while !group.is_empty() && !self.stopped() {
            let before = take(&mut worked);
            let around = || {
                self.write_group(before);
                self.read_group(&mut jobs)
            };
            (group, worked) = rayon::join(around, || self.work_on_group(group));
            let large = |worked: &Worked| worked.result.samples().len() > LARGE;
            if worked.iter().any(|(_, worked)| worked.as_ref().is_ok_and(large)) {
                self.write_group(take(&mut worked));
            }
        }
        self.write_group(worked);
    }

    /// The next picture, with others behind it as long as all are small; none after the last.
    fn read_group<'j>(
        &self,
        jobs: &mut (impl Iterator<Item = &'j Job> + Send),
    ) -> Vec<(&'j Job, Result<Read>)> {
        let alone = self.order.busy == Busy::Gpu || self.order.fail_fast;
        let mut pixels = 0;
        let mut group = Vec::new();
        for job in jobs {
            let read = self.read(job);
            pixels += read.as_ref().map_or(0, |Read { input, .. }| {
                size(input).map(|side| side.saturating_mul(self.order.scale)).iter().product()
            });
            group.push((job, read));
            if alone || pixels >= PIXELS || group.len() == PICTURES {
                break;
            }
        }
        group
    }

    fn work_on_group<'j>(&self, group: Vec<(&'j Job, Result<Read>)>) -> Vec<(&'j Job, Result<Worked>)> {
        let begun = group.into_par_iter().with_max_len(1).filter(|(job, _)| self.may_begin(job));
        let worked: Vec<_> =
            begun.map(|(job, read)| (job, read.and_then(|read| self.work(job, read)))).collect();
        let failed = worked.iter().any(|(_, worked)| worked.is_err());
        self.stop.fetch_or(self.order.fail_fast && failed, Ordering::Relaxed);
        worked
    }

    fn write_group(&self, group: Vec<(&Job, Result<Worked>)>) {
        for (job, worked) in group {
            self.end(job, worked.and_then(|worked| self.write(job, worked)));
        }
    }
}

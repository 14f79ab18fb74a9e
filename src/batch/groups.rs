//! Pictures whose restoration keeps all threads busy: large ones one after the other, small ones some at a time, and no thread
//! idle while a picture is read or written.

use std::mem::take;
use std::sync::atomic::Ordering;

use rayon::prelude::*;

use super::plan::Job;
use super::run::{Batch, Busy, Made, Open};
use crate::error::Result;
use crate::picture::Picture;

/// Pictures of a group. A thread that waits for a part of one may begin another, and so on, as deep as there are pictures.
const PICTURES: usize = 16;

/// Pixels of a group's results, but for the last.
const PIXELS: usize = 4 << 20;

/// Samples of a result beside which no other picture is worked on.
const LARGE: usize = 100 << 20;

/// Jobs that are worked on at a time.
type Group<'a> = Vec<(&'a Job, Result<Open>)>;

impl<W, R> Batch<'_, W, R>
where
    W: Fn(&Job, &Picture) -> Result<Picture> + Sync,
    R: Fn(&Job, &Result<Made>) + Sync,
{
    /// All jobs in groups: while one is worked on, the one before is written and the next read.
    pub(super) fn in_groups(&self) {
        let mut jobs = self.plan.jobs.iter();
        let mut group = self.read_group(&mut jobs);
        let mut worked = Group::new();
        while !group.is_empty() && !self.stopped() {
            let before = take(&mut worked);
            let around = || {
                self.write_group(before);
                self.read_group(&mut jobs)
            };
            (group, worked) = rayon::join(around, || self.work_on_group(group));
            let large = |open: &Open| open.picture.samples().len() > LARGE;
            if worked.iter().any(|(_, open)| open.as_ref().is_ok_and(large)) {
                self.write_group(take(&mut worked));
            }
        }
        self.write_group(worked);
    }

    /// The next picture, with others behind it as long as all are small; none after the last.
    fn read_group<'j>(&self, jobs: &mut (impl Iterator<Item = &'j Job> + Send)) -> Group<'j> {
        let alone = self.order.busy == Busy::Gpu || self.order.fail_fast;
        let mut pixels = 0_usize;
        let mut group = Vec::new();
        for job in jobs.take_while(|_| !self.stopped()).filter(|job| self.may_begin(job)) {
            let open = self.read(job);
            if let Ok(Open { picture, .. }) = &open {
                let (width, height) = self.least_size(picture);
                pixels = width.saturating_mul(height).saturating_add(pixels);
            }
            group.push((job, open));
            if alone || pixels >= PIXELS || group.len() == PICTURES {
                break;
            }
        }
        group
    }

    fn work_on_group<'j>(&self, group: Group<'j>) -> Group<'j> {
        // What has been made since it was read is not made again.
        let begun = group.into_par_iter().with_max_len(1).filter(|(job, _)| self.may_begin(job));
        let worked: Group =
            begun.map(|(job, open)| (job, open.and_then(|open| self.work(job, open)))).collect();
        let failed = worked.iter().any(|(_, open)| open.is_err());
        self.stop.fetch_or(self.order.fail_fast && failed, Ordering::Relaxed);
        worked
    }

    fn write_group(&self, group: Group) {
        for (job, open) in group {
            self.end(job, open.and_then(|open| self.write(job, open)));
        }
    }
}

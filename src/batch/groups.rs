//! Pictures whose restoration keeps all threads busy: large ones one after the other, small ones some at a time, and no thread
//! idle while a picture is read or written.

use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::plan::Job;
use super::run::{Batch, Busy, Made, Read, Worked, size};
use crate::error::Result;
use crate::picture::Picture;

/// Pictures of a group. Each has a thread that waits for what the pool does for it.
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
    /// All jobs in groups: while one is worked on, the next is read and the one before written.
    pub(super) fn in_groups(&self) {
        thread::scope(|scope| {
            // Without room, so that a thread is not further ahead than by the group that it holds.
            let (to_work, read) = sync_channel(0);
            let (to_write, worked) = sync_channel(0);
            scope.spawn(move || {
                let mut jobs = self.plan.jobs.iter();
                while let Some(group) = self.read_group(&mut jobs) {
                    if to_work.send(group).is_err() {
                        break;
                    }
                }
            });
            scope.spawn(move || {
                for group in worked {
                    self.write_group(group);
                }
            });
            for group in read {
                if self.stopped() {
                    break;
                }
                let group = self.work_on_group(group);
                let large = |worked: &Worked| worked.result.samples().len() > LARGE;
                if group.iter().any(|(_, worked)| worked.as_ref().is_ok_and(large)) {
                    self.write_group(group);
                } else if to_write.send(group).is_err() {
                    break;
                }
            }
        });
    }

    /// The next picture, with others behind it as long as all are small.
    fn read_group<'j>(
        &self,
        jobs: &mut impl Iterator<Item = &'j Job>,
    ) -> Option<Vec<(&'j Job, Result<Read>)>> {
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
        (!group.is_empty()).then_some(group)
    }

    fn work_on_group<'j>(&self, group: Vec<(&'j Job, Result<Read>)>) -> Vec<(&'j Job, Result<Worked>)> {
        let group: Vec<_> = group.into_iter().filter(|(job, _)| self.may_begin(job)).collect();
        let work = |(job, read): (&'j Job, Result<Read>)| (job, read.and_then(|read| self.work(job, read)));
        let group = match group.len() {
            1 => group.into_iter().map(work).collect::<Vec<_>>(),
            // Threads of the pool, which take up what they find while they wait, would begin one picture within the other, as
            // deep as there are pictures.
            _ => thread::scope(|scope| {
                let threads: Vec<_> = group.into_iter().map(|one| scope.spawn(move || work(one))).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                    .collect()
            }),
        };
        let failed = group.iter().any(|(_, worked)| worked.is_err());
        self.stop.fetch_or(self.order.fail_fast && failed, Ordering::Relaxed);
        group
    }

    fn write_group(&self, group: Vec<(&Job, Result<Worked>)>) {
        for (job, worked) in group {
            self.end(job, worked.and_then(|worked| self.write(job, worked)));
        }
    }
}

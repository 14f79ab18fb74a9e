//! `ipt degrade`.

use anyhow::bail;

use super::Exit;
use super::files::{Degraded, Files, Work};
use crate::batch::{Busy, Job};
use crate::cli::Global;
use crate::cli::degrade::Degrade;
use crate::degrade::{Degradation, Record, StreakSet, degrade, stream};
use crate::picture::Format;

pub fn run(args: &Degrade, global: &Global) -> anyhow::Result<Exit> {
    let files = Files::plan(&args.paths, global)?;
    let streaks = match (&args.rain_streaks, args.task) {
        (None, _) => None,
        (Some(folder), Degradation::Rain) => Some(StreakSet::load(folder)?),
        (Some(_), task) => bail!("--rain-streaks is for derain; {task} has no rain"),
    };
    if args.record
        && let Some(other) = files.formats().find(|&format| format != Format::Png)
    {
        bail!("--record is for PNG files, but a {other} file would be written: see --format");
    }
    if let Some(exit) = files.only_shown()? {
        return Ok(exit);
    }
    let record = |job: &Job| Record::new(args.task, args.seed, &job.name, streaks.as_ref());
    let degradation = Some(Degraded { record: &record, in_file: args.record });
    // Where pictures become smaller, nothing is known of the result.
    let what = Work {
        task: args.task.to_string(),
        model: None,
        model_id: None,
        scale: 0,
        busy: Busy::Thread,
        degradation,
    };
    Ok(files.run(&what, |job, picture, _| {
        let mut rng = stream(args.seed, args.task, &job.name);
        degrade(picture, args.task, &mut rng, streaks.as_ref())
    }))
}

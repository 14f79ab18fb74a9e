//! `ipt degrade`.

use anyhow::bail;

use super::Exit;
use super::files::{Files, Work};
use crate::cli::Global;
use crate::cli::degrade::Degrade;
use crate::degrade::{StreakSet, degrade, stream};
use crate::task::Task;

pub fn run(args: &Degrade, global: &Global) -> anyhow::Result<Exit> {
    let files = Files::plan(&args.paths, global)?;
    let streaks = match (&args.rain_streaks, args.task) {
        (None, _) => None,
        (Some(folder), Task::Derain) => Some(StreakSet::load(folder)?),
        (Some(_), task) => bail!("--rain-streaks is for derain; {task} has no rain"),
    };
    if let Some(exit) = files.only_shown()? {
        return Ok(exit);
    }
    let what = Work { task: args.task.to_string(), model: None, model_id: None, parallel: true };
    Ok(files.run(&what, |job, picture, _| {
        let mut rng = stream(args.seed, args.task, &job.name);
        degrade(picture, args.task, &mut rng, streaks.as_ref())
    }))
}

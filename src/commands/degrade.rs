//! `ipt degrade`.

use anyhow::bail;

use super::{Exit, files};
use crate::batch::Order;
use crate::cli::Global;
use crate::cli::degrade::Degrade;
use crate::degrade::{StreakSet, degrade, stream};
use crate::task::Task;

pub fn run(args: &Degrade, global: &Global) -> anyhow::Result<Exit> {
    let streaks = match (&args.rain_streaks, args.task) {
        (None, _) => None,
        (Some(folder), Task::Derain) => Some(StreakSet::load(folder)?),
        (Some(_), task) => bail!("--rain-streaks is for derain; {task} has no rain"),
    };
    let plan = files::plan(&args.paths)?;
    Ok(files::run(&plan, Order::Parallel, global, |job, picture| {
        let mut rng = stream(args.seed, args.task, &job.name);
        degrade(picture, args.task, &mut rng, streaks.as_ref())
    }))
}

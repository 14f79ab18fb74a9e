//! `ipt restore`.

use super::{Exit, compute, files};
use crate::batch::Order;
use crate::cli::Global;
use crate::cli::restore::Restore;
use crate::restore::{Options, Restorer, baseline};
use crate::weights::Model;

pub fn run(args: &Restore, global: &Global) -> anyhow::Result<Exit> {
    let plan = files::plan(&args.paths)?;
    if args.baseline {
        return Ok(files::run(&plan, Order::Parallel, global, |_, picture| Ok(baseline(picture, args.task))));
    }
    let model = match &args.model {
        Some(path) => Model::open(path)?,
        None => Model::embedded()?,
    };
    let (device, precision) = compute::choose(&args.compute)?;
    let options = Options { device, precision, self_ensemble: args.self_ensemble };
    let restorer = Restorer::new(&model, args.task, options)?;
    Ok(files::run(&plan, Order::OneByOne, global, |_, picture| restorer.restore(picture)))
}

//! `ipt restore`.

use super::files::{Files, Work};
use super::{Exit, compute};
use crate::cli::Global;
use crate::cli::restore::Restore;
use crate::restore::{Options, Restorer, baseline};
use crate::weights::Model;

pub fn run(args: &Restore, global: &Global) -> anyhow::Result<Exit> {
    let files = Files::plan(&args.paths, global)?;
    let task = args.task;
    if args.baseline {
        let what = Work { task, model: None, parallel: true };
        let shown = files.only_shown()?;
        return Ok(shown.unwrap_or_else(|| files.run(&what, |_, picture| Ok(baseline(picture, task)))));
    }
    let (model, name) = match &args.model {
        Some(path) => (Model::open(path)?, path.to_string_lossy()),
        None => (Model::embedded()?, "embedded".into()),
    };
    let (device, precision) = compute::choose(&args.compute)?;
    let options = Options { device, precision, self_ensemble: args.self_ensemble };
    let restorer = Restorer::new(&model, task, options)?;
    if let Some(exit) = files.only_shown()? {
        return Ok(exit);
    }
    // The restorer has its own copy of the parameters.
    drop(model);
    let what = Work { task, model: Some(&name), parallel: false };
    Ok(files.run(&what, |_, picture| restorer.restore(picture)))
}

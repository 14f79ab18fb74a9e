//! `ipt restore`.

use std::path::Path;

use super::files::{Files, Work};
use super::{Exit, compute, model};
use crate::cli::Global;
use crate::cli::restore::{Restore, TilingName};
use crate::model::INPUT;
use crate::restore::tiles::Tiling;
use crate::restore::{Options, Restorer, baseline};

pub fn run(args: &Restore, global: &Global) -> anyhow::Result<Exit> {
    let files = Files::plan(&args.paths, global)?;
    let task = args.task;
    if args.baseline {
        let what = Work { task, model: None, parallel: true };
        let shown = files.only_shown()?;
        return Ok(shown.unwrap_or_else(|| files.run(&what, |_, picture| Ok(baseline(picture, task)))));
    }
    let path = args.model.as_deref();
    let model = model::open(path, Some(task), global)?;
    let name = path.map_or("embedded".into(), Path::to_string_lossy);
    let (device, precision) = compute::choose(&args.compute)?;
    let tiling = match args.tiling {
        TilingName::Paper => Tiling::paper(INPUT),
        TilingName::Published => Tiling::published(INPUT),
    };
    let options = Options { device, precision, self_ensemble: args.self_ensemble, tiling };
    let restorer = Restorer::new(&model, task, options)?;
    if let Some(exit) = files.only_shown()? {
        return Ok(exit);
    }
    // The restorer has its own copy of the parameters.
    drop(model);
    let what = Work { task, model: Some(&name), parallel: false };
    Ok(files.run(&what, |_, picture| restorer.restore(picture)))
}

//! `ipt restore`.

use super::files::{Files, Work};
use super::list::Listing;
use super::{Exit, compute, model, print};
use crate::batch::Busy;
use crate::cli::Global;
use crate::cli::restore::{Restore, TilingName};
use crate::restore::{Cutting, Options, Restorer, baseline, hint, scale};
use crate::task::Task;

pub fn run(args: &Restore, global: &Global) -> anyhow::Result<Exit> {
    if args.list {
        return list(args, global);
    }
    let files = Files::plan(&args.paths, global)?;
    let tasks = &args.tasks;
    let task = tasks.iter().map(Task::to_string).collect::<Vec<_>>().join(",");
    let scale = scale(tasks);
    if args.baseline {
        let what = Work { task, model: None, model_id: None, scale, busy: Busy::Thread, degradation: None };
        let shown = files.only_shown()?;
        let bicubic = |picture: &_| Ok(baseline(picture, scale));
        return Ok(shown.unwrap_or_else(|| files.run(&what, |_, picture, _| bicubic(picture))));
    }
    let model = model::open(args.model.file(), tasks.first().copied(), global)?;
    let (device, precision) = compute::choose(&args.compute)?;
    let cutting = match args.tiling {
        TilingName::Auto => Cutting::ByTask,
        TilingName::Paper => Cutting::Paper,
        TilingName::Published => Cutting::Published,
    };
    let busy = if device.is_cpu() { Busy::Threads } else { Busy::Gpu };
    let options = Options {
        device,
        precision,
        self_ensemble: args.self_ensemble,
        skip_transformer: args.skip_transformer,
        cutting,
    };
    let restorer = Restorer::new(&model, tasks, options)?;
    if let Some(exit) = files.only_shown()? {
        return Ok(exit);
    }
    // Hashing takes as long as a small picture: only for those who read it.
    let model_id = if args.paths.json { Some(model.id()?) } else { None };
    let able = model.config.tasks.clone();
    // The restorer has its own copy of the parameters.
    drop(model);
    let name = args.model.name().to_string_lossy();
    let what = Work { task, model: Some(&name), model_id, scale, busy, degradation: None };
    Ok(files.run(&what, |_, picture, screen| {
        screen.hint(|| hint(picture, tasks, &able));
        restorer.restore_watched(picture, |tiles| screen.tiles(tiles))
    }))
}

fn list(args: &Restore, global: &Global) -> anyhow::Result<Exit> {
    let model = model::open(args.model.file(), args.tasks.first().copied(), global)?;
    let name = args.model.name().to_string_lossy();
    let listing = Listing::new(&name, &model)?;
    let bytes = if args.paths.json { listing.json()? } else { listing.text().into_bytes() };
    print(&bytes)?;
    Ok(Exit::Done)
}

//! `ipt export`.

use anyhow::bail;

use super::{Exit, existing, model};
use crate::cli::Global;
use crate::cli::export::Export;
use crate::error::visible;
use crate::weights;

pub fn run(args: &Export, global: &Global) -> anyhow::Result<Exit> {
    let existing = existing(&args.file, args.overwrite)?;
    let model = model::open(Some(&args.model), args.task, global)?;
    if args.task.is_some_and(|task| model.config.tasks != [task]) {
        let tasks: Vec<String> = model.config.tasks.iter().map(ToString::to_string).collect();
        bail!("{}: --task differs from what the model is for: {}", visible(&args.model), tasks.join(", "));
    }
    weights::export(&model, &args.file, existing)?;
    Ok(Exit::Done)
}

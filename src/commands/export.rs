//! `ipt export`.

use super::{Exit, model};
use crate::atomic::Existing;
use crate::cli::Global;
use crate::cli::export::Export;
use crate::weights;

pub fn run(args: &Export, global: &Global) -> anyhow::Result<Exit> {
    let model = model::open(Some(&args.model), args.task, global)?;
    let existing = if args.overwrite { Existing::Replace } else { Existing::Refuse };
    weights::export(&model, &args.file, existing)?;
    Ok(Exit::Done)
}

//! `ipt merge`.

use candle_core::DType;

use super::{Exit, existing, model};
use crate::cli::Global;
use crate::cli::merge::Merge;
use crate::error::AtPath;
use crate::weights::Model;

pub fn run(args: &Merge, global: &Global) -> anyhow::Result<Exit> {
    let existing = existing(&args.file, args.overwrite)?;
    let mut merged: Option<Model> = None;
    for name in &args.models {
        let file = name.file();
        let model = model::open(file, None, global)?;
        merged = Some(match merged {
            Some(before) => before.merge(&model).at(file.unwrap_or("embedded".as_ref()))?,
            None => model,
        });
    }
    if let Some(model) = merged {
        model.write(&args.file, DType::F32, existing)?;
    }
    Ok(Exit::Done)
}

//! `ipt merge`.

use candle_core::DType;

use super::{Exit, model};
use crate::atomic::Existing;
use crate::cli::Global;
use crate::cli::merge::Merge;
use crate::error::AtPath;
use crate::weights::Model;

pub fn run(args: &Merge, global: &Global) -> anyhow::Result<Exit> {
    let mut merged: Option<Model> = None;
    for name in &args.models {
        let file = name.file();
        let model = model::open(file, None, global)?;
        merged = Some(match merged {
            Some(before) => before.merge(&model).at(file.unwrap_or("embedded".as_ref()))?,
            None => model,
        });
    }
    let existing = if args.overwrite { Existing::Replace } else { Existing::Refuse };
    if let Some(model) = merged {
        model.write(&args.file, DType::F32, existing)?;
    }
    Ok(Exit::Done)
}

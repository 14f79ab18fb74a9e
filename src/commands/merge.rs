//! `ipt merge`.

use anyhow::bail;
use candle_core::DType;

use super::{Exit, existing, model};
use crate::cli::Global;
use crate::cli::merge::Merge;
use crate::error::AtPath;
use crate::weights::Model;

pub fn run(args: &Merge, global: &Global) -> anyhow::Result<Exit> {
    let Some((file, models @ [_, _, ..])) = args.paths.split_last() else {
        bail!("name two models at least, and at the end the file to write");
    };
    let Some(to) = file.file() else { bail!("`embedded` is inside the program: name a file to write") };
    let existing = existing(to, args.overwrite)?;
    let mut merged: Option<Model> = None;
    for name in models {
        let model = model::open(name.file(), None, global)?;
        merged = Some(match merged {
            Some(before) => before.merge(&model, args.share).at(name.name())?,
            None => model,
        });
    }
    if let Some(model) = merged {
        model.write(to, DType::F32, existing)?;
    }
    Ok(Exit::Done)
}

//! The model that the arguments name.

use std::path::Path;

use crate::cli::Global;
use crate::error::{Result, visible};
use crate::progress;
use crate::task::Task;
use crate::weights::Model;

/// Opens the file, or else the model inside the program, to be used for `task`; says what was
/// inferred of a file that does not tell its configuration.
pub fn open(path: Option<&Path>, task: Option<Task>, global: &Global) -> Result<Model> {
    let Some(path) = path else { return Model::embedded() };
    let model = Model::open_for(path, task)?;
    if let Some(inferred) = model.provenance.get(Model::INFERRED).filter(|_| !global.quiet) {
        progress::line(format_args!("{}: {inferred}", visible(path)));
    }
    Ok(model)
}

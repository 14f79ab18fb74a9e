//! Photographs become training batches: found, decoded once, cropped, turned, degraded, queued.
//!
//! What a batch holds is a function of the seed, the step and the files' contents alone. So any
//! number of workers gives the same batches, and a resumed run needs no more than its step.

mod files;
mod loader;
mod pairs;
mod patch;
mod photos;
mod recipe;
mod source;

pub use files::Files;
pub use loader::Loader;
pub use pairs::Pairs;
pub use photos::Photos;
pub use recipe::{Batch, Recipe};
pub use source::Source;

//! Weights: named parameters, and the files that hold them.

mod archive;
mod model;
mod parameters;

pub use archive::Archive;
pub use model::Model;
pub use parameters::Parameters;

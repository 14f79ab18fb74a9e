//! Weights: named parameters, and the files that hold them.

mod archive;
mod export;
mod measured;
mod model;
mod parameters;
mod published;
mod torch;

pub use archive::Archive;
pub use export::export;
pub use measured::Figures;
pub use model::Model;
pub use parameters::Parameters;

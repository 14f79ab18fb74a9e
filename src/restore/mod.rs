//! Pictures through a model.

mod canvas;
mod hint;
mod restorer;
pub mod tiles;

pub use hint::hint;
pub use restorer::{Cutting, Options, Restorer, Tiles, baseline, scale};

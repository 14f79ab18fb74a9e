//! Pictures through a model.

mod canvas;
mod restorer;
pub mod tiles;

pub use restorer::{Options, Restorer, Tiles, baseline, scale};

//! Pictures through a model.

mod restorer;
pub mod tiles;

pub use restorer::{Options, Restorer, baseline};

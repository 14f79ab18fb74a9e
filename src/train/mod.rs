//! Training: from photographs to weights, in steps that can be repeated exactly.

pub mod adam;
pub mod checkpoint;
pub mod curves;
pub mod gradient;
pub mod log;
pub mod loss;
pub mod options;
pub mod origin;
mod place;
mod provenance;
pub mod run;
pub mod samples;
pub mod schedule;
pub mod trainer;
pub mod validate;

pub use options::Options;
pub use place::Place;
pub use run::{Outcome, Watch, run};

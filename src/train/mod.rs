//! Training: from photographs to weights, in steps that can be repeated exactly.

pub mod adam;
pub mod average;
pub mod checkpoint;
pub mod curves;
pub mod gradient;
mod lock;
pub mod log;
pub mod loss;
mod muon;
pub mod optimizer;
pub mod options;
pub mod origin;
mod place;
mod provenance;
pub mod run;
pub mod samples;
pub mod schedule;
pub mod trainer;
mod update;
pub mod validate;

pub use options::Options;
pub use place::Place;
pub use run::{Outcome, Watch, run};

//! Training: from photographs to weights, in steps that can be repeated exactly.

pub mod adam;
pub mod gradient;
pub mod loss;
pub mod schedule;

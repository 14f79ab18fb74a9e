//! Image restoration with a pre-trained image processing transformer (IPT).
//!
//! A picture goes down one staircase: decode → (degrade) → tiles or patches → tensor → model →
//! tensor → stitch → encode. In reading order:
#![warn(missing_docs)]

pub mod atomic;
pub mod batch;
pub mod bicubic;
pub mod cli;
pub mod commands;
pub mod degrade;
pub mod device;
pub mod error;
pub mod interrupt;
pub mod kernels;
pub mod model;
pub mod ops;
pub mod picture;
pub mod progress;
pub mod restore;
pub mod rng;
pub mod score;
pub mod task;
pub mod weights;

pub use error::{Error, Result};
pub use task::{Scale, Task};

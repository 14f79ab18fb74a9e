//! Image restoration with a pre-trained image processing transformer (IPT).
//!
//! A picture goes down one staircase: decode → (degrade) → tiles or patches → tensor → model →
//! tensor → stitch → encode. In reading order:
//!
//! - [`task`]: what is undone; [`picture`]: decode, encode, layouts; [`degrade`]: picture → damaged
//!   picture; [`bicubic`]: the weights of MATLAB's interpolation
//! - [`kernels`]: products of matrices on slices; [`ops`]: differentiable operators on tensors;
//!   [`model`]: the transformer; [`weights`]: its parameters and their files
//! - [`restore`]: pictures through a model; [`score`]: how good they are
//! - [`dataset`]: photographs → batches; [`train`]: batches → weights
//! - [`batch`]: which files become which; [`cli`] and [`commands`]: the program
//! - [`device`], [`rng`], [`atomic`], [`error`], [`progress`], [`interrupt`]: one small thing each
#![warn(missing_docs)]

pub mod atomic;
pub mod batch;
pub mod bicubic;
pub mod cli;
pub mod commands;
pub mod dataset;
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
pub mod startup;
pub mod task;
pub mod train;
pub mod weights;

pub use error::{Error, Result};
pub use task::{Scale, Task};

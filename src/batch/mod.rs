//! Which files become which, and the work on them.
//!
//! The rule for paths is that of `cp`, with pipes: no path reads stdin and writes stdout; one
//! path is read and written to stdout; else the last is where the others go, a folder as a
//! mirrored tree. Everything that can be refused is refused before the first file is touched.

mod groups;
mod paths;
mod places;
mod plan;
mod run;
mod walk;

pub use paths::{Input, Output, stem};
pub use plan::{Existing, Job, Options, Plan};
pub use run::{Busy, Made, Order, Summary, Writing, run};
pub use walk::{Found, pictures};

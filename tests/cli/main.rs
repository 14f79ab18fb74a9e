//! The program as a user meets it: files, trees, pipes, refusals, exit codes.

mod batch;
mod browser;
mod choose;
mod degrade;
mod examples;
mod files;
mod formats;
mod general;
mod harness;
#[cfg(target_os = "linux")]
mod interrupt;
mod merge;
mod page;
mod paths;
#[cfg(target_os = "linux")]
mod process;
mod published;
mod readme;
mod restore;
mod score;
#[cfg(target_os = "linux")]
mod terminal;

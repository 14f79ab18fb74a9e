//! The program as a user meets it: files, trees, pipes, refusals, exit codes.

mod batch;
mod browser;
mod degrade;
mod general;
mod harness;
mod page;
mod paths;
mod published;
mod readme;
mod restore;
mod score;

//! The program as a user meets it: files, trees, pipes, refusals, exit codes.

mod batch;
mod choose;
mod degrade;
mod general;
mod harness;
mod paths;
mod published;
mod readme;
mod restore;
mod score;

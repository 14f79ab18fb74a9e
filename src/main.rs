//! The `ipt` program: parse, dispatch, exit code. All else is in the library.

use std::process::ExitCode;

use clap::Parser;

/// Faults in fewer pages than glibc's allocator where tensors come and go.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // SAFETY: no other thread runs yet.
    unsafe { ipt::startup::prepare() };
    ipt::commands::run(ipt::cli::Cli::parse()).into()
}

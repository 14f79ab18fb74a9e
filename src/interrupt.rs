//! Ctrl-C: a file is finished or discarded, never left half written.
//!
//! Every output is computed in memory and then written at once, so between two writes there is
//! nothing to lose: a batch ends right there. Training, which must save its state first, listens for
//! itself.

use std::io::{IsTerminal, Write};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// The exit status of a program that was interrupted: 128 + SIGINT.
pub const STATUS: u8 = 130;

/// Read by writers, written by the end of the program.
static WRITES: RwLock<()> = RwLock::new(());

/// While this lives, Ctrl-C waits: hold it around a write.
pub fn writing() -> RwLockReadGuard<'static, ()> {
    WRITES.read().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Ctrl-C (and a request to terminate) ends the program with status 130 as soon as no
/// file is being written.
pub fn end_between_writes() {
    // Fails only where a handler is set already, which then does the same or better.
    let _ = ctrlc::set_handler(leave);
}

fn leave() {
    let _none_writing = WRITES.write().unwrap_or_else(PoisonError::into_inner);
    // The shell's prompt goes below whatever bar was drawn.
    if std::io::stderr().is_terminal() {
        let _ = std::io::stderr().write_all(b"\n");
    }
    std::process::exit(STATUS.into());
}

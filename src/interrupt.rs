//! Ctrl-C: a file is finished or discarded, never left half written.
//!
//! Every output is computed in memory and then written at once, so between two writes there is
//! nothing to lose: a batch ends right there. Work that must save its state first (training) asks
//! for a flag instead.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// The exit status of a program that was interrupted: 128 + SIGINT.
pub const STATUS: u8 = 130;

/// Read by writers, written by the end of the program.
static WRITES: RwLock<()> = RwLock::new(());
static REQUESTED: AtomicBool = AtomicBool::new(false);

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

/// From now on the first Ctrl-C makes [`requested`] true, the second ends the program with status
/// 130 as soon as no file is being written.
pub fn raise_flag() {
    let _ = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            leave();
        }
    });
}

/// Whether Ctrl-C was pressed since [`raise_flag`].
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

fn leave() {
    let _none_writing = WRITES.write().unwrap_or_else(PoisonError::into_inner);
    // The shell's prompt goes below whatever bar was drawn.
    if std::io::stderr().is_terminal() {
        let _ = std::io::stderr().write_all(b"\n");
    }
    std::process::exit(STATUS.into());
}

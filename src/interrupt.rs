//! Ctrl-C: a file is finished or discarded, never left half written.
//!
//! Every output is computed in memory and then written at once, so between two writes there is
//! nothing to lose: a batch ends right there. Training, which must save its state first, listens for
//! itself. The end of a terminal (SIGHUP) is left to what is usual, so that `nohup` works.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Read by writers, written by the end of the program.
static WRITES: RwLock<()> = RwLock::new(());

/// While this lives, Ctrl-C waits: hold it around a write.
pub fn writing() -> RwLockReadGuard<'static, ()> {
    WRITES.read().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Ctrl-C and a request to terminate end the program with status 130 and 143 as soon as no
/// file is being written.
///
/// # Errors
/// When the system does not let signals be caught.
pub fn end_between_writes() -> io::Result<()> {
    /// How often it is looked for a signal, since a signal's handler can wait for no file: sooner than a person notices.
    const PERIOD: Duration = Duration::from_millis(20);
    let signal = Arc::new(AtomicUsize::new(0));
    for number in [SIGINT, SIGTERM] {
        flag::register_usize(number, signal.clone(), number as usize)?;
    }
    let watch = move || {
        loop {
            match signal.load(Ordering::SeqCst) {
                0 => std::thread::sleep(PERIOD),
                number => leave(128 + number as i32),
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(watch)?;
    Ok(())
}

fn leave(status: i32) -> ! {
    let _none_writing = WRITES.write().unwrap_or_else(PoisonError::into_inner);
    // The shell's prompt goes below whatever bar was drawn.
    if io::stderr().is_terminal() {
        let _ = io::stderr().write_all(b"\n");
    }
    std::process::exit(status);
}

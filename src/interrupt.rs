//! Ctrl-C: a file is finished or discarded, never left half written.
//!
//! Every output is computed in memory and then written at once, so between two writes there is
//! nothing to lose: a batch ends right there. Training, which must save its state first, listens for
//! itself.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Read by writers, written by the end of the program.
static WRITES: RwLock<()> = RwLock::new(());

/// While this lives, Ctrl-C waits.
pub fn writing() -> RwLockReadGuard<'static, ()> {
    WRITES.read().unwrap_or_else(PoisonError::into_inner)
}

/// What asks the program to end: Ctrl-C, a request to terminate, and the end of the terminal, unless that was
/// to be ignored from the start, as `nohup` has it.
pub fn signals() -> Vec<i32> {
    match hangup_ignored() {
        true => vec![SIGINT, SIGTERM],
        false => vec![SIGINT, SIGTERM, SIGHUP],
    }
}

/// Where the system does not tell, SIGHUP is left as it is.
fn hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 << (SIGHUP - 1) != 0)
}

/// The number of such a signal from the moment it comes, until then 0.
///
/// # Errors
/// When the system does not let signals be caught.
pub fn noted() -> io::Result<Arc<AtomicUsize>> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in signals() {
        flag::register_usize(number, signal.clone(), number as usize)?;
    }
    Ok(signal)
}

/// From now on such a signal ends the program, with 128 and its number as status, as soon as no file is being
/// written.
///
/// # Errors
/// When the system does not let signals be caught.
pub fn end_between_writes() -> io::Result<()> {
    /// How often it is looked for a signal, since a signal's handler can wait for no file: sooner than a person notices.
    const PERIOD: Duration = Duration::from_millis(20);
    let signal = noted()?;
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

//! One run at a time in a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::{AtPath, Error, Result};

/// Locks this file, which is made if it is not there, until what is given is dropped or the process
/// ends, however it ends.
///
/// # Errors
/// When another run holds the lock, or the file cannot be made.
pub(super) fn take(path: &Path) -> Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).at(path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Error::Usage("another run has this folder now".into()).at(path)),
        // Not every file system has locks, and runs can do without.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

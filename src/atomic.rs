//! Files appear whole or not at all.

use std::io::Write;
use std::path::Path;

use tempfile::Builder;

use crate::error::{AtPath, Result};

/// What the names of unfinished files begin with.
pub const TEMPORARY: &str = ".ipt-";

/// Whether an existing file may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Replace it.
    Replace,
    /// Leave it and fail.
    Refuse,
}

/// Writes `bytes` to a temporary file beside `path`, syncs it, and renames it to `path`.
///
/// Missing parent folders are made. On any error nothing is left at `path` that was not there.
pub fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).at(folder)?;
    let mut builder = Builder::new();
    builder.prefix(TEMPORARY);
    // tempfile makes private files; a picture gets what the user's umask gives to any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).at(path)?;
    file.write_all(bytes).at(path)?;
    file.as_file().sync_all().at(path)?;
    match existing {
        Existing::Replace => file.persist(path),
        Existing::Refuse => file.persist_noclobber(path),
    }
    .map_err(|error| error.error)
    .at(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_only_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a");
        write(&path, b"one", Existing::Refuse).unwrap();
        assert!(write(&path, b"two", Existing::Refuse).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write(&path, b"two", Existing::Replace).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }
}

//! Files appear whole or not at all.

use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::error::{AtPath, Error, Result};
use crate::interrupt;

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
/// Ctrl-C waits until it is done. Missing parent folders are made. A file that is replaced leaves its permissions to the new one; a
/// link is replaced itself. On any error nothing is left at `path` that was not there.
///
/// # Errors
/// Those of the file system; and when there is something at `path` that is no file, such as a device.
pub fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<()> {
    refuse_special(path)?;
    let _finish = interrupt::writing();
    let file = temporary(path)?;
    file.as_file().write_all(bytes).at(path)?;
    if let Ok(there) = path.symlink_metadata()
        && there.is_file()
    {
        file.as_file().set_permissions(there.permissions()).at(path)?;
    }
    file.as_file().sync_all().at(path)?;
    match existing {
        Existing::Replace => file.persist(path),
        Existing::Refuse => file.persist_noclobber(path),
    }
    .map_err(|error| error.error)
    .at(path)?;
    Ok(())
}

/// Makes the folder in which `path` is to lie if it is missing, and sees whether files can be made in it.
///
/// # Errors
/// When it cannot be made, or none can.
pub fn make_room(path: &Path) -> Result<()> {
    let _finish = interrupt::writing();
    temporary(path).map(drop)
}

/// What `path` lies in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file beside `path`.
fn temporary(path: &Path) -> Result<NamedTempFile> {
    let folder = folder(path);
    std::fs::create_dir_all(folder).at(folder)?;
    let mut builder = Builder::new();
    builder.prefix(TEMPORARY);
    // tempfile makes private files; a picture gets what the user's umask gives to any new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // tempfile's own errors name the temporary file, which says nothing to anybody.
    builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind())).at(path)
}

/// Nothing but a file can be replaced by a file: not a folder, and not a device or a pipe, which would
/// be gone, nor a link to one, as /dev/stdout is, whatever it leads to just now.
///
/// # Errors
/// When such is at `path`.
pub fn refuse_special(path: &Path) -> Result<()> {
    let of_the_system = || {
        let folder = folder(path).canonicalize().unwrap_or_default();
        folder == Path::new("/dev") || ["/proc", "/sys"].iter().any(|root| folder.starts_with(root))
    };
    match path.metadata() {
        Ok(there) if there.is_dir() => Err(Error::Usage("is a folder".into()).at(path)),
        Ok(there) if !there.is_file() || of_the_system() => Err(Error::Usage(
            "is no file, but a device or a pipe: write to stdout (-) and redirect it".into(),
        )
        .at(path)),
        _ => Ok(()),
    }
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

    #[cfg(unix)]
    #[test]
    fn permissions_stay() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one", Existing::Refuse).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        write(&path, b"two", Existing::Replace).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), &link, folder.path()] {
            for existing in [Existing::Replace, Existing::Refuse] {
                assert!(matches!(write(path, b"one", existing), Err(Error::File { .. })), "{path:?}");
            }
        }
        assert!(link.is_symlink());
        // What is open may well be a file, as it is where stdout is redirected to one.
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            let file = tempfile::NamedTempFile::new().unwrap();
            let open = format!("/proc/self/fd/{}", file.as_raw_fd());
            assert!(Path::new(&open).metadata().unwrap().is_file());
            assert!(matches!(refuse_special(Path::new(&open)), Err(Error::File { .. })));
        }
    }

    #[test]
    fn errors_name_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a"), b"", Existing::Refuse).unwrap();
        let error = write(&folder.path().join("a/b"), b"", Existing::Refuse).unwrap_err();
        assert!(!error.to_string().contains(TEMPORARY), "{error}");
    }
}

//! Lists of paths in files.

use std::path::{Path, PathBuf};

use crate::batch::Input;
use crate::error::{AtPath, Result};

/// The paths in a list (`-` is stdin), each ended by the byte `end`.
pub fn paths(list: &Path, end: u8) -> Result<Vec<PathBuf>> {
    let input = Input::new(list);
    let bytes = input.read().at(input.to_string())?;
    let names = bytes.split(|&byte| byte == end);
    // Lines may come from a system that ends them with two bytes.
    let names = names.map(|name| name.strip_suffix(b"\r").filter(|_| end == b'\n').unwrap_or(name));
    names.filter(|name| !name.is_empty()).map(path).collect()
}

#[cfg(unix)]
fn path(name: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(name).into())
}

#[cfg(not(unix))]
fn path(name: &[u8]) -> Result<PathBuf> {
    let text = std::str::from_utf8(name);
    Ok(text.map_err(|_| crate::Error::Usage("a listed path is not UTF-8".into()))?.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)]

    use super::*;

    #[test]
    fn names_are_taken_as_they_are() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " a b.png\r\n\nc.png \n").unwrap();
        assert_eq!(paths(file.path(), b'\n').unwrap(), [Path::new(" a b.png"), Path::new("c.png ")]);
        std::fs::write(file.path(), "a\r\0b\n.png\0").unwrap();
        assert_eq!(paths(file.path(), 0).unwrap(), [Path::new("a\r"), Path::new("b\n.png")]);
    }
}

//! What can go wrong, each with the reason in words a user can act on.
//!
//! Errors carry the reason; whoever knows the file (the batch, a command) names it in front.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every way in which the library can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A named file could not be read, written, or understood.
    #[error("{}: {source}", visible(path))]
    File {
        /// The file as the user named it.
        path: PathBuf,
        /// What went wrong with it.
        #[source]
        source: Box<Error>,
    },
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The bytes are no picture that we read, or a damaged one.
    #[error("{0}")]
    Decode(String),
    /// The picture cannot be written in this format.
    #[error("{0}")]
    Encode(String),
    /// The picture is sound, but not for this work (too small, sizes differ, ...).
    #[error("{0}")]
    Picture(String),
    /// Weights, configuration or task do not fit together.
    #[error("{0}")]
    Model(String),
    /// A request that contradicts itself or cannot be met.
    #[error("{0}")]
    Usage(String),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    /// Names the file that the error is about.
    pub fn at(self, path: impl AsRef<Path>) -> Self {
        Error::File { path: path.as_ref().to_path_buf(), source: Box::new(self) }
    }
}

/// How many there are beside the one that is named; nothing if there are none.
pub fn and_more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" (and {others} more)") }
}

/// Words for a terminal, which may hold some of a file: control characters that would command it are escaped, lines
/// and tabs stay.
pub fn harmless(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    push_harmless(&mut text, words, |c| c.is_control() && !matches!(c, '\n' | '\t'));
    text
}

fn push_harmless(text: &mut String, words: &str, harmful: impl Fn(char) -> bool) {
    for c in words.chars() {
        if harmful(c) { text.extend(c.escape_default()) } else { text.push(c) }
    }
}

/// A path for people and for records: what is not UTF-8 as `\xff`, and control characters as `\n` or
/// `\u{1b}`, since a file's name must neither break a line nor command a terminal.
pub fn visible(path: impl AsRef<Path>) -> String {
    let mut text = String::new();
    for chunk in path.as_ref().as_os_str().as_encoded_bytes().utf8_chunks() {
        push_harmless(&mut text, chunk.valid(), char::is_control);
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Adds the name of the file to whatever failed.
pub trait AtPath<T> {
    /// Names the file that the error is about.
    fn at(self, path: impl AsRef<Path>) -> Result<T>;
}

impl<T, E: Into<Error>> AtPath<T> for std::result::Result<T, E> {
    fn at(self, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|error| error.into().at(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless() {
        assert_eq!(visible("fotos/größe 1.png"), "fotos/größe 1.png");
        assert_eq!(visible("a\u{1b}]0;b\u{7}\nipt: c"), "a\\u{1b}]0;b\\u{7}\\nipt: c");
        let error = Error::Usage("is no picture".into()).at("a\nb");
        assert_eq!(error.to_string(), "a\\nb: is no picture");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let name = |bytes: &[u8]| visible(std::ffi::OsStr::from_bytes(bytes));
        assert_eq!(name(b"a/\xff\xfe.png"), "a/\\xff\\xfe.png");
        assert_ne!(name(b"\xff"), name(b"\xfe"));
    }
}

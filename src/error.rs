//! What can go wrong, each with the reason in words a user can act on.
//!
//! Errors carry the reason; whoever knows the file (the batch, a command) names it in front.

use std::path::{Path, PathBuf};

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every way in which the library can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A named file could not be read, written, or understood.
    #[error("{}: {source}", path.display())]
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

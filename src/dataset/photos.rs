//! The photographs: their pixels, kept in memory within a budget.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use super::files::Files;
use crate::error::{AtPath, Error, Result, visible};
use crate::picture::{Picture, decode};

/// Photographs to draw patches from; shared by the workers.
#[derive(Debug)]
pub struct Photos {
    files: Vec<PathBuf>,
    slots: Vec<OnceLock<Slot>>,
    excluded: HashSet<blake3::Hash>,
    /// Bytes of pixels that may still be kept.
    budget: AtomicUsize,
    notes: Mutex<Vec<String>>,
    /// What was noted of which photograph, for patches of how many pixels if it depends on that.
    noted: Mutex<HashSet<(usize, usize)>>,
}

/// What is known of a file after the first look.
#[derive(Debug)]
enum Slot {
    Kept(Arc<Picture>),
    /// Sound, but the budget is spent: decoded again each time. Its width and height.
    Sound(usize, usize),
    /// For this reason.
    Unusable(String),
}

impl Photos {
    /// Photographs of `files`, keeping at most `budget` bytes of decoded pixels (the first ones
    /// drawn stay: with random draws no other choice is better). A file whose BLAKE3 hash is among
    /// `excluded` is never used.
    ///
    /// # Errors
    /// When there is no file.
    pub fn new(files: Files, budget: usize, excluded: HashSet<blake3::Hash>) -> Result<Self> {
        if files.is_empty() {
            let reason = "no photographs to train on: nothing with a picture's extension, but for what lies in the run's folder";
            return Err(Error::Usage(reason.into()));
        }
        let slots = files.paths.iter().map(|_| OnceLock::new()).collect();
        Ok(Self {
            files: files.paths,
            slots,
            excluded,
            budget: AtomicUsize::new(budget),
            notes: Mutex::new(files.notes),
            noted: Mutex::default(),
        })
    }

    /// How many files there are, sound or not.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none (there always are some).
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The photograph `index` as 8-bit RGB, whose sides have at least `side` pixels.
    ///
    /// # Errors
    /// When it is not sound or smaller; that is said once through [`Photos::notes`], too.
    pub fn get(&self, index: usize, side: usize) -> Result<Arc<Picture>> {
        let mut fresh = None;
        let slot = self.slots[index].get_or_init(|| match self.read(index) {
            Ok(picture) => {
                let picture = Arc::new(picture);
                fresh = Some(picture.clone());
                let size = 3 * picture.width() * picture.height();
                let spend = |left: usize| left.checked_sub(size);
                match self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) {
                    Ok(_) => Slot::Kept(picture),
                    Err(_) => Slot::Sound(picture.width(), picture.height()),
                }
            }
            Err(error) => Slot::Unusable(error.to_string()),
        });
        let (width, height) = match slot {
            Slot::Kept(picture) => (picture.width(), picture.height()),
            &Slot::Sound(width, height) => (width, height),
            Slot::Unusable(reason) => return Err(self.refuse(index, 0, reason.clone())),
        };
        // Known without decoding it again.
        if width.min(height) < side {
            let file = visible(&self.files[index]);
            let reason = format!("{file}: {width}×{height} is too small for patches of {side} pixels");
            return Err(self.refuse(index, side, reason));
        }
        match (slot, fresh) {
            (Slot::Kept(picture), _) => Ok(picture.clone()),
            (_, Some(picture)) => Ok(picture),
            _ => self.read(index).map(Arc::new).map_err(|error| self.refuse(index, 0, error.to_string())),
        }
    }

    /// Why a photograph is not used, for patches of `side` pixels or, if that is 0, at all; noted the
    /// first time.
    pub(super) fn refuse(&self, index: usize, side: usize, reason: String) -> Error {
        if self.noted.lock().unwrap_or_else(PoisonError::into_inner).insert((index, side)) {
            self.note(format!("{reason}: not used"));
        }
        Error::Picture(reason)
    }

    /// What there is to say of the files since the last call: damaged, too small, excluded.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// BLAKE3 of every file that is not excluded; a file that cannot be read has none, and how many
    /// these are is noted.
    pub fn hashes(&self) -> Vec<blake3::Hash> {
        let hash = |path: &PathBuf| {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(File::open(path).ok()?).ok()?;
            Some(hasher.finalize())
        };
        let hashes: Vec<_> = self.files.par_iter().filter_map(hash).collect();
        if let lost @ 1.. = self.files.len() - hashes.len() {
            self.note(format!(
                "{lost} of {} files cannot be read: not in the hash of the data",
                self.files.len()
            ));
        }
        hashes.into_iter().filter(|hash| !self.excluded.contains(hash)).collect()
    }

    /// The file of a photograph.
    pub(super) fn path(&self, index: usize) -> &Path {
        &self.files[index]
    }

    fn note(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    fn read(&self, index: usize) -> Result<Picture> {
        let path = &self.files[index];
        let bytes = std::fs::read(path).at(path)?;
        if self.excluded.contains(&blake3::hash(&bytes)) {
            return Err(Error::Picture("is among the validation pictures".into()).at(path));
        }
        decode(&bytes).map(|decoded| decoded.picture.to_rgb8()).at(path)
    }
}

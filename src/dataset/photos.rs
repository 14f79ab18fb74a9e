//! The photographs: which files, and their pixels, kept in memory within a budget.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;
use walkdir::WalkDir;

use crate::error::{AtPath, Error, Result};
use crate::picture::{Format, Picture, decode};

/// Files that may be photographs, in a fixed order.
#[derive(Debug, Clone, Default)]
pub struct Files(Vec<PathBuf>);

impl Files {
    /// The files among `paths`, as named, and in the place of each folder the pictures in it and
    /// below, sorted. A folder's files count as pictures by their extension.
    ///
    /// # Errors
    /// When a path does not exist or a folder cannot be read.
    pub fn find(paths: &[PathBuf]) -> Result<Self> {
        let mut files = Vec::new();
        for path in paths {
            if !std::fs::metadata(path).at(path)?.is_dir() {
                files.push(path.clone());
                continue;
            }
            for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
                let entry = entry.map_err(std::io::Error::from).at(path)?;
                if entry.file_type().is_file() && has_picture_extension(entry.path()) {
                    files.push(entry.into_path());
                }
            }
        }
        // A file named twice (a folder and a file in it) would be drawn twice as often.
        let mut seen = BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        Ok(Self(files))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }
}

fn has_picture_extension(path: &Path) -> bool {
    Format::from_extension(path).is_some()
}

/// Photographs to draw patches from; shared by the workers.
#[derive(Debug)]
pub struct Photos {
    files: Vec<PathBuf>,
    slots: Vec<OnceLock<Slot>>,
    excluded: HashSet<blake3::Hash>,
    /// Bytes of pixels that may still be kept.
    budget: AtomicUsize,
    notes: Mutex<Vec<String>>,
    too_small: Mutex<HashSet<(usize, usize)>>,
}

/// What is known of a file after the first look.
#[derive(Debug)]
enum Slot {
    Kept(Arc<Picture>),
    /// Sound, but the budget is spent: decoded again each time.
    Sound,
    Unusable,
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
            return Err(Error::Usage("no photographs to train on".into()));
        }
        let slots = files.0.iter().map(|_| OnceLock::new()).collect();
        Ok(Self {
            files: files.0,
            slots,
            excluded,
            budget: AtomicUsize::new(budget),
            notes: Mutex::default(),
            too_small: Mutex::default(),
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

    /// The photograph `index` as 8-bit RGB, if it is sound and both sides have `side` pixels.
    /// Why not is said once, through [`Photos::notes`].
    pub fn get(&self, index: usize, side: usize) -> Option<Arc<Picture>> {
        let mut fresh = None;
        let slot = self.slots[index].get_or_init(|| match self.read(index) {
            Ok(picture) => {
                let picture = Arc::new(picture);
                fresh = Some(picture.clone());
                let size = 3 * picture.width() * picture.height();
                let spend = |left: usize| left.checked_sub(size);
                match self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) {
                    Ok(_) => Slot::Kept(picture),
                    Err(_) => Slot::Sound,
                }
            }
            Err(error) => {
                self.note(format!("{error}: not used"));
                Slot::Unusable
            }
        });
        let picture = match slot {
            Slot::Kept(picture) => picture.clone(),
            Slot::Sound => fresh.or_else(|| self.read(index).ok().map(Arc::new))?,
            Slot::Unusable => return None,
        };
        if picture.width().min(picture.height()) >= side {
            return Some(picture);
        }
        let mut too_small = self.too_small.lock().unwrap_or_else(PoisonError::into_inner);
        if too_small.insert((index, side)) {
            let (width, height) = (picture.width(), picture.height());
            let file = self.files[index].display();
            self.note(format!(
                "{file}: {width}×{height} is too small for patches of {side} pixels: not used"
            ));
        }
        None
    }

    /// What there is to say of the files since the last call: damaged, too small, excluded.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// BLAKE3 of every file that is not excluded; a file that cannot be read has none.
    pub fn hashes(&self) -> Vec<blake3::Hash> {
        let hash = |path: &PathBuf| {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(File::open(path).ok()?).ok()?;
            Some(hasher.finalize()).filter(|hash| !self.excluded.contains(hash))
        };
        self.files.par_iter().filter_map(hash).collect()
    }

    /// The file of a photograph.
    pub(super) fn path(&self, index: usize) -> &Path {
        &self.files[index]
    }

    pub(super) fn note(&self, text: String) {
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

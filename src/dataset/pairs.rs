//! Pairs that a user has: pictures degraded by the world, and the same ones as they should be.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::photos::{Files, Photos};
use crate::error::{Error, Result};
use crate::picture::Picture;

/// Degraded pictures and their clean partners, matched by the names of the files.
#[derive(Debug)]
pub struct Pairs {
    degraded: Photos,
    clean: Photos,
    odd: Mutex<HashSet<usize>>,
}

impl Pairs {
    /// Matches the pictures in two folders by their file names without extensions, keeping at most
    /// `budget` bytes of decoded pixels. Clean pictures without a degraded partner are left alone, and so
    /// are those whose BLAKE3 hash is among `excluded`.
    ///
    /// # Errors
    /// When a degraded picture has no partner, a name occurs twice in a folder, or there are none.
    pub fn find(
        degraded: &Path,
        clean: &Path,
        budget: usize,
        excluded: HashSet<blake3::Hash>,
    ) -> Result<Self> {
        let (degraded_by_stem, clean_by_stem) = (by_stem(degraded)?, by_stem(clean)?);
        let mut partners = Vec::new();
        for (stem, path) in &degraded_by_stem {
            let partner = clean_by_stem.get(stem).ok_or_else(|| {
                Error::Usage(format!("no picture '{stem}' in {}", clean.display())).at(path)
            })?;
            partners.push(partner.clone());
        }
        let degraded = Files::find(&degraded_by_stem.into_values().collect::<Vec<_>>())?;
        // Both budgets in proportion to what a pair needs is not worth knowing: halves do.
        Ok(Self {
            degraded: Photos::new(degraded, budget / 2, HashSet::new())?,
            clean: Photos::new(Files::find(&partners)?, budget / 2, excluded)?,
            odd: Mutex::default(),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.degraded.len()
    }

    /// Whether there are none (there always are some).
    pub fn is_empty(&self) -> bool {
        self.degraded.is_empty()
    }

    /// What the pictures of a pair are called, without extension.
    pub fn name(&self, index: usize) -> String {
        stem(self.degraded.path(index))
    }

    /// The pair `index`, if both are sound, the degraded one has at least `side` pixels a side, and
    /// the clean one is `scale` times as large (less than `scale` pixels more do not matter).
    pub fn get(&self, index: usize, side: usize, scale: usize) -> Option<(Arc<Picture>, Arc<Picture>)> {
        let degraded = self.degraded.get(index, side)?;
        let clean = self.clean.get(index, side * scale)?;
        if clean.width() / scale == degraded.width() && clean.height() / scale == degraded.height() {
            return Some((degraded, clean));
        }
        let mut odd = self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        if odd.insert(index) {
            self.degraded.note(format!(
                "{}: {}×{} pixels are not {scale} times {}×{}: not used",
                self.clean.path(index).display(),
                clean.width(),
                clean.height(),
                degraded.width(),
                degraded.height()
            ));
        }
        None
    }

    /// BLAKE3 of every file, as [`Photos::hashes`] has them: of the degraded, and of the clean.
    pub fn hashes(&self) -> [Vec<blake3::Hash>; 2] {
        [self.degraded.hashes(), self.clean.hashes()]
    }

    /// What there is to say of the files since the last call.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.degraded.notes();
        notes.extend(self.clean.notes());
        notes
    }
}

fn by_stem(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in Files::find(&[folder.to_path_buf()])?.iter() {
        if let Some(other) = named.insert(stem(path), path.to_path_buf()) {
            let reason = format!("has the same name as {}", other.display());
            return Err(Error::Usage(reason).at(path));
        }
    }
    Ok(named)
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

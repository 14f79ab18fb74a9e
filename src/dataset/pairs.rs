//! Pairs that a user has: pictures degraded by the world, and the same ones as they should be.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::Files;
use super::photos::Photos;
use crate::batch;
use crate::error::{Error, Result, visible};
use crate::picture::Picture;

/// Degraded pictures and their clean partners, matched by name.
#[derive(Debug)]
pub struct Pairs {
    degraded: Photos,
    clean: Photos,
}

impl Pairs {
    /// Matches the pictures of each two folders, of degraded and of clean ones, but for those in the folder
    /// `run`, by their paths in them without extensions, as `ipt score` does, keeping at most `budget` bytes of
    /// decoded pixels. Clean pictures without a degraded partner are left alone, and so are those whose BLAKE3
    /// hash is among `excluded`.
    ///
    /// # Errors
    /// When a degraded picture has no partner, a name occurs twice in a folder, or there are none.
    pub fn find(
        folders: &[[PathBuf; 2]],
        run: &Path,
        budget: usize,
        excluded: HashSet<blake3::Hash>,
    ) -> Result<Self> {
        let [mut degraded_files, mut clean_files] = [Files::default(), Files::default()];
        for [degraded, clean] in folders {
            let clean_by_name = by_name(clean, run, &mut clean_files.notes)?;
            let degraded_by_name = by_name(degraded, run, &mut degraded_files.notes)?;
            if degraded_by_name.is_empty() {
                return Err(Error::Usage("no picture in it".into()).at(degraded));
            }
            for (name, path) in degraded_by_name {
                let Some(partner) = clean_by_name.get(&name) else {
                    let reason = format!("no picture {} in {}", visible(&name), visible(clean));
                    return Err(Error::Usage(reason).at(path));
                };
                degraded_files.paths.push(path);
                clean_files.paths.push(partner.clone());
            }
        }
        // Both budgets in proportion to what a pair needs is not worth knowing: halves do.
        Ok(Self {
            degraded: Photos::new(degraded_files, budget / 2, HashSet::new())?,
            clean: Photos::new(clean_files, budget / 2, excluded)?,
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
        self.path(index).file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The degraded picture's file of a pair.
    pub fn path(&self, index: usize) -> &Path {
        self.degraded.path(index)
    }

    /// The pair `index`, of which the degraded one has at least `side` pixels a side, and the clean one
    /// is `scale` times as large (less than `scale` pixels more do not matter).
    ///
    /// # Errors
    /// When one is not sound or they are not so; that is said once through [`Pairs::notes`], too.
    pub fn get(&self, index: usize, side: usize, scale: usize) -> Result<(Arc<Picture>, Arc<Picture>)> {
        let degraded = self.degraded.get(index, side)?;
        let clean = self.clean.get(index, side * scale)?;
        if clean.width() / scale == degraded.width() && clean.height() / scale == degraded.height() {
            return Ok((degraded, clean));
        }
        let reason = format!(
            "{}: {}×{} pixels are not {scale} times {}×{}",
            visible(self.clean.path(index)),
            clean.width(),
            clean.height(),
            degraded.width(),
            degraded.height()
        );
        Err(self.clean.refuse(index, 0, reason))
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

/// The pictures of a folder by their paths in it, without extensions; `notes` gets what cannot be read.
fn by_name(folder: &Path, run: &Path, notes: &mut Vec<String>) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = Files::walk(&[folder.to_path_buf()])?.outside(run);
    notes.append(&mut files.notes);
    let mut named: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files.paths {
        // Of a folder that is a file itself, there is no path in it.
        let inside = path.strip_prefix(folder).ok().filter(|inside| !inside.as_os_str().is_empty());
        let name = batch::stem(inside.unwrap_or(Path::new(path.file_name().unwrap_or_default())));
        if let Some(other) = named.insert(name, path.clone()) {
            let reason = format!("has the same name as {}", visible(other));
            return Err(Error::Usage(reason).at(path));
        }
    }
    Ok(named)
}

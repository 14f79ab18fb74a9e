//! Where the patches of each task come from.

use super::pairs::Pairs;
use super::photos::Photos;
use crate::task::Task;

/// Photographs for all tasks, but for those that have pairs of their own.
#[derive(Debug)]
pub struct Source {
    photos: Option<Photos>,
    pairs: Vec<(Task, Pairs)>,
}

/// What one task learns from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pictures<'a> {
    /// Good pictures, to be degraded as the task asks.
    Photos(&'a Photos),
    /// Pictures that are degraded, and as they should be.
    Pairs(&'a Pairs),
}

impl Source {
    /// Of each task at most one set of pairs is found again.
    pub fn new(photos: Option<Photos>, pairs: Vec<(Task, Pairs)>) -> Self {
        Self { photos, pairs }
    }

    /// What `task` learns from, if there is anything.
    pub(super) fn of(&self, task: Task) -> Option<Pictures<'_>> {
        let own = self.pairs.iter().find(|(of, _)| *of == task);
        own.map(|(_, pairs)| Pictures::Pairs(pairs)).or(self.photos.as_ref().map(Pictures::Photos))
    }

    /// How many pictures and pairs there are, sound or not.
    #[allow(clippy::len_without_is_empty)] // There always are some.
    pub fn len(&self) -> usize {
        self.parts().map(Pictures::len).sum()
    }

    /// What stands for the data: BLAKE3 of the sorted BLAKE3 of the files. Their names and places
    /// do not matter; all files are read, once.
    pub fn digest(&self) -> blake3::Hash {
        let mut hashes: Vec<_> = self.parts().flat_map(Pictures::hashes).collect();
        hashes.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        let mut hasher = blake3::Hasher::new();
        hashes.iter().for_each(|hash| {
            hasher.update(hash.as_bytes());
        });
        hasher.finalize()
    }

    /// What there is to say of the files since the last call.
    pub fn notes(&self) -> Vec<String> {
        self.parts().flat_map(Pictures::notes).collect()
    }

    fn parts(&self) -> impl Iterator<Item = Pictures<'_>> {
        let pairs = self.pairs.iter().map(|(_, pairs)| Pictures::Pairs(pairs));
        self.photos.iter().map(Pictures::Photos).chain(pairs)
    }
}

impl Pictures<'_> {
    pub fn len(self) -> usize {
        match self {
            Pictures::Photos(photos) => photos.len(),
            Pictures::Pairs(pairs) => pairs.len(),
        }
    }

    fn hashes(self) -> Vec<blake3::Hash> {
        match self {
            Pictures::Photos(photos) => photos.hashes(),
            Pictures::Pairs(pairs) => pairs.hashes().concat(),
        }
    }

    fn notes(self) -> Vec<String> {
        match self {
            Pictures::Photos(photos) => photos.notes(),
            Pictures::Pairs(pairs) => pairs.notes(),
        }
    }
}

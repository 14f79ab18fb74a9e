//! The file of PyTorch 1.6 and later: a zip archive of the pickle and one entry a storage, none of
//! them compressed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::pickle::Pickle;
use super::{Entry, entries, length, read_values};
use crate::error::{Error, Result};

/// The list of entries may have this many bytes; that of the published files has some 40 000. What
/// the reader of archives makes of it takes several times the memory.
const LONGEST_LIST: u64 = 1 << 20;
/// A state dict's pickle may have this many bytes; that of the published files has some 60 000.
const LONGEST_PICKLE: u64 = 8 << 20;

/// The storages of a file.
#[derive(Debug)]
pub struct Zip<R> {
    archive: ZipArchive<Metered<BufReader<R>>>,
    /// The entry of each.
    indices: BTreeMap<String, usize>,
}

/// Reads what is beside the numbers, and finds those.
pub fn open<R: Read + Seek>(mut reader: R) -> Result<(BTreeMap<String, Entry>, Zip<R>)> {
    let length = length(&mut reader)?;
    let left = Rc::new(Cell::new(LONGEST_LIST));
    let metered = Metered { reader: BufReader::new(reader), left: left.clone() };
    let mut archive = ZipArchive::new(metered).map_err(unsound)?;
    left.set(u64::MAX);

    // All entries are in one folder, whose name is up to the writer.
    let named = |end: &str| -> Option<(usize, String)> {
        (0..archive.len()).find_map(|index| {
            let name = archive.name_for_index(index)?.ok()?;
            Some((index, name.strip_suffix(end)?.to_owned()))
        })
    };
    let Some((index, folder)) = named("data.pkl") else {
        return Err(damaged("it is a zip archive without data.pkl"));
    };
    if let Some(order) = archive.index_for_name(&format!("{folder}byteorder")) {
        let mut text = String::new();
        archive.by_index(order).map_err(unsound)?.take(16).read_to_string(&mut text)?;
        if text != "little" {
            return Err(damaged("its numbers are not little-endian"));
        }
    }
    let mut pickle = archive.by_index(index).map_err(unsound)?;
    if pickle.size() > LONGEST_PICKLE {
        return Err(damaged("its pickle is too long for a state dict"));
    }
    let entries = entries(&Pickle::read(&mut pickle)?)?;
    // The checksum is compared at the end.
    io::copy(&mut pickle, &mut io::sink())?;
    drop(pickle);

    let mut indices = BTreeMap::new();
    let mut total = 0u64;
    for (name, entry) in &entries {
        let storage = &entry.storage;
        let index = archive.index_for_name(&format!("{folder}data/{}", storage.key));
        let index = index.ok_or_else(|| damaged(&format!("the numbers of tensor {name} are missing")))?;
        let place = archive.by_index_data(index).map_err(unsound)?;
        if place.compression() != CompressionMethod::Stored || place.compressed_size() != place.size() {
            return Err(damaged(&format!("the numbers of tensor {name} are compressed")));
        }
        if place.size() != storage.bytes() {
            return Err(damaged(&format!("tensor {name} has another length than its storage")));
        }
        // Entries may overlap, so that each alone would fit the file.
        total = total.saturating_add(place.size());
        indices.insert(storage.key.clone(), index);
    }
    if total > length {
        return Err(damaged("it has been cut"));
    }
    Ok((entries, Zip { archive, indices }))
}

impl<R: Read + Seek> Zip<R> {
    pub fn read(&mut self, entry: &Entry) -> Result<Vec<f32>> {
        let index = self.indices.get(&entry.storage.key).copied().unwrap_or(usize::MAX);
        let mut reader = self.archive.by_index(index).map_err(unsound)?;
        let values = read_values(&mut reader, entry)?;
        // The checksum is compared at the end.
        io::copy(&mut reader, &mut io::sink())?;
        Ok(values)
    }
}

fn unsound(error: ZipError) -> Error {
    damaged(&error.to_string())
}

fn damaged(what: &str) -> Error {
    Error::Model(format!("not a sound PyTorch file: {what}"))
}

/// A reader that gives up when more was asked of it than there was left.
#[derive(Debug)]
struct Metered<R> {
    reader: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        match self.left.get().checked_sub(count as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other("the list of its entries is too long")),
        }
        Ok(count)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

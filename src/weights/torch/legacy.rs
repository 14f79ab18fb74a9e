//! The file of PyTorch before 1.6: five pickles (magic number, protocol, system, state dict, keys
//! of storages), then each storage as a count and its numbers.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek, SeekFrom};

use super::pickle::{Pickle, Value};
use super::{Entry, Storage, entries, length, read_values};
use crate::error::{Error, Result};

/// The first bytes: a pickle of the number 0x1950a86a20f9469cfc6c.
pub const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The protocol's number, which has not changed since.
const PROTOCOL: i128 = 1001;

/// The storages of a file.
#[derive(Debug)]
pub struct Legacy<R> {
    reader: BufReader<R>,
    /// Where each begins.
    starts: BTreeMap<String, u64>,
}

/// Reads what is before the numbers, and finds those.
pub fn open<R: Read + Seek>(mut reader: R) -> Result<(BTreeMap<String, Entry>, Legacy<R>)> {
    let damaged = |what: &str| Error::Model(format!("not a sound PyTorch file: {what}"));
    let length = length(&mut reader)?;
    let mut reader = BufReader::new(reader);
    // Opened by its magic number, which is a pickle of its own.
    Pickle::read(&mut reader)?;
    if !matches!(Pickle::read(&mut reader)?.root(), Value::Int(PROTOCOL)) {
        return Err(damaged("its protocol is not 1001"));
    }
    let system = Pickle::read(&mut reader)?;
    let Value::Dict(system_items) = system.root() else { return Err(damaged("it names no system")) };
    let order = system_items.iter().find(|(key, _)| system.text(*key) == Some("little_endian"));
    if !order.is_some_and(|(_, value)| matches!(system.get(*value), Value::Bool(true))) {
        return Err(damaged("its numbers are not little-endian"));
    }
    let entries = entries(&Pickle::read(&mut reader)?)?;
    let keys = Pickle::read(&mut reader)?;
    let Value::List(keys_items) = keys.root() else { return Err(damaged("it lists no storages")) };
    let known: BTreeMap<&str, &Storage> =
        entries.values().map(|entry| (entry.storage.key.as_str(), &entry.storage)).collect();
    let mut starts = BTreeMap::new();
    for &key in keys_items {
        // One that no tensor uses would have an unknown size.
        let storage = keys.text(key).and_then(|key| known.get(key));
        let storage = storage.ok_or_else(|| damaged("it has numbers of no tensor"))?;
        let mut count = [0; 8];
        reader.read_exact(&mut count)?;
        let start = reader.stream_position()?;
        if u64::from_le_bytes(count) != storage.count as u64 {
            return Err(damaged("a storage has another length than its tensor says"));
        }
        let end = start.checked_add(storage.bytes()).filter(|&end| end <= length);
        reader.seek(SeekFrom::Start(end.ok_or_else(|| damaged("it has been cut"))?))?;
        if starts.insert(storage.key.clone(), start).is_some() {
            return Err(damaged("a storage is there twice"));
        }
    }
    if let Some((name, _)) = entries.iter().find(|(_, entry)| !starts.contains_key(&entry.storage.key)) {
        return Err(damaged(&format!("the numbers of tensor {name} are missing")));
    }
    Ok((entries, Legacy { reader, starts }))
}

impl<R: Read + Seek> Legacy<R> {
    pub fn read(&mut self, entry: &Entry) -> Result<Vec<f32>> {
        let start = self.starts.get(&entry.storage.key).copied().unwrap_or(0);
        self.reader.seek(SeekFrom::Start(start))?;
        Ok(read_values(&mut self.reader, entry)?)
    }
}

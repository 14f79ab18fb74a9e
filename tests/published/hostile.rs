//! Files that are damaged, or made to do harm: refused, or read as what they are; never a panic,
//! and never more memory than twice the file and a little.

use std::io::{Cursor, Read, Write};

use ipt::rng;
use rand::{Rng, RngExt};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::allocations::peak;
use crate::{LEGACY, ZIP, fixture, open};

/// Buffers, and lists of names and shapes.
const LITTLE: usize = 1 << 20;

/// An archive's entries in their order.
fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

fn rezip(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        archive.start_file(name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Changes something in `bytes[..within]`.
fn mutate(bytes: &mut Vec<u8>, within: usize, rng: &mut impl Rng) {
    let at = rng.random_range(0..within);
    let length = rng.random_range(1..40).min(within - at);
    match rng.random_range(0..7) {
        0 => bytes.truncate(at),
        1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => bytes[at] = rng.random(),
        3 => bytes[at..at + length].fill([0, 0x7f, 0xff][rng.random_range(0..3)]),
        4 => drop(bytes.drain(at..at + length)),
        5 => {
            let part = bytes[at..at + length].to_vec();
            let to = rng.random_range(0..within);
            bytes.splice(to..to, part);
        }
        _ => {
            // Instructions of pickles.
            for byte in &mut bytes[at..at + length.min(3)] {
                *byte = b"\x80.(NKMJX)]}\x85\x86\x87taesuqrhjcQRb\x8a"[rng.random_range(0..28)];
            }
        }
    }
}

/// Opens `bytes` and holds the result to what was promised; whether it was a model.
fn survives(bytes: &[u8], what: &str) -> bool {
    let (result, held) = peak(|| {
        open(bytes).map(|model| {
            model.config.check().unwrap();
            model.parameters.count()
        })
    });
    assert!(held <= 2 * bytes.len() + LITTLE, "{what}: {held} bytes for {}", bytes.len());
    result.is_ok()
}

#[test]
fn mutations() {
    const EACH: usize = 300;
    let legacy = std::fs::read(fixture(LEGACY)).unwrap();
    let zip = std::fs::read(fixture(ZIP)).unwrap();
    let entries = unzip(&zip);
    let pickle = entries.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
    // Where the pickles end, more or less.
    let head = legacy.len() / 20;
    let (mut tried, mut models) = (0, 0);
    for i in 0..EACH {
        let rng = &mut rng::stream(7, &[b"mutation", &i.to_le_bytes()]);
        let mut anywhere = legacy.clone();
        mutate(&mut anywhere, legacy.len(), rng);
        let mut in_pickles = legacy.clone();
        mutate(&mut in_pickles, head, rng);
        let mut in_zip = zip.clone();
        mutate(&mut in_zip, zip.len(), rng);
        // The list of entries is at the end.
        let mut in_list: Vec<u8> = zip.iter().rev().copied().collect();
        mutate(&mut in_list, zip.len() / 20, rng);
        in_list.reverse();
        let mut in_entry = entries.clone();
        let length = in_entry[pickle].1.len();
        mutate(&mut in_entry[pickle].1, length, rng);
        for (bytes, what) in [
            (anywhere, "legacy"),
            (in_pickles, "legacy pickles"),
            (in_zip, "zip"),
            (in_list, "zip list"),
            (rezip(&in_entry), "zip pickle"),
        ] {
            tried += 1;
            models += usize::from(survives(&bytes, &format!("{what}, mutation {i}")));
        }
    }
    assert!(tried >= 1000);
    // Some mutations change only a weight, or nothing that counts; most break the file.
    assert!(models > 0 && models < tried / 2, "{models} of {tried}");
}

#[test]
fn every_cut_in_the_pickles_and_many_later() {
    for name in [LEGACY, ZIP] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let step = bytes.len() / 150;
        for end in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            assert!(!survives(&bytes[..end], name), "{name} cut at {end}");
        }
    }
}

/// The zip with another pickle.
fn with_pickle(change: impl Fn(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut entries = unzip(&std::fs::read(fixture(ZIP)).unwrap());
    let (_, pickle) = entries.iter_mut().find(|(name, _)| name.ends_with("data.pkl")).unwrap();
    *pickle = change(std::mem::take(pickle));
    rezip(&entries)
}

#[track_caller]
fn refused(bytes: &[u8], words: &[&str]) {
    let (error, held) = peak(|| open(bytes).unwrap_err().to_string());
    for words in words {
        assert!(error.contains(words), "no '{words}' in: {error}");
    }
    assert!(held <= 2 * bytes.len() + (16 << 20), "{held} bytes");
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("what is to be replaced");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn other_names_in_the_pickle_are_refused_by_name() {
    for (name, module) in
        [("system", "os"), ("eval", "builtins"), ("load", "torch"), ("ByteStorage", "torch")]
    {
        let attack = format!("\x02c{module}\n{name}\nX\x04\0\0\0true\u{85}R0");
        let attack: Vec<u8> = attack.chars().map(|c| c as u8).collect();
        let zip = with_pickle(|pickle| replace(&pickle, b"\x02", &attack));
        refused(&zip, &[&format!("{module}.{name}"), "refused"]);
    }
    let legacy = std::fs::read(fixture(LEGACY)).unwrap();
    let attack = replace(&legacy, b"ctorch._utils\n_rebuild_tensor_v2\n", b"cposix\nsystem\n");
    refused(&attack, &["posix.system"]);
}

#[test]
fn sizes_that_are_not_there() {
    // The count of a storage, and a side of its tensor: 4 000 000 000 numbers.
    let huge = b"\x8a\x05\0\x28\x6b\xee\0";
    let pickle_of = |bytes: &[u8]| {
        unzip(bytes).into_iter().find(|(name, _)| name.ends_with("data.pkl")).map(|(_, bytes)| bytes)
    };
    let pickle = pickle_of(&std::fs::read(fixture(ZIP)).unwrap()).unwrap();
    // Every seventh place that looks like a 16-bit number.
    let places: Vec<usize> = (0..pickle.len() - 3).filter(|&i| pickle[i] == b'M').collect();
    let mut refusals = 0;
    for &place in places.iter().step_by(7) {
        let zip = with_pickle(|pickle| [&pickle[..place], huge, &pickle[place + 3..]].concat());
        refusals += usize::from(!survives(&zip, "a huge size"));
    }
    assert!(refusals * 10 > places.len(), "{refusals}");
}

#[test]
fn names_that_are_missing_unknown_or_of_another_shape() {
    let zip = with_pickle(|pickle| replace(&pickle, b"body.mlp_head.3.bias", b"body.mlp_head.4.bias"));
    refused(&zip, &["missing: body.mlp_head.3.bias", "unknown: body.mlp_head.4.bias"]);
    let zip = with_pickle(|pickle| replace(&pickle, b"head.2.1.body.0.bias", b"head.9.1.body.0.bias"));
    refused(&zip, &["missing: head.2.1.body.0.bias", "unknown: head.9.1.body.0.bias"]);
}

#[test]
fn numbers_used_twice_and_entries_on_top_of_each_other() {
    // A second name for the first tensor's numbers.
    let zip = with_pickle(|pickle| replace(&pickle, b"X\x01\0\0\x001", b"X\x01\0\0\x000"));
    refused(&zip, &["shares its numbers"]);
}

#[test]
fn neither_kind() {
    for bytes in [&b""[..], b"PK\x03\x04", b"PK\x03\x04 and nothing", b"\x80\x02}.", b"\x7fELF", &[0; 64]] {
        assert!(!survives(bytes, "a file of nothing"));
    }
    let empty = rezip(&[("a/text".into(), b"hello".to_vec())]);
    refused(&empty, &["without data.pkl"]);
    // A long list of empty entries.
    let many: Vec<_> = (0..60_000).map(|i| (format!("archive/data/{i}"), Vec::new())).collect();
    refused(&rezip(&many), &["too long"]);
}

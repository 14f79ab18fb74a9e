//! Random streams that depend on names, not on the order of work.
//!
//! Whatever draws random numbers asks for a stream by the seed and by what the numbers are for
//! ("noise", the picture's relative path, a step). So the bytes are the same for any number of
//! threads, and adding one consumer does not shift another's numbers. ChaCha8 is the same on
//! every platform.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// The stream for `seed` and `labels`; labels are kept apart, so `["a", "bc"]` is not `["ab", "c"]`.
pub fn stream(seed: u64, labels: &[&[u8]]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key("ipt random stream v1");
    hasher.update(&seed.to_le_bytes());
    for label in labels {
        hasher.update(&(label.len() as u64).to_le_bytes());
        hasher.update(label);
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_are_named() {
        let first = |seed, labels: &[&[u8]]| stream(seed, labels).next_u64();
        assert_eq!(first(1, &[b"a"]), first(1, &[b"a"]));
        assert_ne!(first(1, &[b"a"]), first(2, &[b"a"]));
        assert_ne!(first(1, &[b"a", b"bc"]), first(1, &[b"ab", b"c"]));
    }
}

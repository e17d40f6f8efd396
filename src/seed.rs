//! Named random streams: (run seed, purpose, index) -> an independent, reproducible generator.
//!
//! Nothing in rimforge draws from a shared generator, so the result of a step depends neither on thread
//! scheduling nor on how often a run was interrupted before it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The seed of a whole run; every random draw derives from it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSeed(
    /// As typed by a person, or drawn for a run within a run.
    pub u64,
);

impl RunSeed {
    /// 32 bytes that depend on the seed, the purpose and the index, and on nothing else.
    fn digest(self, purpose: &str, index: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"rimforge/1");
        hash.update(self.0.to_le_bytes());
        hash.update((purpose.len() as u64).to_le_bytes());
        hash.update(purpose.as_bytes());
        hash.update(index.to_le_bytes());
        hash.finalize().into()
    }

    /// A generator for draws made in Rust.
    pub fn stream(self, purpose: &str, index: u64) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.digest(purpose, index))
    }

    /// The seed of a run within this one (an arm, a fold, a repetition); below 2^63, as large as TOML can say.
    pub fn child(self, purpose: &str, index: u64) -> RunSeed {
        let digest = self.digest(purpose, index);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        RunSeed(u64::from_le_bytes(first) & (u64::MAX >> 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_differ_by_seed_purpose_and_index_and_repeat() {
        let draw = |seed, purpose, index| RunSeed(seed).stream(purpose, index).next_u64();
        assert_eq!(draw(1, "z", 0), draw(1, "z", 0));
        assert_ne!(draw(1, "z", 0), draw(2, "z", 0));
        assert_ne!(draw(1, "z", 0), draw(1, "noise", 0));
        assert_ne!(draw(1, "z", 0), draw(1, "z", 1));
    }

    #[test]
    fn seeds_of_children_are_non_negative_as_signed_numbers_too() {
        assert!((0..1000).all(|i| RunSeed(7).child("t", i).0 <= i64::MAX as u64));
    }
}

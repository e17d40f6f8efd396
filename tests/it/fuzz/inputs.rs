//! The sequence of inputs of one parser: what is valid, every cut and every flipped bit, then mutations without end.
//! Each follows from the seed and its number alone, so an input that did harm can be made again.

use std::path::Path;

use rand::RngExt;
use rimforge::seed::RunSeed;

use super::mutation::mutated;
use super::parsers::{Finish, Parser};

/// Up to here an input is cut at every byte; beyond, at every 997th.
const EACH: usize = 4096;

/// A change that is tried at each of its places.
#[derive(Clone, Copy)]
enum Change {
    /// This valid input is cut to so many bytes.
    Cut(usize, usize),
    /// This bit of this valid input is the other one.
    Flip(usize, usize),
}

/// The inputs of one parser.
pub struct Inputs {
    parser: &'static Parser,
    seed: RunSeed,
    valid: Vec<Vec<u8>>,
    changes: Vec<Change>,
}

impl Inputs {
    /// Sets up `place` with what the parser finds beside its input. With `most`, at most half of them are cuts and
    /// flips, spread over all of these.
    pub fn new(parser: &'static Parser, place: &Path, seed: u64, most: Option<u64>) -> Self {
        std::fs::create_dir_all(place).unwrap();
        let valid = (parser.set_up)(place);
        let mut changes = Vec::new();
        for (at, bytes) in valid.iter().enumerate() {
            changes.extend((0..bytes.len()).filter(|&n| n < EACH || n % 997 == 0).map(|n| Change::Cut(at, n)));
            changes.extend((0..8 * bytes.len().min(parser.header)).map(|bit| Change::Flip(at, bit)));
        }
        if let Some(most) = most {
            let step = (2 * changes.len() as u64).div_ceil(most).max(1) as usize;
            changes = changes.into_iter().step_by(step).collect();
        }
        Self { parser, seed: RunSeed(seed), valid, changes }
    }

    /// How many at the beginning are valid.
    pub fn valid(&self) -> u64 {
        self.valid.len() as u64
    }

    /// The input of this number.
    pub fn get(&self, number: u64) -> Vec<u8> {
        let number = number as usize;
        if let Some(bytes) = self.valid.get(number) {
            return self.finished(bytes.clone(), true);
        }
        let mut draws = self.seed.stream(self.parser.name, number as u64);
        if let Some(&change) = self.changes.get(number - self.valid.len()) {
            let bytes = match change {
                Change::Cut(at, length) => self.valid[at][..length].to_vec(),
                Change::Flip(at, bit) => {
                    let mut bytes = self.valid[at].clone();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    bytes
                }
            };
            return self.finished(bytes, false);
        }
        let start = self.valid[draws.random_range(0..self.valid.len())].clone();
        let bytes = mutated(start, &self.valid, self.parser.text, &mut draws);
        let repaired = draws.random();
        self.finished(bytes, repaired)
    }

    fn finished(&self, bytes: Vec<u8>, repaired: bool) -> Vec<u8> {
        match self.parser.finish {
            Finish::AsItIs => bytes,
            Finish::Wrapped(wrap) => wrap(bytes),
            Finish::OftenRepaired(repair) if repaired => repair(bytes),
            Finish::OftenRepaired(_) => bytes,
        }
    }
}

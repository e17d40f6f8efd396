//! What reading a file may cost: memory and steps, both a small multiple of the file's length.

use crate::problem::{Kind, Problem, Result};

/// Allowed on top of the multiples, so that a file of a few bytes is judged for what it is.
const FLOOR: usize = 1 << 20;

/// Most bytes for the values of an index; that of Inception v3, with 600 tensors, takes some two million.
const MOST_VALUES: usize = 64 << 20;

/// Counts what is allocated (never what is freed) and how many instructions are run.
#[derive(Debug)]
pub struct Budget {
    bytes: usize,
    steps: usize,
}

impl Budget {
    /// For a file of `length` bytes: twice as many bytes beside the file itself, and four instructions for each byte.
    pub fn of_file(length: usize) -> Self {
        Self {
            bytes: length.saturating_mul(2).saturating_add(FLOOR),
            steps: length.saturating_mul(4).saturating_add(FLOOR),
        }
    }

    /// For an index of `length` bytes whose tensors lie elsewhere: it is all names and numbers, of which each takes
    /// many times the bytes that it is written with.
    pub fn of_index(length: usize) -> Self {
        let values = length.saturating_mul(64).min(MOST_VALUES);
        let file = Self::of_file(length);
        Self { bytes: file.bytes.saturating_add(values), ..file }
    }

    /// Accounts for an allocation of `bytes`, before it is made.
    ///
    /// # Errors
    /// The file would take more memory than its length justifies.
    pub fn take(&mut self, bytes: usize) -> Result<()> {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => Err(Problem::new(Kind::Input, "a pickle that asks for far more memory than its size justifies")
                .expected("a network, whose size is that of its tensors")
                .advice("do not open this file with Python: it may be made to exhaust the machine")),
        }
    }

    /// Accounts for one instruction.
    ///
    /// # Errors
    /// More instructions than the file's length justifies, which only nested streams read again and again can reach.
    pub fn step(&mut self) -> Result<()> {
        match self.steps.checked_sub(1) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(Problem::new(Kind::Input, "a pickle that runs far longer than its size justifies")
                .expected("a network, each of whose tensors is read once")),
        }
    }

    /// Makes room for `more` elements in `vector`. Growing doubles, and every new block is charged in full: the sum
    /// bounds the old and the new block that exist side by side while one is copied.
    pub fn reserve<T>(&mut self, vector: &mut Vec<T>, more: usize) -> Result<()> {
        let needed = vector.len().saturating_add(more);
        if needed <= vector.capacity() {
            return Ok(());
        }
        let capacity = needed.max(vector.capacity().saturating_mul(2));
        self.take(capacity.saturating_mul(size_of::<T>()).saturating_add(ALLOCATION))?;
        vector.reserve_exact(capacity - vector.len());
        Ok(())
    }

    /// `vector.push(value)`, accounted for.
    pub fn push<T>(&mut self, vector: &mut Vec<T>, value: T) -> Result<()> {
        self.reserve(vector, 1)?;
        vector.push(value);
        Ok(())
    }
}

/// What the allocator keeps beside each block.
const ALLOCATION: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_paid_for_before_it_happens() {
        let mut budget = Budget { bytes: 100, steps: 1 };
        let mut numbers: Vec<u64> = Vec::new();
        // 8 + 16, then 16 + 16, then 32 + 16 bytes: the third block is too much.
        for n in 0..2 {
            budget.push(&mut numbers, n).unwrap();
        }
        assert_eq!(numbers.capacity(), 2);
        assert!(budget.push(&mut numbers, 2).is_err());
        assert_eq!(numbers.capacity(), 2);
        budget.step().unwrap();
        assert!(budget.step().is_err());
        assert!(Budget::of_file(10).take(usize::MAX).is_err());
    }
}

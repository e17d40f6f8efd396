//! Percentiles of values that are too many to keep, exact: the values are shown several times, and counted by their
//! leading 16 bits, then by the following 16 of those that share the leading ones.

use super::ranks::nearest_rank;
use crate::problem::Result;

/// Shows all values, some at a time, as often as it is called.
pub(super) type Walk<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[f32])) -> Result<()>;

/// Positive values by their leading 16 bits, which for positive floating-point numbers are in the numbers' order.
#[derive(Clone)]
pub(super) struct Positives {
    counts: Vec<u64>,
}

impl Positives {
    /// None yet.
    pub fn new() -> Self {
        Self { counts: vec![0; 1 << 16] }
    }

    /// Counts those of some values that are above 0.
    pub fn add(&mut self, values: &[f32]) {
        for &value in values {
            if value > 0.0 {
                self.counts[(value.to_bits() >> 16) as usize] += 1;
            }
        }
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.counts.iter().sum::<u64>() as usize
    }

    /// The positive value that `rank` of them are below; `None` where there are not so many.
    pub fn value(&self, rank: usize, walk: Walk) -> Result<Option<f32>> {
        let Some((leading, rank)) = place(&self.counts, rank as u64) else { return Ok(None) };
        let mut following = vec![0; 1 << 16];
        walk(&mut |values| {
            for &value in values {
                let bits = value.to_bits();
                if value > 0.0 && (bits >> 16) as usize == leading {
                    following[(bits & 0xffff) as usize] += 1;
                }
            }
        })?;
        Ok(place(&following, rank).map(|(low, _)| f32::from_bits((leading as u32) << 16 | low as u32)))
    }
}

/// In which place the item of a rank lies, and its rank there.
fn place(counts: &[u64], rank: u64) -> Option<(usize, u64)> {
    let mut below = 0;
    counts.iter().enumerate().find_map(|(at, &count)| {
        below += count;
        (below > rank).then(|| (at, rank - (below - count)))
    })
}

/// As [`super::intensity::foreground_median`], of values whose positive ones were counted.
pub(super) fn foreground_median(positive: &Positives, walk: Walk) -> Result<Option<f32>> {
    let Some(rank) = nearest_rank(positive.total(), 0.99) else { return Ok(None) };
    let Some(high) = positive.value(rank, walk)? else { return Ok(None) };
    let floor = 0.1 * high;
    let mut above = 0;
    walk(&mut |values| above += values.iter().filter(|&&value| value > floor).count())?;
    let Some(rank) = nearest_rank(above, 0.5) else { return Ok(None) };
    positive.value(positive.total() - above + rank, walk)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::intensity;
    use super::*;

    fn streamed(values: &[f32]) -> Option<f32> {
        let mut positive = Positives::new();
        values.chunks(5).for_each(|some| positive.add(some));
        let mut walk = |see: &mut dyn FnMut(&[f32])| {
            values.chunks(3).for_each(see);
            Ok(())
        };
        foreground_median(&positive, &mut walk).unwrap()
    }

    #[test]
    fn the_foreground_by_hand() {
        // Air (0 and noise near 1) is left out; tissue is 90, 100, 110.
        assert_eq!(streamed(&[0.0, 0.0, 1.0, 1.0, 1.0, 90.0, 100.0, 110.0]), Some(100.0));
        assert_eq!(streamed(&[0.0, -1.0]), None);
    }

    proptest! {
        #[test]
        fn it_is_the_median_of_values_in_memory(values in proptest::collection::vec(-2f32..900f32, 1..80)) {
            prop_assert_eq!(streamed(&values), intensity::foreground_median(&values));
        }
    }
}

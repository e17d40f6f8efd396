//! Percentiles of values that are too many to keep, exact: the values are shown several times, and counted by their
//! leading 16 bits, then by the following 16 of those that share the leading ones.

use super::ranks::{key, nearest_rank, value};
use crate::problem::Result;

/// Shows all values, some at a time, as often as it is called.
pub(super) type Walk<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[f32])) -> Result<()>;

/// Those of some values that a condition keeps, by the leading 16 bits of a number in their order.
#[derive(Clone)]
pub(super) struct Counted<F> {
    keeps: F,
    counts: Vec<u64>,
}

impl<F: Fn(f32) -> bool> Counted<F> {
    /// None yet.
    pub fn new(keeps: F) -> Self {
        Self { keeps, counts: vec![0; 1 << 16] }
    }

    /// Counts those of some values that are kept.
    pub fn add(&mut self, values: &[f32]) {
        for &value in values {
            if (self.keeps)(value) {
                self.counts[(key(value) >> 16) as usize] += 1;
            }
        }
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.counts.iter().sum::<u64>() as usize
    }

    /// The kept value that `rank` of them are below; `None` where there are not so many.
    pub fn value(&self, rank: usize, walk: Walk) -> Result<Option<f32>> {
        let Some((leading, rank)) = place(&self.counts, rank as u64) else { return Ok(None) };
        let mut following = vec![0; 1 << 16];
        walk(&mut |values| {
            for &value in values {
                let key = key(value);
                if (self.keeps)(value) && (key >> 16) as usize == leading {
                    following[(key & 0xffff) as usize] += 1;
                }
            }
        })?;
        Ok(place(&following, rank).map(|(low, _)| value((leading as u32) << 16 | low as u32)))
    }

    /// The value below which `share` (0..1) of the kept values lie; `None` without any.
    pub fn percentile(&self, share: f64, walk: Walk) -> Result<Option<f32>> {
        nearest_rank(self.total(), share).map_or(Ok(None), |rank| self.value(rank, walk))
    }
}

/// Whether a value counts as foreground, or may.
pub(super) fn is_positive(value: f32) -> bool {
    value > 0.0
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
pub(super) fn foreground_median<F: Fn(f32) -> bool>(positive: &Counted<F>, walk: Walk) -> Result<Option<f32>> {
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
    use super::super::ranks::Ranks;
    use super::*;

    fn streamed(values: &[f32]) -> Option<f32> {
        let mut positive = Counted::new(is_positive);
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

        #[test]
        fn percentiles_are_those_of_values_in_memory(values in proptest::collection::vec(-9f32..9f32, 1..60)) {
            let mut counted = Counted::new(|_| true);
            values.chunks(4).for_each(|some| counted.add(some));
            let mut walk = |see: &mut dyn FnMut(&[f32])| {
                values.chunks(3).for_each(see);
                Ok(())
            };
            for share in [0.0, 0.005, 0.3, 0.995, 1.0] {
                let expected = Ranks::new(&values, |_| true).percentile(share);
                prop_assert_eq!(counted.percentile(share, &mut walk).unwrap(), expected);
            }
        }
    }
}

//! Percentiles of many values, exact, without sorting, copying or reordering them: values are counted by their leading
//! bits, and only those that share the leading bits of the one asked for are looked at again.

/// Bits of a float32 that are counted by: sign, exponent and three of the mantissa, so that the counts stay in the
/// first-level cache and few values share them.
const LEADING: u32 = 12;

/// Neighbours in an image often count in the same place; in turn in different ones, they need not wait for each other.
const LANES: usize = 4;

/// Those of some values that a condition keeps, counted.
pub(super) struct Ranks<'a, F> {
    values: &'a [f32],
    keeps: F,
    counts: Vec<usize>,
    total: usize,
}

impl<'a, F: Fn(f32) -> bool> Ranks<'a, F> {
    pub fn new(values: &'a [f32], keeps: F) -> Self {
        let mut lanes = vec![[0u32; LANES]; 1 << LEADING];
        let mut counts = vec![0; 1 << LEADING];
        // Flushed before a count of 32 bits can overflow.
        for part in values.chunks(1 << 30) {
            for some in part.chunks(LANES) {
                for (lane, &value) in some.iter().enumerate() {
                    lanes[leading(key(value))][lane] += u32::from(keeps(value));
                }
            }
            for (count, lanes) in counts.iter_mut().zip(&mut lanes) {
                *count += std::mem::take(lanes).iter().map(|&count| count as usize).sum::<usize>();
            }
        }
        let total = counts.iter().sum();
        Self { values, keeps, counts, total }
    }

    /// How many values are kept.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The kept value that `rank` kept ones are below, in the order of [`f32::total_cmp`]; `None` where there are not
    /// so many.
    pub fn value(&self, rank: usize) -> Option<f32> {
        let mut below = 0;
        let place = self.counts.iter().position(|&count| {
            below += count;
            below > rank
        })?;
        let mut alike = Vec::with_capacity(self.counts[place]);
        let kept = self.values.iter().filter(|&&value| leading(key(value)) == place && (self.keeps)(value));
        alike.extend(kept.map(|&value| key(value)));
        let rank = rank - (below - alike.len());
        Some(value(*alike.select_nth_unstable(rank).1))
    }

    /// The value below which `share` (0..1) of the kept values lie; `None` without any.
    pub fn percentile(&self, share: f64) -> Option<f32> {
        self.value(nearest_rank(self.total, share)?)
    }
}

/// The rank, of `count`, below which `share` (0..1) of the values lie; `None` without values.
pub(super) fn nearest_rank(count: usize, share: f64) -> Option<usize> {
    let last = count.checked_sub(1)?;
    Some((share.clamp(0.0, 1.0) * last as f64).round() as usize)
}

/// A number in whose order values are in that of [`f32::total_cmp`].
pub(super) fn key(value: f32) -> u32 {
    let bits = value.to_bits();
    // All bits of a negative value are turned round, of another only the sign.
    bits ^ (((bits as i32 >> 31) as u32) | 1 << 31)
}

/// The value of such a number.
pub(super) fn value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key ^ 1 << 31 } else { !key })
}

fn leading(key: u32) -> usize {
    (key >> (32 - LEADING)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentiles_by_hand() {
        let values: Vec<f32> = (0..101).rev().map(|i| i as f32).collect();
        let all = Ranks::new(&values, |_| true);
        assert_eq!((all.total(), all.percentile(0.5), all.percentile(1.0)), (101, Some(50.0), Some(100.0)));
        let some = Ranks::new(&values, |value| value > 90.0);
        assert_eq!(
            (some.total(), some.percentile(0.0), some.value(9), some.value(10)),
            (10, Some(91.0), Some(100.0), None)
        );
        assert_eq!(Ranks::new(&[], |_| true).percentile(0.5), None);
    }

    proptest! {
        #[test]
        fn every_rank_is_that_of_the_sorted_values(
            bits in proptest::collection::vec(any::<u32>(), 1..50),
            near in proptest::collection::vec(-2f32..2f32, 0..50),
        ) {
            let mut values: Vec<f32> = bits.into_iter().map(f32::from_bits).chain(near).collect();
            values.extend([0.0, -0.0]);
            let mut sorted = values.clone();
            sorted.sort_by(f32::total_cmp);
            let ranks = Ranks::new(&values, |_| true);
            for (rank, expected) in sorted.iter().enumerate() {
                prop_assert_eq!(ranks.value(rank).map(f32::to_bits), Some(expected.to_bits()));
            }
        }
    }
}

//! Between which values most of a patient's used slices lie, for each contrast: in memory while they are few, and
//! counted and read again from the patches where they are many.

use super::ranks::Ranks;
use super::streamed_ranks::Counted;
use crate::problem::Result;

/// The ends of a range: the .5th and the 99.5th percentile.
const ENDS: [f64; 2] = [0.005, 0.995];

/// Shows `see` all values of the channel of an index.
pub(super) type Again<'a> = &'a mut dyn FnMut(usize, &mut dyn FnMut(&[f32])) -> Result<()>;

/// Which values count; all do.
type Wanted = fn(f32) -> bool;

/// The values of used slices.
pub(super) struct SliceRanges {
    /// In memory, by channel; empty once they are counted.
    kept: Vec<Vec<f32>>,
    counted: Vec<Counted<Wanted>>,
    /// Values of all channels together that may be in memory.
    most: usize,
}

impl SliceRanges {
    /// None yet, of `channels` channels; at most `most` values stay in memory.
    pub fn new(channels: usize, most: usize) -> Self {
        Self { kept: vec![Vec::new(); channels], counted: Vec::new(), most }
    }

    /// Adds values of a channel.
    pub fn add(&mut self, channel: usize, values: &[f32]) {
        let held: usize = self.kept.iter().map(Vec::len).sum();
        if self.counted.is_empty() && held + values.len() > self.most {
            let count = |values: Vec<f32>| {
                let mut counted = Counted::new((|_| true) as Wanted);
                counted.add(&values);
                counted
            };
            self.counted = std::mem::take(&mut self.kept).into_iter().map(count).collect();
        }
        match self.counted.get_mut(channel) {
            Some(counted) => counted.add(values),
            None => self.kept[channel].extend_from_slice(values),
        }
    }

    /// The .5th and the 99.5th percentile of each channel; 0 for one without values.
    ///
    /// # Errors
    /// Those of `again`, which is asked for values that are not in memory.
    pub fn ends(&self, again: Again) -> Result<Vec<[f32; 2]>> {
        if self.counted.is_empty() {
            let ends = |values: &Vec<f32>| {
                let all = Ranks::new(values, |_| true);
                ENDS.map(|share| all.percentile(share).unwrap_or_default())
            };
            return Ok(self.kept.iter().map(ends).collect());
        }
        let mut ranges = Vec::with_capacity(self.counted.len());
        for (channel, counted) in self.counted.iter().enumerate() {
            let mut range = [0.0; 2];
            for (end, share) in range.iter_mut().zip(ENDS) {
                let value = counted.percentile(share, &mut |see| again(channel, see))?;
                *end = value.unwrap_or_default();
            }
            ranges.push(range);
        }
        Ok(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_have_the_ends_of_few() {
        let channels: [Vec<f32>; 2] =
            [0, 1].map(|of| (0..1000).map(|at| ((at * 7919 + of) % 997) as f32 - 300.0).collect());
        let ends = |most: usize| {
            let mut ranges = SliceRanges::new(2, most);
            for part in 0..10 {
                for (channel, values) in channels.iter().enumerate() {
                    ranges.add(channel, &values[100 * part..][..100]);
                }
            }
            let mut asked = 0;
            let mut again = |channel: usize, see: &mut dyn FnMut(&[f32])| {
                asked += 1;
                channels[channel].chunks(64).for_each(see);
                Ok(())
            };
            (ranges.ends(&mut again).unwrap(), asked)
        };
        let (kept, asked) = ends(2000);
        assert_eq!(asked, 0);
        // Of 0 to 996 less 300, the fifth from either end.
        assert!((kept[0][0] + 295.0).abs() <= 1.0 && (kept[0][1] - 691.0).abs() <= 1.0, "{kept:?}");
        for most in [0, 1, 199, 1050, 1999] {
            assert_eq!(ends(most), (kept.clone(), 4), "{most}");
        }
    }
}

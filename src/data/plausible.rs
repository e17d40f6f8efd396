//! Whether a susceptibility map is one: values of another unit, a phase, a mask or nothing at all under its name are
//! told apart, each with its own words. The voxels pass by once.

use super::ranks::nearest_rank;
use crate::problem::{Kind, Problem};

/// What the size of most susceptibilities lies between, in ppb.
const PLAUSIBLE_PPB: [f32; 2] = [0.5, 5000.0];

/// A phase fills the circle: most of what it is lies below pi and some just below. As thousandths, which is what the
/// factor from ppm to ppb makes of radians.
const PHASE: [f32; 2] = [2900.0, 3145.0];

/// The largest susceptibility in ppb that a lesion's patch may hold: metal. Beyond are fill values.
pub const LARGEST_PPB: f32 = 1e5;

/// Of what is not 0 in a map, the least share of either sign: susceptibilities are told against that of water or of the
/// brain's mean, so that tissue lies on both sides of 0.
const LEAST_OF_A_SIGN: f64 = 0.02;

/// Values that are asked for both signs at least.
const SIGNED: usize = 1000;

/// Share of the voxels that may have the value of the first, if that is not 0: outside the brain a map holds 0 or
/// noise.
const MOST_LIKE_FIRST: f64 = 0.05;

/// What is known of the susceptibilities that passed by.
pub(super) struct Sizes {
    /// From stored values to ppb.
    scale: f32,
    /// Size up to which a stored value may have been 0: whole numbers with a scaling and an offset seldom hold 0
    /// itself.
    rounding: f32,
    not_zero: usize,
    below: usize,
    within: usize,
    /// Below a phase's most frequent sizes.
    below_phase: usize,
    largest: f32,
    /// The first value that is not 0, and whether there are others than that one and 0.
    first: Option<f32>,
    varied: bool,
    zeros: usize,
    negative: usize,
    /// The first value, 0 or not, and how many are the same.
    corner: Option<f32>,
    like_corner: usize,
}

/// What a map seems to be that is no susceptibility map.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its numbers can be susceptibilities in ppb.
    Plausible,
    /// Of sizes that betray another unit; which one the value of that rank, of those that are not 0, shows.
    OtherUnit {
        /// Of the 99th percentile.
        rank: usize,
    },
    /// Something else, in words.
    Something(&'static str, &'static str),
}

impl Sizes {
    /// None yet; `scale` takes stored values to ppb, `rounding` is how far they may lie from what was meant
    /// ([`crate::nifti::OpenVolume::rounding`]).
    pub fn new(scale: f32, rounding: f64) -> Self {
        Self {
            scale,
            // A little more: the value itself was rounded once.
            rounding: (rounding * 1.001) as f32,
            not_zero: 0,
            below: 0,
            within: 0,
            below_phase: 0,
            largest: 0.0,
            first: None,
            varied: false,
            zeros: 0,
            negative: 0,
            corner: None,
            like_corner: 0,
        }
    }

    /// The next values as stored.
    pub fn add(&mut self, values: &[f32]) {
        // Which side of a limit a percentile lies on needs no percentile, only counting.
        let corner = self.corner.or(values.first().copied()).unwrap_or_default();
        self.corner = Some(corner);
        let zero = self.rounding * self.scale.abs();
        for block in values.chunks(1 << 16) {
            let (mut negative, mut alike) = (0u32, 0u32);
            let (mut zeros, mut lows, mut fits, mut turns) = (0u32, 0u32, 0u32, 0u32);
            let mut largest = self.largest;
            for value in block {
                let size = (value * self.scale).abs();
                let some = size > zero;
                zeros += u32::from(!some);
                lows += u32::from(some && size < PLAUSIBLE_PPB[0]);
                fits += u32::from(some && size <= PLAUSIBLE_PPB[1]);
                turns += u32::from(some && size < PHASE[0]);
                negative += u32::from(some && *value < 0.0);
                alike += u32::from(value.to_bits() == corner.to_bits());
                largest = if size > largest { size } else { largest };
            }
            self.zeros += zeros as usize;
            self.not_zero += block.len() - zeros as usize;
            self.below += lows as usize;
            self.within += fits as usize;
            self.below_phase += turns as usize;
            self.largest = largest;
            self.negative += negative as usize;
            self.like_corner += alike as usize;
            if !self.varied {
                self.compare(block);
            }
        }
    }

    fn compare(&mut self, block: &[f32]) {
        let mut values = block.iter().copied().filter(|&value| value.abs() > self.rounding);
        let Some(first) = self.first.or_else(|| values.next()) else { return };
        self.first = Some(first);
        self.varied = values.any(|value| value.to_bits() != first.to_bits());
    }

    /// What an image has that is none: what was found and what to do; `None` where values differ.
    pub fn flat(&self) -> Option<(&'static str, &'static str)> {
        match (self.varied, self.first, self.zeros) {
            (true, ..) => None,
            (_, None, _) => Some(("nothing but zeros", "give the image; this file holds none")),
            (_, _, 0) => Some(("the same value in every voxel", "give the image; this file holds none")),
            _ => Some(("one value and 0, as a mask has", "give the image that it masks")),
        }
    }

    /// Whether every value is 0.
    pub fn is_blank(&self) -> bool {
        self.first.is_none()
    }

    /// Whether every value is the same and none 0.
    pub fn is_filled(&self) -> bool {
        !self.varied && self.zeros == 0 && self.first.is_some()
    }

    /// What the values are.
    pub fn verdict(&self) -> Verdict {
        const FIND: &str = "give the reconstructed map; this file holds none";
        let Some(rank) = nearest_rank(self.not_zero, 0.99) else {
            return Verdict::Something("nothing but zeros", FIND);
        };
        if !self.varied && self.zeros == 0 {
            return Verdict::Something("the same value in every voxel", FIND);
        }
        if !self.varied {
            return Verdict::Something("one value and 0, as a mask has", "give the map that it masks");
        }
        let of_phase = self.scale == 1000.0 && self.largest <= PHASE[1] && rank >= self.below_phase;
        if of_phase {
            return Verdict::Something(
                "values that fill -3.14 to 3.14, as a phase in radians does",
                "give the susceptibility map that was computed from it",
            );
        }
        if !(self.below..self.within).contains(&rank) {
            return Verdict::OtherUnit { rank };
        }
        let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
        let filled = share(self.like_corner, self.zeros + self.not_zero) > MOST_LIKE_FIRST;
        if filled && self.corner.is_some_and(|value| value.abs() > self.rounding) && self.not_zero >= SIGNED {
            return Verdict::Something(
                "one value other than 0 in more than 5 % of the voxels, the first among them: a fill value",
                "set what lies outside the brain to 0",
            );
        }
        let negative = share(self.negative, self.not_zero);
        if self.not_zero >= SIGNED && !(LEAST_OF_A_SIGN..=1.0 - LEAST_OF_A_SIGN).contains(&negative) {
            return Verdict::Something(
                "values of one sign (98 % and more of what is not 0), while tissue lies on both sides of 0",
                "give the susceptibility map as it was reconstructed, not its size, rescaled or with an offset; an image \
                 that is positive by nature goes under a suffix of its own, as a weighted one",
            );
        }
        Verdict::Plausible
    }
}

/// A map of another unit; `typical`: the 99th percentile of its sizes in ppb.
pub(super) fn other_unit(typical: f32) -> Problem {
    Problem::new(Kind::Input, format!("susceptibilities of {typical:.3} ppb (99th percentile of their size)"))
        .expected("tens of ppb: BIDS stores ppm")
        .advice(
            "say {\"Units\": \"ppb\"} or {\"Units\": \"ppm\"} in the sidecar, whichever holds; a field in Hz or \
             radians is no susceptibility map",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(values: &[f32], scale: f32) -> Verdict {
        rounded(values, scale, 0.0)
    }

    fn rounded(values: &[f32], scale: f32, rounding: f64) -> Verdict {
        let mut sizes = Sizes::new(scale, rounding);
        values.chunks(3).for_each(|some| sizes.add(some));
        sizes.verdict()
    }

    #[test]
    fn a_wrong_unit_is_noticed() {
        let in_vivo = [0.0, -40.0, 20.0, 160.0];
        assert_eq!(verdict(&in_vivo, 1.0), Verdict::Plausible);
        assert_eq!(verdict(&in_vivo, 1000.0), Verdict::OtherUnit { rank: 2 });
        assert_eq!(verdict(&in_vivo, 0.001), Verdict::OtherUnit { rank: 2 });
        // The limits themselves are plausible; one value in a hundred does not count.
        assert_eq!(verdict(&[0.1, 0.5], 1.0), Verdict::Plausible);
        assert_eq!(verdict(&[1.0, -5000.0], 1.0), Verdict::Plausible);
        assert_eq!(verdict(&[1.0, 5000.5], 1.0), Verdict::OtherUnit { rank: 1 });
        let mut outlier = [40.0; 101];
        outlier[6] = 41.0;
        outlier[7] = f32::INFINITY;
        assert_eq!(verdict(&outlier, 1.0), Verdict::Plausible);
    }

    #[test]
    fn an_image_has_more_than_one_value() {
        let flat = |values: &[f32]| {
            let mut sizes = Sizes::new(1.0, 0.0);
            values.chunks(2).for_each(|some| sizes.add(some));
            sizes.flat().map(|(found, _)| found)
        };
        assert_eq!(flat(&[0.0; 4]), Some("nothing but zeros"));
        assert_eq!(flat(&[7.0; 4]), Some("the same value in every voxel"));
        assert_eq!(flat(&[0.0, 7.0, 0.0, 7.0]), Some("one value and 0, as a mask has"));
        assert_eq!(flat(&[0.0, 7.0, 0.0, 8.0]), None);
    }

    #[test]
    fn a_map_has_both_signs_and_zeros_outside() {
        let map = |outside: f32, value: &dyn Fn(f32) -> f32| {
            let tissue = (0..2000).map(|at| value(((at * 7919) % 199) as f32 - 99.0));
            let values: Vec<f32> = std::iter::repeat_n(outside, 4000).chain(tissue).collect();
            verdict(&values, 1.0)
        };
        let says = |verdict: Verdict| match verdict {
            Verdict::Something(found, _) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(map(0.0, &|value| value), Verdict::Plausible);
        assert_eq!(map(0.0, &|value| value + 80.0), Verdict::Plausible, "a tenth is negative");
        assert!(says(map(0.0, &f32::abs)).contains("one sign"));
        assert!(says(map(0.0, &|value| value - 200.0)).contains("one sign"));
        assert!(says(map(0.0, &|value| value + 1000.0)).contains("one sign"));
        assert!(says(map(-1000.0, &|value| value)).contains("a fill value"));
    }

    /// Whole numbers n with a scaling, n s + i, as nibabel stores floating-point maps in 16 bits: none of them is 0.
    #[test]
    fn zero_may_be_half_a_step_away() {
        let (step, offset) = (0.02f32, 0.003f32);
        let stored = |value: f32| ((value - offset) / step).round() * step + offset;
        let tissue = (0..2000).map(|at| ((at * 7919) % 199) as f32 - 99.0);
        let values: Vec<f32> = std::iter::repeat_n(0.0, 4000).chain(tissue).map(stored).collect();
        assert!(values.iter().all(|&value| value != 0.0));
        assert_eq!(rounded(&values, 1.0, f64::from(step) / 2.0), Verdict::Plausible);
        assert!(matches!(rounded(&values, 1.0, 0.0), Verdict::Something(found, _) if found.contains("a fill value")));
        // A scaling so coarse that everything may have been 0.
        let nothing = Verdict::Something("nothing but zeros", "give the reconstructed map; this file holds none");
        assert_eq!(rounded(&values, 1.0, 1e9), nothing);
        let mut blank = Sizes::new(1.0, f64::from(step) / 2.0);
        blank.add(&[stored(0.0); 3]);
        assert!(blank.is_blank());
        blank.add(&[stored(1.0)]);
        assert!(!blank.is_blank());
        let mask: Vec<f32> = [0.0, 50.0, 0.0, 50.0].map(stored).into();
        assert!(
            matches!(rounded(&mask, 1.0, f64::from(step) / 2.0), Verdict::Something(found, _) if found.contains("mask"))
        );
    }

    #[test]
    fn what_is_no_map_at_all_has_its_own_words() {
        let says = |values: &[f32]| match verdict(values, 1000.0) {
            Verdict::Something(found, _) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(says(&[0.0; 4]), "nothing but zeros");
        assert_eq!(says(&[0.02; 4]), "the same value in every voxel");
        assert_eq!(says(&[0.0, 1.0, 0.0, 1.0, 1.0]), "one value and 0, as a mask has");
        let circle: Vec<f32> = (0..629).map(|at| (at - 314) as f32 / 100.0).collect();
        assert!(says(&circle).contains("phase in radians"));
        // Half as wide it is a strong field, but may be a map with bone in it.
        let half: Vec<f32> = circle.iter().map(|value| value / 2.0).collect();
        assert_eq!(verdict(&half, 1000.0), Verdict::Plausible);
    }
}

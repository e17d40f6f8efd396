//! The readers' votes: reader j says rim if visibility + its error exceeds its threshold.
//!
//! The errors are drawn once per lesion and reader; only their scale and the thresholds are solved, so that the asked
//! numbers of agreed and ambiguous lesions, and with them kappa, come out.

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::visibility::{Visibility, standardised};
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;
use crate::statistics::agreement::VoteTable;

/// What the two readers shall agree and disagree on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReaderConfig {
    /// Lesions that both call rim.
    pub agreed: u64,
    /// Lesions that exactly one calls rim.
    pub ambiguous: u64,
    /// Share of the error's variance that is drawn anew at each reading; the rest is the reader's own view of the
    /// lesion.
    pub reading_share: f64,
    /// Half the distance of the thresholds in units of standardised visibility: the first reader's is higher by twice
    /// this.
    pub bias: f64,
}

impl Default for ReaderConfig {
    /// The published counts; reading .43 and idiosyncratic .58 of a total of .72 give an intra-rater kappa of .83.
    fn default() -> Self {
        Self { agreed: 260, ambiguous: 177, reading_share: 0.43 * 0.43 / (0.43 * 0.43 + 0.58 * 0.58), bias: 0.0 }
    }
}

/// Two solved readers; they can read the same lesions again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Readers {
    /// Of each reader, standardised visibility.
    pub thresholds: [f64; 2],
    /// sd of one reader's error, standardised visibility.
    pub noise_sd: f64,
    reading_share: f64,
    seed: RunSeed,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Votes {
    /// First and second reader, in the order of the lesions.
    pub votes: Vec<(bool, bool)>,
    /// How often they agree and disagree.
    pub table: VoteTable,
    /// The two readers who voted so.
    pub readers: Readers,
    /// Cohen's kappa between two readings of the same reader; `None` where undefined.
    pub intra_rater: [Option<f64>; 2],
}

/// Votes on lesions with these visibilities (`None`: too small to judge, counts as typical), in the cohort's order.
///
/// # Errors
/// The counts cannot be reached with these lesions, within what ties allow.
pub fn vote(visibilities: &[Option<Visibility>], config: &ReaderConfig, seed: RunSeed) -> Result<Votes> {
    vote_on(&standardised(visibilities), config, seed)
}

/// The same from standardised visibilities.
///
/// # Errors
/// Those of [`vote`].
pub fn vote_on(v: &[f64], config: &ReaderConfig, seed: RunSeed) -> Result<Votes> {
    let readers = Readers::solve(v, config, seed)?;
    let votes = readers.read(v, 0);
    let again = readers.read(v, 1);
    let table = VoteTable::from_votes(votes.iter().copied());
    let same = |of: fn(&(bool, bool)) -> bool| {
        VoteTable::from_votes(votes.iter().zip(&again).map(|(first, second)| (of(first), of(second)))).kappa()
    };
    Ok(Votes { intra_rater: [same(|vote| vote.0), same(|vote| vote.1)], votes, table, readers })
}

impl Readers {
    /// Thresholds and noise scale that give the asked counts on the first reading of `v`.
    ///
    /// For each noise scale the common threshold lies between the order statistics of the smaller of both readers'
    /// impressions, which fixes the agreed count exactly; the scale is bisected on the ambiguous count. Both counts
    /// change by one lesion at a time, so bisection ends on the exact number unless lesions tie.
    ///
    /// # Errors
    /// Those of [`vote`].
    pub fn solve(v: &[f64], config: &ReaderConfig, seed: RunSeed) -> Result<Self> {
        check(v, config)?;
        let at = |noise_sd: f64| Self { thresholds: [0.0; 2], noise_sd, reading_share: config.reading_share, seed };
        let errors = at(1.0).errors(v.len(), 0);
        let solved = |noise_sd: f64| -> (Self, u64) {
            let impressions = |item: usize| {
                let [first, second] = errors[item].map(|error| v[item] + noise_sd * error);
                // Relative to the common threshold.
                [first - config.bias, second + config.bias]
            };
            let mut smaller: Vec<f64> =
                (0..v.len()).map(|item| impressions(item).into_iter().fold(f64::INFINITY, f64::min)).collect();
            let threshold = threshold_for(&mut smaller, config.agreed as usize);
            let ambiguous =
                (0..v.len()).filter(|&item| impressions(item).iter().filter(|&&i| i > threshold).count() == 1).count();
            let thresholds = [threshold + config.bias, threshold - config.bias];
            (Self { thresholds, ..at(noise_sd) }, ambiguous as u64)
        };
        let (still, least) = solved(0.0);
        if least == config.ambiguous {
            return Ok(still);
        }
        let mut high = 1.0;
        while least < config.ambiguous && solved(high).1 < config.ambiguous && high < 1e4 {
            high *= 2.0;
        }
        let most = solved(high).1;
        if least > config.ambiguous || most < config.ambiguous {
            let (agreed, lesions) = (config.agreed, v.len());
            let found = format!(
                "two readers who agree on {agreed} of {lesions} lesions disagree on {least} without noise and on {most} \
                 with any amount of it"
            );
            return Err(Problem::new(Kind::Gate, found)
                .expected(format!("{} ambiguous lesions", config.ambiguous))
                .advice("ask for other counts, or for a smaller bias between the readers"));
        }
        let mut low = 0.0;
        let mut nearest = solved(high);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            let found = solved(middle);
            if found.1.abs_diff(config.ambiguous) < nearest.1.abs_diff(config.ambiguous) {
                nearest = found;
            }
            if found.1 == config.ambiguous || middle <= low || middle >= high {
                break;
            }
            if found.1 < config.ambiguous { low = middle } else { high = middle }
        }
        Ok(nearest.0)
    }

    /// Both readers' votes at the given reading, from 0; a reader keeps its own view of a lesion between readings.
    pub fn read(&self, v: &[f64], reading: u64) -> Vec<(bool, bool)> {
        let says = |v: f64, error: f64, reader: usize| v + self.noise_sd * error > self.thresholds[reader];
        v.iter()
            .zip(self.errors(v.len(), reading))
            .map(|(&v, [first, second])| (says(v, first, 0), says(v, second, 1)))
            .collect()
    }

    /// Errors of unit variance, of each reader on each lesion.
    fn errors(&self, lesions: usize, reading: u64) -> Vec<[f64; 2]> {
        let (fresh, own) = (self.reading_share.sqrt(), (1.0 - self.reading_share).sqrt());
        let reading_seed = self.seed.child("reading", reading);
        (0..lesions as u64)
            .map(|lesion| {
                let mut of_reader = self.seed.stream("reader", lesion);
                let mut of_reading = reading_seed.stream("reader", lesion);
                std::array::from_fn(|_| {
                    let (a, b): (f64, f64) =
                        (StandardNormal.sample(&mut of_reader), StandardNormal.sample(&mut of_reading));
                    own * a + fresh * b
                })
            })
            .collect()
    }
}

/// A threshold that exactly `count` values exceed; where ties forbid it, the nearest number.
fn threshold_for(values: &mut [f64], count: usize) -> f64 {
    values.sort_by(|a, b| b.total_cmp(a));
    let below = |value: f64| value - 1.0f64.max(value.abs());
    match (count.checked_sub(1).and_then(|last| values.get(last)), values.get(count)) {
        (None, Some(&highest)) => highest,
        (Some(&lowest), None) => below(lowest),
        // Exceeding is strict, so the upper of the ones left out is a threshold that none of the tied pass.
        (Some(&last), Some(&next)) if last > next => {
            let middle = 0.5 * (last + next);
            if middle < last { middle } else { next }
        }
        (Some(&tied), Some(_)) => {
            let above = values.iter().filter(|&&value| value > tied).count();
            let next_lower = values.iter().copied().find(|&value| value < tied).unwrap_or(below(tied));
            let with_ties = values.iter().filter(|&&value| value >= tied).count();
            if count - above <= with_ties - count { tied } else { next_lower }
        }
        (None, None) => 0.0,
    }
}

fn check(v: &[f64], config: &ReaderConfig) -> Result<()> {
    if v.iter().any(|value| !value.is_finite()) {
        return Err(Problem::new(Kind::Internal, "a visibility that is not a number"));
    }
    if !(0.0..=1.0).contains(&config.reading_share) || !config.bias.is_finite() {
        return Err(Problem::usage(format!("reading_share {} and bias {}", config.reading_share, config.bias))
            .expected("a share in [0, 1] and a finite bias"));
    }
    if config.agreed + config.ambiguous > v.len() as u64 {
        return Err(Problem::usage(format!(
            "{} agreed and {} ambiguous of {} lesions",
            config.agreed,
            config.ambiguous,
            v.len()
        ))
        .expected("at most as many as there are lesions"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use statrs::distribution::{ContinuousCDF, Normal};

    /// Visibilities of the normal-normal model at evenly spaced quantiles: rims N(m, 1) first, then the rest N(0, 1).
    fn normal_normal(rims: usize, lesions: usize, m: f64) -> Vec<f64> {
        let quantile = |k: usize, n: usize| Normal::standard().inverse_cdf((k as f64 + 0.5) / n as f64);
        let rest = lesions - rims;
        (0..rims).map(|k| m + quantile(k, rims)).chain((0..rest).map(|k| quantile(k, rest))).collect()
    }

    #[test]
    fn the_paper_counts_come_out_exactly() {
        for seed in 0..5 {
            let votes = vote_on(&normal_normal(399, 7980, 3.76), &ReaderConfig::default(), RunSeed(seed)).unwrap();
            assert_eq!((votes.table.both, votes.table.disputed(), votes.table.total()), (260, 177, 7980));
            assert_abs_diff_eq!(votes.table.kappa().unwrap(), 0.7345, epsilon = 2e-3);
        }
    }

    /// The three presets at ten times the paper's cohort, so that chance moves little: true rims, m, threshold, noise,
    /// then ambiguous and agreed lesions that are truly rim, and rims that both miss.
    #[test]
    fn the_presets_of_ambiguity() {
        for (rims, m, t, s, ambiguous_true, agreed_true, missed) in [
            (479, 4.08, 3.5, 0.838, 0.73, 0.986, 93.0),
            (399, 3.76, 3.0, 0.720, 0.50, 0.953, 63.0),
            (319, 4.34, 3.0, 0.815, 0.30, 0.944, 21.0),
        ] {
            let config = ReaderConfig { agreed: 2600, ambiguous: 1770, ..Default::default() };
            let votes = vote_on(&normal_normal(10 * rims, 79_800, m), &config, RunSeed(1)).unwrap();
            assert_eq!((votes.table.both, votes.table.disputed()), (2600, 1770));
            assert_abs_diff_eq!(votes.readers.thresholds[0], t, epsilon = 0.05);
            assert_abs_diff_eq!(votes.readers.noise_sd, s, epsilon = 0.05);
            let of_rims = VoteTable::from_votes(votes.votes[..10 * rims].iter().copied());
            assert_abs_diff_eq!(of_rims.disputed() as f64 / 1770.0, ambiguous_true, epsilon = 0.03);
            assert_abs_diff_eq!(of_rims.both as f64 / 2600.0, agreed_true, epsilon = 0.01);
            assert_abs_diff_eq!(of_rims.neither as f64 / 10.0, missed, epsilon = 6.0);
        }
    }

    #[test]
    fn a_reader_agrees_more_with_itself() {
        let config = ReaderConfig { agreed: 2600, ambiguous: 1770, ..Default::default() };
        let votes = vote_on(&normal_normal(3990, 79_800, 3.76), &config, RunSeed(2)).unwrap();
        for intra in votes.intra_rater {
            assert_abs_diff_eq!(intra.unwrap(), 0.833, epsilon = 0.02);
        }
        let noiseless = ReaderConfig { reading_share: 0.0, ..config };
        let same = vote_on(&normal_normal(3990, 79_800, 3.76), &noiseless, RunSeed(2)).unwrap();
        assert_eq!(same.intra_rater, [Some(1.0), Some(1.0)]);
    }

    #[test]
    fn bias_splits_the_single_votes_unevenly() {
        let config = ReaderConfig { bias: 0.1, agreed: 2600, ambiguous: 1770, ..Default::default() };
        let table = vote_on(&normal_normal(3990, 79_800, 3.76), &config, RunSeed(3)).unwrap().table;
        assert_eq!((table.both, table.disputed()), (2600, 1770));
        assert!(table.second_only > table.first_only + 300, "{table:?}");
    }

    #[test]
    fn the_same_seed_votes_the_same() {
        let v = normal_normal(40, 800, 3.76);
        let config = ReaderConfig { agreed: 26, ambiguous: 18, ..Default::default() };
        let of = |seed| vote_on(&v, &config, RunSeed(seed)).unwrap().votes;
        assert_eq!(of(4), of(4));
        assert_ne!(of(4), of(5));
    }

    /// Ten equal lesions without noise: either all or none; four of them is nearer to none.
    #[test]
    fn ties_give_the_nearest_count() {
        assert_eq!(threshold_for(&mut [1.0; 10], 4), 1.0);
        assert!(threshold_for(&mut [1.0; 10], 7) < 1.0);
        let t = threshold_for(&mut [5.0, 3.0, 4.0], 2);
        assert!(t > 3.0 && t < 4.0);
        assert_eq!(threshold_for(&mut [5.0, 3.0], 0), 5.0);
        assert!(threshold_for(&mut [5.0, 3.0], 2) < 3.0);
    }

    #[test]
    fn impossible_counts_are_told() {
        let v = normal_normal(40, 800, 3.76);
        let too_many = ReaderConfig { agreed: 700, ambiguous: 200, ..Default::default() };
        assert_eq!(vote_on(&v, &too_many, RunSeed(1)).unwrap_err().kind(), Kind::Usage);
        let too_biased = ReaderConfig { agreed: 20, ambiguous: 3, bias: 2.0, ..Default::default() };
        assert_eq!(vote_on(&v, &too_biased, RunSeed(1)).unwrap_err().kind(), Kind::Gate);
    }
}

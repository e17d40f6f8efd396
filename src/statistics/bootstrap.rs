//! Percentile intervals by resampling patients: lesions of one patient stay together (cluster bootstrap). Their
//! percentiles lie the further out the fewer patients there are ([`expanded_tail`]).
//!
//! A draw is a number of copies of each item, the same for every statistic of the draw, so differences between two
//! models are paired and a mean over training repetitions is recomputed on the same patients.
//! Field & Welsh, J R Stat Soc B 69:369 (2007); percentile interval of Efron & Tibshirani (1993), chapter 13.

use std::collections::HashMap;
use std::hash::Hash;

use rand::{Rng, RngExt};
use rayon::prelude::*;

use super::LEVEL;
use super::few_clusters::expanded_tail;
use super::order::quantile;
use crate::records::Interval;
use crate::seed::RunSeed;

/// Draws unless told.
pub const DRAWS: usize = 2000;

/// Items grouped in the units that are resampled (patients).
#[derive(Clone, Debug)]
pub struct ClusterBootstrap {
    /// Cluster of each item, 0..clusters.
    cluster_of: Vec<u32>,
    clusters: usize,
    seed: RunSeed,
    draws: usize,
}

impl ClusterBootstrap {
    /// `patients`: the patient of each item (lesion), in the order of the scores. 2000 draws, level .95.
    pub fn by_patient<P: Eq + Hash>(patients: &[P], seed: RunSeed) -> Self {
        let (cluster_of, clusters) = numbered(patients);
        Self { cluster_of, clusters, seed, draws: DRAWS }
    }

    /// Another number of draws.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// Interval of `statistic`, which gets the copies of each item; `None` when it is undefined on the sample itself or
    /// on half of the draws (too few patients of one class). Draws on which it is undefined are left out, and `method`
    /// says how many.
    pub fn interval(&self, statistic: impl Fn(&[u32]) -> Option<f64> + Sync) -> Option<Interval> {
        self.intervals(1, |copies| vec![statistic(copies)]).pop().flatten()
    }

    /// `count` statistics at once over the same draws, in order; each as in [`ClusterBootstrap::interval`]. A
    /// difference of two of them is one more statistic, so it is paired; a mean over training repetitions covers the
    /// choice of patients, not that of seeds, whose spread is to be shown beside it.
    ///
    /// # Panics
    /// `statistics` gives another number of values.
    pub fn intervals(
        &self,
        count: usize,
        statistics: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Option<Interval>> {
        let drawn = self.draw(count, statistics);
        (0..count).map(|which| drawn.interval(which, self.clusters)).collect()
    }

    /// The statistics of the sample itself and of each draw, for what needs more than their intervals.
    ///
    /// # Panics
    /// `statistics` gives another number of values.
    pub fn draw(&self, count: usize, statistics: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync) -> Drawn {
        let once = vec![1; self.cluster_of.len()];
        let estimates = statistics(&once);
        assert_eq!(estimates.len(), count, "the closure must give {count} statistics");
        let values = (0..self.draws as u64).into_par_iter().map(|draw| statistics(&self.copies(draw))).collect();
        Drawn { estimates, values, clusters: self.clusters }
    }

    /// Copies of each item in one draw: as many patients as there are, with replacement.
    fn copies(&self, draw: u64) -> Vec<u32> {
        let times = times(self.clusters, &mut self.seed.stream("bootstrap", draw));
        self.cluster_of.iter().map(|&cluster| times[cluster as usize]).collect()
    }
}

/// A number for the cluster (patient) of each item, in the order of their first items, and how many there are.
pub fn numbered<P: Eq + Hash>(names: &[P]) -> (Vec<u32>, usize) {
    let mut numbers: HashMap<&P, u32> = HashMap::new();
    let number = |name| {
        let next = numbers.len() as u32;
        *numbers.entry(name).or_insert(next)
    };
    let of = names.iter().map(number).collect();
    (of, numbers.len())
}

/// How often each cluster comes up in one draw of as many as there are, with replacement.
pub fn times(clusters: usize, rng: &mut impl Rng) -> Vec<u32> {
    let mut times = vec![0; clusters];
    for _ in 0..clusters {
        times[rng.random_range(0..clusters)] += 1;
    }
    times
}

/// Statistics of a sample and of its resamples, the same resample for all of them.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Of the sample itself.
    pub estimates: Vec<Option<f64>>,
    /// \[draws\]\[statistics\].
    pub values: Vec<Vec<Option<f64>>>,
    /// Patients that were drawn from.
    pub clusters: usize,
}

impl Drawn {
    /// The expanded percentile interval of one statistic, on which `carriers` of the patients have a say (of an AUROC
    /// those with a positive, or those with a negative, whichever are fewer); `None` as in
    /// [`ClusterBootstrap::interval`]. Of a single carrier there is no interval: both limits are the estimate, and
    /// `method` says so.
    pub fn interval(&self, which: usize, carriers: usize) -> Option<Interval> {
        let value = self.estimates[which]?;
        let mut drawn: Vec<f64> = self.values.iter().filter_map(|values| values[which]).collect();
        if drawn.is_empty() || 2 * drawn.len() < self.values.len() {
            return None;
        }
        drawn.sort_by(f64::total_cmp);
        let left_out = self.values.len() - drawn.len();
        let note = if left_out > 0 { format!(", {left_out} undefined left out") } else { String::new() };
        let method = format!("patient-cluster bootstrap, {} draws{note}", self.values.len());
        let n = self.clusters as u64;
        let Some(tail) = expanded_tail(LEVEL, carriers) else {
            let method = format!("{method}; {}", Interval::OF_ONE);
            return Some(Interval { value, low: value, high: value, level: LEVEL, n, method });
        };
        let method = format!("{method}, percentiles expanded for {carriers} patients");
        Some(Interval {
            value,
            low: quantile(&drawn, tail),
            high: quantile(&drawn, 1.0 - tail),
            level: LEVEL,
            n,
            method,
        })
    }
}

/// Mean of values that are all defined; `None` otherwise, since a mean over the defined ones would be another quantity.
pub fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0u32);
    for value in values {
        sum += value?;
        n += 1;
    }
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn weighted_mean(values: &[f64], copies: &[u32]) -> Option<f64> {
        let n: u32 = copies.iter().sum();
        let sum: f64 = values.iter().zip(copies).map(|(v, &c)| v * f64::from(c)).sum();
        (n > 0).then(|| sum / f64::from(n))
    }

    /// Each patient holds the same two values: whichever patients are drawn, the mean is the same.
    #[test]
    fn equal_patients_leave_no_width() {
        let patients = ["a", "a", "b", "b", "c", "c"];
        let values = [1.0, 3.0, 1.0, 3.0, 1.0, 3.0];
        let interval = ClusterBootstrap::by_patient(&patients, RunSeed(1)).draws(200);
        let interval = interval.interval(|copies| weighted_mean(&values, copies)).unwrap();
        assert_eq!((interval.value, interval.low, interval.high, interval.n), (2.0, 2.0, 2.0, 3));
    }

    /// The mean of n patients' values has standard error sd / sqrt(n), whatever the number of copied lesions: the naive
    /// lesion bootstrap would be sqrt(10) times too narrow here.
    #[test]
    fn width_is_that_of_patients_not_of_lesions() {
        let patients: Vec<usize> = (0..400).flat_map(|patient| [patient; 10]).collect();
        let values: Vec<f64> = patients.iter().map(|&patient| (patient % 2) as f64).collect();
        let interval = ClusterBootstrap::by_patient(&patients, RunSeed(3))
            .interval(|copies| weighted_mean(&values, copies))
            .unwrap();
        assert_abs_diff_eq!(interval.high - interval.low, 2.0 * 1.96 * 0.5 / 20.0, epsilon = 0.01);
    }

    #[test]
    fn same_seed_same_interval_whatever_the_threads() {
        let patients: Vec<u32> = (0..60).map(|i| i / 3).collect();
        let values: Vec<f64> = (0..60).map(|i| f64::from(i * i % 17)).collect();
        let run = |threads: usize, seed| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                ClusterBootstrap::by_patient(&patients, RunSeed(seed))
                    .draws(300)
                    .interval(|copies| weighted_mean(&values, copies))
                    .unwrap()
            })
        };
        assert_eq!(run(1, 5), run(3, 5));
        assert_ne!(run(1, 5), run(1, 6));
    }

    /// A model beside itself shifted by .1: their difference is .1 on every draw, though each of them moves.
    #[test]
    fn statistics_of_a_draw_are_paired() {
        let patients: Vec<u32> = (0..40).collect();
        let values: Vec<f64> = (0..40).map(f64::from).collect();
        let shifted: Vec<f64> = values.iter().map(|v| v + 0.1).collect();
        let both = |copies: &[u32]| -> Vec<Option<f64>> {
            let [first, second] = [&shifted, &values].map(|values| weighted_mean(values, copies));
            vec![first, first.zip(second).map(|(first, second)| first - second)]
        };
        let found = ClusterBootstrap::by_patient(&patients, RunSeed(2)).draws(100).intervals(2, both);
        let [model, difference] = [0, 1].map(|at| found[at].clone().unwrap());
        assert!(model.high - model.low > 1.0, "{model:?}");
        assert_abs_diff_eq!(difference.low, 0.1, epsilon = 1e-9);
        assert_abs_diff_eq!(difference.high, 0.1, epsilon = 1e-9);
    }

    #[test]
    fn a_mean_over_repetitions_needs_all_of_them() {
        assert_eq!(mean([Some(0.0), Some(1.0), Some(2.0)]), Some(1.0));
        assert_eq!(mean([Some(1.0), None]), None);
        assert_eq!(mean([]), None);
    }

    /// One of two patients holds the only positive; a quarter of draws lack it, and are counted, not silently zero.
    #[test]
    fn undefined_draws_are_told() {
        let bootstrap = ClusterBootstrap::by_patient(&["a", "b"], RunSeed(9)).draws(1000);
        let interval = bootstrap.interval(|copies| (copies[0] > 0).then_some(1.0)).unwrap();
        let left_out: u32 = interval.method.split(", ").nth(2).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((200..300).contains(&left_out), "{}", interval.method);
        assert_eq!(bootstrap.interval(|_| None), None);
    }
}

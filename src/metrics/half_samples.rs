//! The spread of a distance that must not see an image twice: the jackknife that leaves out half of the patients (Shao
//! & Wu 1989, Annals of Statistics 17:1176).
//!
//! A bootstrap draws patients twice; a copied image is its own nearest neighbour and takes nothing from the rank of a
//! covariance, so distances between balls of neighbours, and those that are biased at small N, come out of it changed.
//! Half of the patients drawn without replacement have no copies, and as the left-out half is as large as the kept
//! one, the variance over draws is that of the whole set, with no factor. The level of a half (its bias is larger) is
//! not used: the interval lies about the number of the whole sets.

use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::groups::Groups;
use crate::problem::Result;
use crate::records::Interval;
use crate::seed::RunSeed;
use crate::statistics::LEVEL;

/// Fewest groups of a set that can be halved.
const FEWEST: usize = 4;

/// How an interval is made.
#[derive(Clone, Copy, Debug)]
pub struct Halves<'a> {
    /// Of each set.
    pub groups: [&'a Groups; 2],
    /// Draws.
    pub draws: usize,
    /// Of the draws.
    pub seed: RunSeed,
}

impl Halves<'_> {
    /// Intervals of several numbers `values` of the two sets; `statistics` computes them again from rows of each, and
    /// gives NaN where one is undefined. Limits lie within `bounds`, the number's range. With fewer than four groups in
    /// a set, or where half of the draws are undefined, the limits are the bounds themselves: nothing is known.
    ///
    /// # Errors
    /// As `statistics`.
    pub fn intervals(
        &self,
        values: &[f64],
        bounds: &[[f64; 2]],
        statistics: impl Fn(&[i64], &[i64]) -> Result<Vec<f64>>,
    ) -> Result<Vec<Interval>> {
        let n = self.groups[0].count().min(self.groups[1].count());
        let drawn: Vec<Vec<f64>> = if n < FEWEST {
            vec![]
        } else {
            (0..self.draws as u64).map(|draw| self.draw(draw, &statistics)).collect::<Result<_>>()?
        };
        let interval = |at: usize| {
            let own: Vec<f64> = drawn.iter().map(|all| all[at]).filter(|value| value.is_finite()).collect();
            let [low, high] = bounds[at];
            let value = values[at];
            let told = |low, high, method| Interval { value, low, high, level: LEVEL, n: n as u64, method };
            if own.is_empty() || 2 * own.len() < self.draws {
                return told(low, high, format!("none: {n} groups are too few"));
            }
            let half = StudentsT::new(0.0, 1.0, (n - 1) as f64)
                .map_or(f64::INFINITY, |t| t.inverse_cdf(0.5 + LEVEL / 2.0) * deviation(&own));
            let method = format!("jackknife that leaves out half of the patients of both sets, {} draws", own.len());
            told((value - half).max(low), (value + half).min(high), method)
        };
        Ok((0..values.len()).map(interval).collect())
    }

    fn draw(&self, draw: u64, statistics: impl Fn(&[i64], &[i64]) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        let mut rng: ChaCha8Rng = self.seed.stream("halves", draw);
        let [a, b] = self.groups.map(|groups| groups.half(&mut rng));
        statistics(&a, &b)
    }
}

/// Standard deviation about the mean, divisor N.
fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64], rows: &[i64]) -> f64 {
        rows.iter().map(|&row| values[row as usize]).sum::<f64>() / rows.len() as f64
    }

    /// The difference of two means has standard error sqrt(s^2 / n + s^2 / m), from patients, not from their copies.
    #[test]
    fn of_a_mean_it_is_the_standard_error() {
        for odd in [0, 1] {
            let patients: Vec<usize> = (0..(60 + odd) * 3).map(|row| row / 3).collect();
            let groups = Groups::by_name(&patients);
            let values: Vec<f64> = patients.iter().map(|&patient| (patient % 7) as f64).collect();
            let halves = Halves { groups: [&groups, &groups], draws: 3000, seed: RunSeed(3) };
            let statistic = |a: &[i64], b: &[i64]| Ok(vec![mean(&values, a) - mean(&values, b)]);
            let found = halves.intervals(&[0.0], &[[-9.0, 9.0]], statistic).unwrap().remove(0);
            let n = groups.count() as f64;
            let per_patient: Vec<f64> = (0..groups.count()).map(|patient| (patient % 7) as f64).collect();
            let error = (2.0 * deviation(&per_patient).powi(2) / (n - 1.0)).sqrt();
            let t = StudentsT::new(0.0, 1.0, n - 1.0).unwrap().inverse_cdf(0.975);
            assert!(((found.high - found.low) / (2.0 * t * error) - 1.0).abs() < 0.04, "{found:?}, {error}");
        }
    }

    #[test]
    fn limits_stay_within_the_range_and_three_patients_say_nothing() {
        let groups = Groups::each_alone(20);
        let few = Groups::each_alone(3);
        let statistic = |a: &[i64], _: &[i64]| Ok(vec![a.iter().sum::<i64>() as f64 / 100.0, f64::NAN]);
        let bounds = [[0.0, 1.0]; 2];
        let halves = Halves { groups: [&groups, &groups], draws: 50, seed: RunSeed(1) };
        let found = halves.intervals(&[0.95, 0.5], &bounds, statistic).unwrap();
        assert!(found[0].high == 1.0 && found[0].low < 0.95, "{found:?}");
        assert_eq!((found[1].low, found[1].high), (0.0, 1.0));
        let halves = Halves { groups: [&groups, &few], ..halves };
        let found = halves.intervals(&[0.95, 0.5], &bounds, statistic).unwrap();
        assert!((found[0].low, found[0].high) == (0.0, 1.0) && found[0].method.contains("3 groups are too few"));
    }
}

//! What random directions reach: unit vectors from nowhere, moved exactly as far as the directions in question.

use rand_distr::{Distribution, StandardNormal};

use super::scores::Scores;
use crate::seed::RunSeed;
use crate::statistics::order::quantile;

/// Share of the random directions that a quantile leaves below it.
pub const SHARE: f64 = 0.95;

/// A random unit vector of so many numbers, a function of seed, purpose and index.
pub fn unit_vector(length: usize, seed: RunSeed, purpose: &str, index: u64) -> Vec<f64> {
    let mut draws = seed.stream(purpose, index);
    loop {
        let vector: Vec<f64> = StandardNormal.sample_iter(&mut draws).take(length).collect();
        let norm = vector.iter().map(|value: &f64| value * value).sum::<f64>().sqrt();
        if norm > 0.0 {
            return vector.into_iter().map(|value| value / norm).collect();
        }
    }
}

/// 95 % quantiles of the scores of random directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Null {
    /// Of the size of the largest effect.
    pub strongest: f64,
    /// Of the size of each factor's effect.
    pub effects: Vec<f64>,
    /// Of the purity.
    pub purity: f64,
    /// Of the steadiness of the leading factor.
    pub monotonicity: f64,
    /// Of the leak, where there is one.
    pub leak: Option<f64>,
    /// Of the distance at the ends.
    pub distance: f64,
    /// Of the distance to the cloud at the ends.
    pub cloud: f64,
}

impl Null {
    /// Of so many random directions, at least one.
    pub fn of(random: &[Scores]) -> Self {
        let of = |score: &dyn Fn(&Scores) -> f64| {
            let mut values: Vec<f64> = random.iter().map(score).collect();
            values.sort_by(f64::total_cmp);
            quantile(&values, SHARE)
        };
        let factors = random[0].effects.len();
        Self {
            strongest: of(&Scores::strongest),
            effects: (0..factors).map(|factor| of(&|scores| scores.effects[factor].abs())).collect(),
            purity: of(&|scores| scores.purity),
            monotonicity: of(&Scores::steadiness),
            leak: random[0].leak.map(|_| of(&|scores| scores.leak.unwrap_or_default())),
            distance: of(&|scores| Scores::at_ends(&scores.distances)),
            cloud: of(&|scores| Scores::at_ends(&scores.cloud)),
        }
    }

    /// Whether a direction moves one factor more purely than random ones do, and that factor further.
    pub fn is_beaten_by(&self, scores: &Scores) -> bool {
        scores.purity > self.purity && self.effects.get(scores.leading).is_some_and(|most| scores.strongest() > *most)
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::tests::{bench, codes};
    use super::super::bench::{ENDS, Way};
    use super::*;
    use crate::latent::cloud::LatentCloud;

    #[test]
    fn random_vectors_have_unit_length_and_repeat() {
        let vector = unit_vector(64, RunSeed(1), "null", 3);
        approx::assert_abs_diff_eq!(vector.iter().map(|v| v * v).sum::<f64>(), 1.0, epsilon = 1e-12);
        assert_eq!(vector, unit_vector(64, RunSeed(1), "null", 3));
        assert_ne!(vector, unit_vector(64, RunSeed(1), "null", 4));
    }

    /// The toy's first axis is brightness and nothing else: named so, and purer than 95 % of random directions; half
    /// way to the second, which is the middle, is not.
    #[test]
    fn a_known_direction_beats_the_null_and_carries_its_factors_name() {
        let (cloud, codes) = (LatentCloud::new(codes(500)), codes(64));
        let bench = bench(&cloud, &codes);
        let deviations = [0.05, 0.05, 0.05, 0.5];
        let of = |vector: &[f64]| {
            let way = Way { vector, sigma: 1.0, indices: 0..4 };
            Scores::of(&bench.measure(&way, &ENDS).unwrap(), 3.0, &deviations)
        };
        let random: Vec<Scores> = (0..50).map(|at| of(&unit_vector(3, RunSeed(2), "null", at))).collect();
        let null = Null::of(&random);
        let known = of(&[-1.0, 0.0, 0.0]).opposite();
        assert_eq!((known.leading, known.falls()), (0, false));
        assert!(known.purity > 0.99 && null.purity < 0.95, "{} {}", known.purity, null.purity);
        assert!(null.is_beaten_by(&known));
        assert!(!null.is_beaten_by(&of(&[0.5f64.sqrt(), 0.5f64.sqrt(), 0.0])));
        assert!(random.iter().filter(|scores| null.is_beaten_by(scores)).count() <= 3);
    }
}

//! Which slices a step sees: a pure function of (seed, step), so a fit can be repeated from any point.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::arms::{Example, TrainingSet};
use crate::seed::RunSeed;

/// Rows, targets and loss weights of one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub rows: Vec<i64>,
    pub targets: Vec<f32>,
    pub weights: Vec<f32>,
}

/// Deals the examples of a set: each once per round, in an order drawn anew for every round; the rounds of one example walk
/// through its slices from a first one drawn for it.
#[derive(Debug)]
pub struct Sampler<'a> {
    set: &'a TrainingSet,
    batch: u64,
    seed: RunSeed,
}

impl<'a> Sampler<'a> {
    /// `batch` slices a step, `set.rims_per_batch` of them rims.
    pub fn new(set: &'a TrainingSet, batch: u64, seed: RunSeed) -> Self {
        Self { set, batch, seed }
    }

    pub fn at(&self, step: u64) -> Batch {
        let mut batch = Batch { rows: vec![], targets: vec![], weights: vec![] };
        let rims = self.set.rims_per_batch.min(self.batch);
        self.deal(&mut batch, &self.set.rims, step * rims, rims, self.set.rim_weight, "rims");
        let others = self.batch - rims;
        self.deal(&mut batch, &self.set.others, step * others, others, 1.0, "others");
        batch
    }

    fn deal(&self, batch: &mut Batch, from: &[Example], first: u64, count: u64, weight: f32, purpose: &str) {
        let size = from.len() as u64;
        let mut order: Option<(u64, Vec<usize>)> = None;
        for draw in first..first + count {
            let round = draw / size;
            if order.as_ref().is_none_or(|(of, _)| *of != round) {
                let mut fresh: Vec<usize> = (0..from.len()).collect();
                fresh.shuffle(&mut self.seed.stream(purpose, round));
                order = Some((round, fresh));
            }
            let at = order.as_ref().map_or(0, |(_, order)| order[(draw % size) as usize]);
            let example = &from[at];
            let slices = example.unit.rows.len() as u64;
            // A unit of one slice needs no draw.
            let start = if slices > 1 { self.seed.stream("first slice", at as u64).random_range(0..slices) } else { 0 };
            batch.rows.push(i64::from(example.unit.rows[((start + round) % slices) as usize]));
            batch.targets.push(example.target);
            batch.weights.push(weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::arms::Arm;
    use crate::classify::material::tests::small;
    use std::collections::HashMap;

    fn set(arm: Arm) -> TrainingSet {
        arm.compose(&small().select(0, RunSeed(0), 5, 2.0).unwrap(), 12)
    }

    #[test]
    fn a_batch_is_a_pure_function_of_seed_and_step_with_a_fixed_number_of_rims() {
        let set = set(Arm::AdaGan);
        let sampler = Sampler::new(&set, 12, RunSeed(1));
        assert_eq!(sampler.at(7), Sampler::new(&set, 12, RunSeed(1)).at(7));
        assert_ne!(sampler.at(7), sampler.at(8));
        assert_ne!(sampler.at(7), Sampler::new(&set, 12, RunSeed(2)).at(7));
        for step in 0..20 {
            let batch = sampler.at(step);
            assert_eq!(batch.targets.iter().filter(|&&target| target == 1.0).count(), 4);
            assert_eq!(batch.rows.len(), 12);
        }
    }

    #[test]
    fn every_slice_of_every_lesion_is_seen_equally_often() {
        let set = set(Arm::None);
        let sampler = Sampler::new(&set, 12, RunSeed(1));
        // 10 rims of 2 slices at 4 a batch: 20 draws, so 5 steps, show each slice once.
        let mut seen: HashMap<i64, u32> = HashMap::new();
        for step in 0..15 {
            sampler.at(step).rows[..4].iter().for_each(|&row| *seen.entry(row).or_default() += 1);
        }
        assert_eq!(seen.len(), 20);
        assert!(seen.values().all(|&times| times == 3), "{seen:?}");
    }
}

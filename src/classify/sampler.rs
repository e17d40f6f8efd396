//! Which slices a step sees: a pure function of (seed, step), so a fit can be repeated from any point.

use rand::RngExt;

use super::material::Unit;
use super::training_set::{ClassSet, InterestSet, TrainingSet};
use crate::feed::epochs::{Drawn, Epochs};
use crate::seed::RunSeed;

/// Rows, targets and loss weights of one batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Of the tensor of slices.
    pub rows: Vec<i64>,
    /// Class probabilities, \[rows, classes\].
    pub targets: Vec<f32>,
    /// Of each row's loss.
    pub weights: Vec<f32>,
}

impl Batch {
    /// A slice of the class `number` of two with the probability `target`.
    fn push(&mut self, row: i64, target: f32, number: usize, weight: f32) {
        self.rows.push(row);
        self.targets.extend(if number == 1 { [1.0 - target, target] } else { [target, 1.0 - target] });
        self.weights.push(weight);
    }
}

/// Deals the examples of a set: each once per round, in an order drawn anew for every round; the rounds of one example
/// walk through its slices from a first one drawn for it.
#[derive(Debug)]
pub struct Sampler<'a> {
    set: &'a TrainingSet,
    batch: u64,
    seed: RunSeed,
}

impl<'a> Sampler<'a> {
    /// `batch` slices a step.
    pub fn new(set: &'a TrainingSet, batch: u64, seed: RunSeed) -> Self {
        Self { set, batch, seed }
    }

    /// The batch of a step: of the real lesions, or of all where what an arm adds stands among them.
    pub fn at(&self, step: u64) -> Batch {
        match self.set {
            TrainingSet::Interest(set) => self.with_interest(set, step),
            TrainingSet::Classes(set) => self.of_classes(set, step),
        }
    }

    /// `count` slices of what stands beside the real lesions, each lesion as often as any other.
    pub fn added_at(&self, step: u64, count: u64) -> Batch {
        let mut batch = Batch::default();
        let TrainingSet::Interest(set) = self.set else { return batch };
        let deck = Deck::new("added", set.added.len(), self.seed);
        for draw in step * count..(step + 1) * count {
            let (at, row) = deck.deal(draw, |at| &set.added[at].unit);
            batch.push(row, set.added[at].target, set.number, 1.0);
        }
        batch
    }

    /// A fixed number of the class of interest, then the others.
    fn with_interest(&self, set: &InterestSet, step: u64) -> Batch {
        let mut batch = Batch::default();
        let wanted = set.interest_per_batch.min(self.batch);
        for (examples, count, weight, purpose) in
            [(&set.interest, wanted, set.interest_weight, "rims"), (&set.others, self.batch - wanted, 1.0, "others")]
        {
            let deck = Deck::new(purpose, examples.len(), self.seed);
            for draw in step * count..(step + 1) * count {
                let (at, row) = deck.deal(draw, |at| &examples[at].unit);
                batch.push(row, examples[at].target, set.number, weight);
            }
        }
        batch
    }

    /// Lesions of all classes from one deck, or each class in turn from a deck of its own.
    fn of_classes(&self, set: &ClassSet, step: u64) -> Batch {
        let count = set.classes.len();
        let mut batch = Batch::default();
        let mut push = |row: i64, class: usize| {
            batch.rows.push(row);
            batch.targets.extend((0..count).map(|other| f32::from(u8::from(other == class))));
            batch.weights.push(set.weights[class]);
        };
        let draws = step * self.batch..(step + 1) * self.batch;
        if set.balanced {
            let deck = |class: usize| Deck::new(&format!("class {class}"), set.classes[class].len(), self.seed);
            let decks: Vec<Deck> = (0..count).map(deck).collect();
            for draw in draws {
                let class = (draw % count as u64) as usize;
                let units = &set.classes[class];
                let (_, row) = decks[class].deal(draw / count as u64, |at| &units[at]);
                push(row, class);
            }
        } else {
            let all =
                set.classes.iter().enumerate().flat_map(|(class, units)| units.iter().map(move |unit| (class, unit)));
            let all: Vec<(usize, &Unit)> = all.collect();
            let deck = Deck::new("all", all.len(), self.seed);
            for draw in draws {
                let (at, row) = deck.deal(draw, |at| all[at].1);
                push(row, all[at].0);
            }
        }
        batch
    }
}

/// Examples in the order in which a round deals them.
struct Deck {
    rounds: Epochs,
    seed: RunSeed,
}

impl Deck {
    /// Of `size` examples; `purpose` names the random stream.
    fn new(purpose: &str, size: usize, seed: RunSeed) -> Self {
        Self { rounds: Epochs::new(size, seed, purpose), seed }
    }

    /// The example of draw `draw`, and the row of its slice whose turn it is.
    fn deal<'u>(&self, draw: u64, unit: impl Fn(usize) -> &'u Unit) -> (usize, i64) {
        let Drawn { epoch: round, item: at } = self.rounds.at(draw);
        let rows = &unit(at).rows;
        let slices = rows.len() as u64;
        // A unit of one slice needs no draw.
        let start = if slices > 1 { self.seed.stream("first slice", at as u64).random_range(0..slices) } else { 0 };
        (at, i64::from(rows[((start + round) % slices) as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::arms::Arm;
    use crate::classify::material::tests::{small, three_classes};
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
            assert_eq!(batch.targets.chunks(2).filter(|target| **target == [0.0, 1.0]).count(), 4);
            assert_eq!(batch.rows.len(), 12);
        }
    }

    #[test]
    fn what_is_added_has_batches_of_its_own_and_leaves_those_of_the_real_lesions_alone() {
        let (none, synthetic) = (set(Arm::None), set(Arm::AdaGan));
        let sampler = Sampler::new(&synthetic, 12, RunSeed(1));
        let mut seen: HashMap<i64, u32> = HashMap::new();
        for step in 0..10 {
            assert_eq!(sampler.at(step), Sampler::new(&none, 12, RunSeed(1)).at(step));
            let added = sampler.added_at(step, 3);
            assert_eq!((added.targets, added.weights), ([0.0, 1.0].repeat(3), vec![1.0; 3]));
            added.rows.iter().for_each(|&row| *seen.entry(row).or_default() += 1);
        }
        // 30 draws from 5 synthetic lesions of a slice each.
        assert_eq!(seen.len(), 5);
        assert!(seen.iter().all(|(&row, &times)| row >= 400 && times == 6), "{seen:?}");
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

    #[test]
    fn classes_come_as_often_as_they_occur_or_in_turn() {
        let selection = three_classes().select(0, RunSeed(0), 0, 2.0).unwrap();
        let dealt = |arm: Arm| {
            let set = arm.compose(&selection, 10);
            let sampler = Sampler::new(&set, 10, RunSeed(1));
            let mut counts = [0; 3];
            let mut of_lesion = [0; 20];
            for step in 0..6 {
                let batch = sampler.at(step);
                assert_eq!(batch, Sampler::new(&set, 10, RunSeed(1)).at(step));
                for (row, target) in batch.rows.iter().zip(batch.targets.chunks(3)) {
                    let class = target.iter().position(|&probability| probability == 1.0).unwrap();
                    assert_eq!(class, usize::from(*row >= 24) + usize::from(*row >= 36));
                    counts[class] += 1;
                    of_lesion[*row as usize / 2] += 1;
                }
            }
            // Of each class its lesions as often as each other, but for a round that is not through: a lesion of n is
            // drawn with the probability 1 / n of its class.
            for lesions in [&of_lesion[..12], &of_lesion[12..18], &of_lesion[18..]] {
                assert!(lesions.iter().max().unwrap() - lesions.iter().min().unwrap() <= 1, "{of_lesion:?}");
            }
            counts
        };
        // 60 draws from 12, 6 and 2 lesions: each three times, or 20 of each class.
        assert_eq!(dealt(Arm::None), [36, 18, 6]);
        assert_eq!(dealt(Arm::Oversample), [20, 20, 20]);
    }
}

//! In which order a reviewer sees the pictures: shuffled by seed and reviewer, one in ten a second time in the second
//! half, and nothing says which.

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::name::Name;
use crate::seed::RunSeed;

/// One picture in so many comes twice.
const ONE_IN: usize = 10;

/// Fewest pictures of which one comes twice: of fewer it would be remembered.
const FEWEST: usize = 5;

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Number of the item.
    pub item: usize,
    /// It was shown before.
    pub again: bool,
}

/// Pictures of so many that come twice.
pub fn repeats(items: usize) -> usize {
    if items < FEWEST { 0 } else { items.div_ceil(ONE_IN) }
}

/// All questions of a reviewer. A picture's second time comes at least half of all pictures after its first.
pub fn questions(items: usize, seed: RunSeed, reviewer: &Name) -> Vec<Question> {
    let mut draws = seed.child(&format!("reviewer {reviewer}"), 0).stream("order", 0);
    let mut order: Vec<usize> = (0..items).collect();
    order.shuffle(&mut draws);
    let half = items.div_ceil(2);
    let mut early: Vec<usize> = (0..items - half).collect();
    early.shuffle(&mut draws);
    early.truncate(repeats(items));
    early.sort_unstable();
    let mut questions: Vec<Question> = order.iter().map(|&item| Question { item, again: false }).collect();
    // From the last on, so that no place of an earlier one is moved.
    for &at in early.iter().rev() {
        let item = order[at];
        let place = draws.random_range(at + half + 1..=questions.len());
        questions.insert(place, Question { item, again: true });
    }
    questions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_comes_once_and_a_tenth_again_much_later() {
        for items in [1, 4, 5, 9, 20, 60] {
            for reviewer in ["a", "b", "c"] {
                let found = questions(items, RunSeed(3), &Name::of_known(reviewer));
                assert_eq!(found.len(), items + repeats(items));
                let mut first: Vec<usize> = found.iter().filter(|one| !one.again).map(|one| one.item).collect();
                for (at, question) in found.iter().enumerate().filter(|(_, question)| question.again) {
                    let before = found.iter().position(|one| one.item == question.item).unwrap();
                    assert!(!found[before].again && at - before > items / 2, "{items}: {before} and {at}");
                }
                first.sort_unstable();
                assert!(first.into_iter().eq(0..items));
            }
        }
        assert_eq!([repeats(4), repeats(5), repeats(20), repeats(21)], [0, 1, 2, 3]);
        let of = |name: &str| questions(40, RunSeed(1), &Name::of_known(name));
        assert!(of("a") == of("a") && of("a") != of("b"));
    }
}

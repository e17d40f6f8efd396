//! Which images stand for a set: as many of each as of the smallest, lesions dealt like a classifier's batches.

use rand::seq::SliceRandom;

use super::sources::{Place, Unit};
use crate::seed::RunSeed;

/// Images of a set with their groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Source and place of each.
    pub images: Vec<(usize, Place)>,
    /// Patient, or a name of its own.
    pub groups: Vec<String>,
}

/// `count` images of `units`, or all that there are: round after round each unit gives one of its images that it has
/// not given, in an order drawn anew, so that a lesion of many slices weighs little more than one of few.
pub fn draw(units: &[Unit], count: usize, seed: RunSeed) -> Drawn {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.shuffle(&mut seed.stream("units", 0));
    let shuffled = |unit: usize| {
        let mut images = units[unit].images.clone();
        images.shuffle(&mut seed.stream("images", unit as u64));
        images
    };
    let decks: Vec<Vec<(usize, Place)>> = order.iter().map(|&unit| shuffled(unit)).collect();
    let rounds = decks.iter().map(Vec::len).max().unwrap_or(0);
    let mut drawn = Drawn::default();
    for round in 0..rounds {
        for (&unit, deck) in order.iter().zip(&decks) {
            if let (Some(&image), true) = (deck.get(round), drawn.images.len() < count) {
                drawn.images.push(image);
                drawn.groups.push(units[unit].group.clone());
            }
        }
    }
    drawn
}

/// `count` of `units`, or all of them.
pub fn some(units: &[Unit], count: usize, seed: RunSeed) -> Vec<Unit> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.shuffle(&mut seed.stream("extra", 0));
    order.into_iter().take(count).map(|unit| units[unit].clone()).collect()
}

/// Images of all units together.
pub fn available(units: &[Unit]) -> usize {
    units.iter().map(|unit| unit.images.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesions_are_dealt_in_turn_and_no_image_twice() {
        let unit = |name: &str, from: usize, count: usize| Unit {
            group: name.into(),
            images: (from..from + count).map(|at| (0, at)).collect(),
        };
        let units = [unit("a", 0, 10), unit("b", 10, 1), unit("c", 11, 3)];
        let five = draw(&units, 5, RunSeed(1));
        let of = |name: &str| five.groups.iter().filter(|group| *group == name).count();
        assert_eq!((of("a"), of("b"), of("c")), (2, 1, 2));
        let all = draw(&units, 99, RunSeed(1));
        let mut places: Vec<usize> = all.images.iter().map(|(_, at)| *at).collect();
        places.sort_unstable();
        assert_eq!(places, (0..14).collect::<Vec<_>>());
        assert_eq!(draw(&units, 5, RunSeed(1)), five);
        assert_ne!(draw(&units, 5, RunSeed(2)), five);
        assert_eq!((available(&units), some(&units, 2, RunSeed(1)).len()), (14, 2));
    }
}

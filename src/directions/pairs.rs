//! Pairs of training images that a gate is calibrated on: of one lesion, and of two lesions of one class.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::data::TrainSlices;
use crate::seed::RunSeed;

/// Positions of two images in the training set.
pub type Pair = [usize; 2];

/// At most `most` pairs of images of one lesion and as many of other lesions of the same class, in a random order.
///
/// Of plain images a lesion is what the split calls a group and each image another photograph of it; of a cohort the
/// photographs are the slices of a lesion, and others are lesions of other patients.
pub fn choose(slices: &TrainSlices, most: usize, seed: RunSeed) -> [Vec<Pair>; 2] {
    let plain = slices.prepared().manifest().patch[0] == 1;
    let entries: Vec<(String, &str, &str)> = slices
        .entries()
        .map(|(_, lesion)| {
            let own = if plain { lesion.patient.clone() } else { lesion.id.to_string() };
            (own, lesion.patient.as_str(), lesion.class.name())
        })
        .collect();
    let (mut lesions, mut classes) = (BTreeMap::<&str, Vec<usize>>::new(), BTreeMap::<&str, Vec<usize>>::new());
    for (position, (lesion, _, class)) in entries.iter().enumerate() {
        lesions.entry(lesion).or_default().push(position);
        classes.entry(class).or_default().push(position);
    }
    let mut draws = seed.stream("pairs of one lesion", 0);
    let mut same: Vec<Pair> = lesions.values().flat_map(|positions| neighbours(positions)).collect();
    same.shuffle(&mut draws);
    same.truncate(most);
    let mut draws = seed.stream("pairs of other lesions", 0);
    let mut other = Vec::new();
    // Each pair of one lesion has one of other lesions of its class beside it.
    for &[first, _] in &same {
        let (_, patient, class) = entries[first];
        let others: Vec<usize> = classes[class].iter().copied().filter(|&at| entries[at].1 != patient).collect();
        if !others.is_empty() {
            other.push([first, others[draws.random_range(0..others.len())]]);
        }
    }
    [same, other]
}

/// Each image with the next of the same lesion.
fn neighbours(positions: &[usize]) -> Vec<Pair> {
    positions.windows(2).map(|pair| [pair[0], pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Prepared;
    use crate::data::dataset::tests::small;

    #[test]
    fn pairs_are_of_one_lesion_or_of_two_patients_and_one_class() {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path());
        let slices = Prepared::open(folder.path()).unwrap().training_all();
        let [same, other] = choose(&slices, 100, RunSeed(1));
        assert!(!same.is_empty() && same.len() == other.len(), "{same:?} {other:?}");
        for [a, b] in &same {
            assert_eq!(slices.entry(*a).1.id, slices.entry(*b).1.id);
            assert_ne!(slices.entry(*a).0.z, slices.entry(*b).0.z);
        }
        for [a, b] in &other {
            assert_ne!(slices.entry(*a).1.patient, slices.entry(*b).1.patient);
            assert_eq!(slices.entry(*a).1.class, slices.entry(*b).1.class);
        }
        assert_eq!(choose(&slices, 1, RunSeed(1))[0].len(), 1);
    }
}

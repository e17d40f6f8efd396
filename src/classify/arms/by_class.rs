//! Arms of images of every class, drawn by a conditional generator or edited from training lesions: a share of as many
//! as there are real training lesions, each with its class. A smaller share is part of a larger one of the same kind.

use super::Arm;
use super::recipe::{AnyClasses, Recipe};
use crate::classify::material::Selection;
use crate::classify::source::Source;
use crate::classify::training_set::{ClassSet, Example, InterestSet};

/// What an arm takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Where from.
    pub source: Source,
    /// Images a real training lesion.
    pub of_lesions: f64,
}

impl Share {
    /// How many images that is beside `lesions`.
    pub fn count(self, lesions: usize) -> usize {
        (self.of_lesions * lesions as f64).round() as usize
    }

    /// The first of what was drawn.
    fn of(self, selection: &Selection) -> Vec<Example> {
        let lesions = selection.classes.iter().map(Vec::len).sum();
        let mut examples = selection.as_made(self.source);
        examples.truncate(self.count(lesions));
        examples
    }
}

/// Two, six and twelve thousand beside the ten thousand images of HAM10000.
const FIFTH: f64 = 0.2;
const MOST: f64 = 0.6;
const MORE: f64 = 1.2;

/// The share of an arm of this file.
pub(super) const fn share(arm: Arm) -> Option<Share> {
    let (source, of_lesions) = match arm {
        Arm::Synthetic2k => (Source::DrawnByClass, FIFTH),
        Arm::Synthetic6k => (Source::DrawnByClass, MOST),
        Arm::Synthetic12k | Arm::SyntheticOnly => (Source::DrawnByClass, MORE),
        Arm::Sa2k => (Source::Edited, FIFTH),
        Arm::Sa6k => (Source::Edited, MOST),
        Arm::Sa12k | Arm::SaOnly => (Source::Edited, MORE),
        Arm::Sa2kFiltered => (Source::EditedKept, FIFTH),
        Arm::Sa6kFiltered => (Source::EditedKept, MOST),
        Arm::Sa12kFiltered => (Source::EditedKept, MORE),
        _ => return None,
    };
    Some(Share { source, of_lesions })
}

/// To the lesions of the class that its image was made as of.
fn add_to_classes(examples: Vec<Example>, set: &mut ClassSet) {
    for example in examples {
        if let Some(class) = example.unit.origin.made_of_class() {
            set.classes[class].push(example.unit);
        }
    }
}

/// The share of an arm that has one.
const fn taken(arm: Arm) -> Share {
    match share(arm) {
        Some(share) => share,
        None => panic!("an arm of another file"),
    }
}

/// Beside the real lesions.
macro_rules! beside {
    ($arm:expr, $name:literal, $about:literal) => {
        Recipe {
            name: $name,
            about: $about,
            any_classes: Some(AnyClasses {
                about: $about,
                compose: |selection, set| add_to_classes(taken($arm).of(selection), set),
            }),
            needs: &[taken($arm).source],
            compose: |selection, set| set.added = taken($arm).of(selection),
        }
    };
}

/// In place of the real lesions.
macro_rules! alone {
    ($arm:expr, $name:literal, $about:literal) => {
        Recipe {
            name: $name,
            about: $about,
            any_classes: Some(AnyClasses {
                about: $about,
                compose: |selection, set| {
                    set.classes.iter_mut().for_each(Vec::clear);
                    add_to_classes(taken($arm).of(selection), set);
                },
            }),
            needs: &[taken($arm).source],
            compose: |selection, set| alone(taken($arm).of(selection), selection, set),
        }
    };
}

fn alone(examples: Vec<Example>, selection: &Selection, set: &mut InterestSet) {
    let (interest, others) = examples.into_iter().partition(|example| example.target >= 0.5);
    (set.interest, set.others) = (interest, others);
    set.interest_per_batch = InterestSet::per_batch(set.share(), selection.batch);
}

pub(super) const SYNTHETIC_2K: Recipe =
    beside!(Arm::Synthetic2k, "Synthetic 2k", "drawn images of every class added, a fifth as many as lesions");
pub(super) const SYNTHETIC_6K: Recipe =
    beside!(Arm::Synthetic6k, "Synthetic 6k", "drawn images of every class added, 0.6 times as many as lesions");
pub(super) const SYNTHETIC_12K: Recipe =
    beside!(Arm::Synthetic12k, "Synthetic 12k", "drawn images of every class added, 1.2 times as many as lesions");
pub(super) const SYNTHETIC_ONLY: Recipe =
    alone!(Arm::SyntheticOnly, "Synthetic only", "drawn images of every class, 1.2 times as many as lesions, alone");
pub(super) const SA_2K: Recipe =
    beside!(Arm::Sa2k, "SA-2k", "training lesions edited along accepted directions, a fifth as many as lesions");
pub(super) const SA_6K: Recipe =
    beside!(Arm::Sa6k, "SA-6k", "training lesions edited along accepted directions, 0.6 times as many as lesions");
pub(super) const SA_12K: Recipe =
    beside!(Arm::Sa12k, "SA-12k", "training lesions edited along accepted directions, 1.2 times as many as lesions");
pub(super) const SA_ONLY: Recipe = alone!(
    Arm::SaOnly,
    "SA only",
    "training lesions edited along accepted directions, 1.2 times as many as lesions, alone"
);
pub(super) const SA_2K_FILTERED: Recipe =
    beside!(Arm::Sa2kFiltered, "SA-2k, filtered", "as SA-2k, of the edits within the gate");
pub(super) const SA_6K_FILTERED: Recipe =
    beside!(Arm::Sa6kFiltered, "SA-6k, filtered", "as SA-6k, of the edits within the gate");
pub(super) const SA_12K_FILTERED: Recipe =
    beside!(Arm::Sa12kFiltered, "SA-12k, filtered", "as SA-12k, of the edits within the gate");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::material::tests::{small, three_classes, units};
    use crate::classify::material::{Material, Origin, Supply};
    use crate::classify::training_set::TrainingSet;
    use crate::records::classes::{Class, Classes};
    use crate::seed::RunSeed;

    /// Edits of each of `classes` classes in turn, of which the gate keeps every second.
    fn with_edits(material: Material, classes: u32, count: u32) -> Material {
        let interest = material.interest;
        let example = |at: u32| {
            let unit = units(Origin::Edited(at % classes), 1, 1000 + at, 1).remove(0);
            Example { unit, target: f32::from(u8::from(interest == Some((at % classes) as usize))) }
        };
        let all: Vec<Example> = (0..count).map(example).collect();
        let kept = all.iter().step_by(2).cloned().collect();
        let mut material = material;
        material.supplies.insert(Source::Edited, Supply::Drawn(all));
        material.supplies.insert(Source::EditedKept, Supply::Drawn(kept));
        material
    }

    fn of_classes(arm: Arm) -> TrainingSet {
        arm.compose(&with_edits(three_classes(), 3, 60).select(0, RunSeed(0), 0, 2.0).unwrap(), 12)
    }

    #[test]
    fn shares_of_twenty_lesions_by_hand_and_the_smaller_is_in_the_larger() {
        let rows = |arm: Arm| -> Vec<u32> {
            let edited = |unit: &&crate::classify::material::Unit| unit.origin.made_of_class().is_some();
            of_classes(arm).units().into_iter().filter(edited).flat_map(|unit| unit.rows.clone()).collect()
        };
        let (small, middle, large) = (rows(Arm::Sa2k), rows(Arm::Sa6k), rows(Arm::Sa12k));
        assert_eq!((small.len(), middle.len(), large.len()), (4, 12, 24));
        assert!(small.iter().all(|row| middle.contains(row)) && middle.iter().all(|row| large.contains(row)));
        assert!(rows(Arm::Sa12kFiltered).iter().all(|row| row % 2 == 0));
        assert_eq!(of_classes(Arm::SaOnly).units().len(), 24);
        let classes = ["bcc", "mel", "nv"].map(Class::new).to_vec();
        let text = of_classes(Arm::Sa12k).lesions_text(&Classes { names: classes, contested: None, of_interest: None });
        assert!(text.starts_with("12 real bcc, 6 real mel, 2 real nv, ") && text.contains(" edited mel"), "{text}");
    }

    #[test]
    fn beside_a_class_of_interest_each_image_is_of_its_own_class() {
        let selection = with_edits(small(), 2, 60).select(0, RunSeed(0), 5, 2.0).unwrap();
        // A fifth of 10 and 20 lesions.
        let TrainingSet::Interest(set) = Arm::Sa2k.compose(&selection, 30) else { panic!("of interest") };
        assert_eq!((set.interest.len(), set.others.len(), set.added.len()), (10, 20, 6));
        for example in &set.added {
            let class = example.unit.origin.made_of_class().unwrap();
            assert_eq!(example.target, class as f32);
        }
        let TrainingSet::Interest(set) = Arm::SaOnly.compose(&selection, 30) else { panic!("of interest") };
        assert_eq!(set.interest.len() + set.others.len(), 36);
        assert!(set.others.iter().all(|example| example.unit.origin == Origin::Edited(0)));
    }
}

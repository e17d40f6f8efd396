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
        Arm::Sa2kAlong1 => (Source::EditedAlong(1), FIFTH),
        Arm::Sa2kAlong2 => (Source::EditedAlong(2), FIFTH),
        Arm::Sa2kAlong3 => (Source::EditedAlong(3), FIFTH),
        Arm::Sa2kAlong4 => (Source::EditedAlong(4), FIFTH),
        Arm::Sa2kAlong5 => (Source::EditedAlong(5), FIFTH),
        Arm::Sa2kNearest25 => (Source::EditedNearest(25), FIFTH),
        Arm::Sa2kNearest50 => (Source::EditedNearest(50), FIFTH),
        Arm::Sa2kNearest75 => (Source::EditedNearest(75), FIFTH),
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

const SYNTHETIC_2K: Recipe =
    beside!(Arm::Synthetic2k, "Synthetic 2k", "drawn images of every class added, a fifth as many as lesions");
const SYNTHETIC_6K: Recipe =
    beside!(Arm::Synthetic6k, "Synthetic 6k", "drawn images of every class added, 0.6 times as many as lesions");
const SYNTHETIC_12K: Recipe =
    beside!(Arm::Synthetic12k, "Synthetic 12k", "drawn images of every class added, 1.2 times as many as lesions");
const SYNTHETIC_ONLY: Recipe =
    alone!(Arm::SyntheticOnly, "Synthetic only", "drawn images of every class, 1.2 times as many as lesions, alone");
const SA_2K: Recipe =
    beside!(Arm::Sa2k, "SA-2k", "training lesions edited along accepted directions, a fifth as many as lesions");
const SA_6K: Recipe =
    beside!(Arm::Sa6k, "SA-6k", "training lesions edited along accepted directions, 0.6 times as many as lesions");
const SA_12K: Recipe =
    beside!(Arm::Sa12k, "SA-12k", "training lesions edited along accepted directions, 1.2 times as many as lesions");
const SA_ONLY: Recipe = alone!(
    Arm::SaOnly,
    "SA only",
    "training lesions edited along accepted directions, 1.2 times as many as lesions, alone"
);
const SA_2K_FILTERED: Recipe = beside!(Arm::Sa2kFiltered, "SA-2k, filtered", "as SA-2k, of the edits within the gate");
const SA_6K_FILTERED: Recipe = beside!(Arm::Sa6kFiltered, "SA-6k, filtered", "as SA-6k, of the edits within the gate");
const SA_12K_FILTERED: Recipe =
    beside!(Arm::Sa12kFiltered, "SA-12k, filtered", "as SA-12k, of the edits within the gate");

const SA_2K_ALONG_1: Recipe =
    beside!(Arm::Sa2kAlong1, "SA-2k, direction 1", "as SA-2k, along the first accepted direction alone");
const SA_2K_ALONG_2: Recipe =
    beside!(Arm::Sa2kAlong2, "SA-2k, direction 2", "as SA-2k, along the second accepted direction alone");
const SA_2K_ALONG_3: Recipe =
    beside!(Arm::Sa2kAlong3, "SA-2k, direction 3", "as SA-2k, along the third accepted direction alone");
const SA_2K_ALONG_4: Recipe =
    beside!(Arm::Sa2kAlong4, "SA-2k, direction 4", "as SA-2k, along the fourth accepted direction alone");
const SA_2K_ALONG_5: Recipe =
    beside!(Arm::Sa2kAlong5, "SA-2k, direction 5", "as SA-2k, along the fifth accepted direction alone");
const SA_2K_NEAREST_25: Recipe =
    beside!(Arm::Sa2kNearest25, "SA-2k, nearest 25 %", "as SA-2k, of the quarter of edits that moved least");
const SA_2K_NEAREST_50: Recipe =
    beside!(Arm::Sa2kNearest50, "SA-2k, nearest 50 %", "as SA-2k, of the half of edits that moved least");
const SA_2K_NEAREST_75: Recipe =
    beside!(Arm::Sa2kNearest75, "SA-2k, nearest 75 %", "as SA-2k, of the three quarters of edits that moved least");

/// How each arm of this file is made.
///
/// # Panics
/// An arm of another file.
pub(super) fn recipe(arm: Arm) -> &'static Recipe {
    match arm {
        Arm::Synthetic2k => &SYNTHETIC_2K,
        Arm::Synthetic6k => &SYNTHETIC_6K,
        Arm::Synthetic12k => &SYNTHETIC_12K,
        Arm::SyntheticOnly => &SYNTHETIC_ONLY,
        Arm::Sa2k => &SA_2K,
        Arm::Sa6k => &SA_6K,
        Arm::Sa12k => &SA_12K,
        Arm::Sa2kFiltered => &SA_2K_FILTERED,
        Arm::Sa6kFiltered => &SA_6K_FILTERED,
        Arm::Sa12kFiltered => &SA_12K_FILTERED,
        Arm::SaOnly => &SA_ONLY,
        Arm::Sa2kAlong1 => &SA_2K_ALONG_1,
        Arm::Sa2kAlong2 => &SA_2K_ALONG_2,
        Arm::Sa2kAlong3 => &SA_2K_ALONG_3,
        Arm::Sa2kAlong4 => &SA_2K_ALONG_4,
        Arm::Sa2kAlong5 => &SA_2K_ALONG_5,
        Arm::Sa2kNearest25 => &SA_2K_NEAREST_25,
        Arm::Sa2kNearest50 => &SA_2K_NEAREST_50,
        Arm::Sa2kNearest75 => &SA_2K_NEAREST_75,
        other => panic!("{other:?} is of another file"),
    }
}

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
        material.supplies.insert(Source::EditedKept, Supply::Drawn(kept));
        let third = |which: u32| all.iter().skip(which as usize).step_by(3).cloned().collect();
        for number in Source::ALONG {
            let along = if number <= 3 { third(u32::from(number) - 1) } else { vec![] };
            material.supplies.insert(Source::EditedAlong(number), Supply::Drawn(along));
        }
        for percent in Source::NEAREST {
            let near = all.iter().take(usize::from(percent)).cloned().collect();
            material.supplies.insert(Source::EditedNearest(percent), Supply::Drawn(near));
        }
        material.supplies.insert(Source::Edited, Supply::Drawn(all));
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
        assert_eq!(rows(Arm::Sa2kAlong2).len(), 4);
        assert!(rows(Arm::Sa2kAlong2).iter().all(|row| (row - 1000) % 3 == 1) && rows(Arm::Sa2kAlong4).is_empty());
        assert!(rows(Arm::Sa2kNearest25).iter().all(|row| row - 1000 < 25) && rows(Arm::Sa2kNearest25).len() == 4);
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

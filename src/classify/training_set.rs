//! What one fit learns from.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use serde::Serialize;

use super::material::{Origin, Unit};
use crate::records::classes::Classes;

/// An example with its probability of being of interest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// Its slices.
    pub unit: Unit,
    /// 0 to 1.
    pub target: f32,
}

/// Examples of all classes, and how batches are filled from them. A finished fit is known by its text as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TrainingSet {
    /// Of a class of interest and another.
    Interest(InterestSet),
    /// Of classes of which none is of interest.
    Classes(ClassSet),
}

/// A batch holds a fixed number of the class of interest and fills up with the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InterestSet {
    /// Examples of the class of interest, or that an arm puts in their place.
    #[serde(rename = "rims")]
    pub interest: Vec<Example>,
    /// Examples of the other class.
    pub others: Vec<Example>,
    /// Those of interest in every batch.
    #[serde(rename = "rims_per_batch")]
    pub interest_per_batch: u64,
    /// Weight of the loss of one of interest beside 1 for the others.
    #[serde(rename = "rim_weight")]
    pub interest_weight: f32,
    /// Number of the class of interest, 0 or 1.
    #[serde(skip)]
    pub number: usize,
}

/// A batch takes lesions of all classes as they come, or each class in turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassSet {
    /// Lesions by the number of their class; at least one each.
    pub classes: Vec<Vec<Unit>>,
    /// Weight of each class's loss.
    pub weights: Vec<f32>,
    /// Whether batches take from the classes in turn, instead of as often as they occur.
    pub balanced: bool,
}

impl TrainingSet {
    /// How many classes its targets tell apart.
    pub fn class_count(&self) -> usize {
        match self {
            Self::Interest(_) => 2,
            Self::Classes(set) => set.classes.len(),
        }
    }

    /// Lesions of interest in every batch; 0 where no class is of interest.
    pub fn interest_per_batch(&self) -> u64 {
        match self {
            Self::Interest(set) => set.interest_per_batch,
            Self::Classes(_) => 0,
        }
    }

    /// Examples of the class of interest, or that an arm puts in their place; none where no class is of interest.
    pub fn of_interest(&self) -> &[Example] {
        match self {
            Self::Interest(set) => &set.interest,
            Self::Classes(_) => &[],
        }
    }

    /// All lesions, or what stands for them.
    pub fn units(&self) -> Vec<&Unit> {
        match self {
            Self::Interest(set) => set.interest.iter().chain(&set.others).map(|example| &example.unit).collect(),
            Self::Classes(set) => set.classes.iter().flatten().collect(),
        }
    }

    fn units_mut(&mut self) -> Vec<&mut Unit> {
        match self {
            Self::Interest(set) => {
                set.interest.iter_mut().chain(&mut set.others).map(|example| &mut example.unit).collect()
            }
            Self::Classes(set) => set.classes.iter_mut().flatten().collect(),
        }
    }

    /// Slices of all of them.
    pub fn slices(&self) -> u64 {
        self.units().iter().map(|unit| unit.rows.len() as u64).sum()
    }

    /// Slices by origin, in the origins' order.
    pub fn slices_by_origin(&self) -> Vec<(Origin, u64)> {
        self.by_origin(|unit| unit.rows.len() as u64)
    }

    /// Lesions by origin, in the origins' order.
    pub fn lesions_by_origin(&self) -> Vec<(Origin, u64)> {
        self.by_origin(|_| 1)
    }

    /// "10 real rim, 20 real non-rim": lesions by origin.
    pub fn lesions_text(&self, classes: &Classes) -> String {
        let parts =
            self.lesions_by_origin().into_iter().map(|(origin, count)| format!("{count} {}", origin.name(classes)));
        parts.collect::<Vec<_>>().join(", ")
    }

    fn by_origin(&self, count: impl Fn(&Unit) -> u64) -> Vec<(Origin, u64)> {
        let mut counts = BTreeMap::new();
        for unit in self.units() {
            *counts.entry(unit.origin).or_insert(0) += count(unit);
        }
        counts.into_iter().collect()
    }

    /// Deals the targets out anew among all examples; the class sizes stay.
    pub fn shuffle_labels(&mut self, rng: &mut impl rand::Rng) {
        let mut units: Vec<Unit> = self.units().into_iter().cloned().collect();
        units.shuffle(rng);
        for (place, unit) in self.units_mut().into_iter().zip(units) {
            *place = unit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::arms::Arm;
    use crate::classify::material::tests::{small, three_classes};
    use crate::seed::RunSeed;

    #[test]
    fn shuffled_labels_keep_the_class_sizes_and_mix_the_origins() {
        let mut set = Arm::None.compose(&small().select(0, RunSeed(0), 5, 2.0).unwrap(), 30);
        let before = set.slices_by_origin();
        set.shuffle_labels(&mut RunSeed(0).stream("shuffle", 0));
        assert_eq!(set.slices_by_origin(), before);
        let TrainingSet::Interest(set) = set else { panic!("there is a class of interest") };
        assert_eq!((set.interest.len(), set.others.len()), (10, 20));
        assert!(set.interest.iter().any(|example| example.unit.origin == Origin::Other && example.target == 1.0));

        let mut set = Arm::None.compose(&three_classes().select(0, RunSeed(0), 0, 2.0).unwrap(), 12);
        set.shuffle_labels(&mut RunSeed(0).stream("shuffle", 0));
        let TrainingSet::Classes(set) = set else { panic!("no class is of interest") };
        assert_eq!(set.classes.iter().map(Vec::len).collect::<Vec<_>>(), [12, 6, 2]);
        assert!(set.classes[0].iter().any(|unit| unit.origin != Origin::Class(0)));
    }

    #[test]
    fn the_text_that_fits_are_known_by_is_that_of_the_rim_study() {
        let unit = |origin, row| Unit { origin, rows: vec![row], lesion: None };
        let set = TrainingSet::Interest(InterestSet {
            interest: vec![Example { unit: unit(Origin::Interest, 3), target: 1.0 }],
            others: vec![],
            interest_per_batch: 2,
            interest_weight: 1.5,
            number: 1,
        });
        let text = concat!(
            r#"{"rims":[{"unit":{"origin":"Rim","rows":[3],"lesion":null},"target":1.0}],"#,
            r#""others":[],"rims_per_batch":2,"rim_weight":1.5}"#
        );
        assert_eq!(serde_json::to_string(&set).unwrap(), text);
    }
}

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

/// A batch holds a fixed number of the class of interest and fills up with the others; what an arm adds has batches of
/// its own.
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
    /// Beside the real ones, with a sampler and a weight of their own; empty where they stand among those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<Example>,
    /// Added to the logit of the class of interest in training alone.
    #[serde(skip_serializing_if = "is_zero")]
    pub logit_shift: f32,
}

fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

impl Default for InterestSet {
    /// Empty: of the second of two classes, one in a batch, of weight 1.
    fn default() -> Self {
        Self {
            interest: vec![],
            others: vec![],
            interest_per_batch: 1,
            interest_weight: 1.0,
            number: 1,
            added: vec![],
            logit_shift: 0.0,
        }
    }
}

impl InterestSet {
    /// Lesions of interest of all that are not added, 0 to 1.
    pub fn share(&self) -> f64 {
        self.interest.len() as f64 / (self.interest.len() + self.others.len()) as f64
    }

    /// How many of `batch` slices that share is: at least one, and not all.
    pub fn per_batch(share: f64, batch: u64) -> u64 {
        ((share * batch as f64).round() as u64).clamp(1, batch - 1)
    }

    /// Deals the targets out anew among all examples; the class sizes stay.
    pub fn shuffle_labels(&mut self, rng: &mut impl rand::Rng) {
        deal(&mut self.units_mut(), rng);
    }

    fn examples(&self) -> impl Iterator<Item = &Example> {
        self.interest.iter().chain(&self.others).chain(&self.added)
    }

    fn units_mut(&mut self) -> Vec<&mut Unit> {
        let examples = self.interest.iter_mut().chain(&mut self.others).chain(&mut self.added);
        examples.map(|example| &mut example.unit).collect()
    }

    /// Puts what is added among the real ones, where it displaces some of them from the batches: with those of interest
    /// from a probability of one half on. Copied test lesions stay last.
    pub fn in_place(&mut self) {
        for example in std::mem::take(&mut self.added) {
            let list = if example.target >= 0.5 { &mut self.interest } else { &mut self.others };
            let at = list.iter().position(|other| other.unit.origin == Origin::Leaked).unwrap_or(list.len());
            list.insert(at, example);
        }
    }

    /// "5 denoised contested as rim": what is not of the agreed lesions, by origin, with its label.
    fn made_text(&self, classes: &Classes) -> Vec<String> {
        let mut made: BTreeMap<Origin, Vec<f32>> = BTreeMap::new();
        for example in self.examples().filter(|example| !example.unit.origin.is_agreed()) {
            made.entry(example.unit.origin).or_default().push(example.target);
        }
        let text = |(origin, targets): (Origin, Vec<f32>)| {
            let (least, most) = targets.iter().fold((1f32, 0f32), |(a, b), &target| (a.min(target), b.max(target)));
            let name = format!("{} {}", targets.len(), origin.name(classes));
            if least == most && (least == 0.0 || least == 1.0) {
                let class = if least == 1.0 { self.number } else { 1 - self.number };
                return format!("{name} as {}", classes.names[class]);
            }
            let mean = targets.iter().map(|&target| f64::from(target)).sum::<f64>() / targets.len() as f64;
            let wanted = &classes.names[self.number];
            if least == most {
                return format!("{name} as {wanted} with probability {mean:.2}");
            }
            format!("{name} as {wanted} with probability {least:.2} to {most:.2}, {mean:.2} in the mean")
        };
        made.into_iter().map(text).collect()
    }
}

/// Deals the units out anew among the places.
fn deal(places: &mut [&mut Unit], rng: &mut impl rand::Rng) {
    let mut units: Vec<Unit> = places.iter().map(|unit| (**unit).clone()).collect();
    units.shuffle(rng);
    for (place, unit) in places.iter_mut().zip(units) {
        **place = unit;
    }
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

    /// Examples of the class of interest, or that an arm puts in their place or adds; none where no class is of
    /// interest.
    pub fn of_interest(&self) -> Vec<&Example> {
        match self {
            Self::Interest(set) => set.interest.iter().chain(&set.added).collect(),
            Self::Classes(_) => vec![],
        }
    }

    /// What stands beside the real lesions; none where no class is of interest.
    pub fn added(&self) -> &[Example] {
        match self {
            Self::Interest(set) => &set.added,
            Self::Classes(_) => &[],
        }
    }

    /// What training adds to the logit of the class of interest.
    pub fn logit_shift(&self) -> Option<(usize, f32)> {
        match self {
            Self::Interest(set) if set.logit_shift != 0.0 => Some((set.number, set.logit_shift)),
            _ => None,
        }
    }

    /// All lesions, or what stands for them.
    pub fn units(&self) -> Vec<&Unit> {
        match self {
            Self::Interest(set) => set.examples().map(|example| &example.unit).collect(),
            Self::Classes(set) => set.classes.iter().flatten().collect(),
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

    /// "10 real rim, 20 real non-rim, 5 denoised contested as rim": lesions by origin, with the label of those that are
    /// not agreed.
    pub fn lesions_text(&self, classes: &Classes) -> String {
        let agreed = self.lesions_by_origin().into_iter().filter(|(origin, _)| origin.is_agreed());
        let mut parts: Vec<String> =
            agreed.map(|(origin, count)| format!("{count} {}", origin.name(classes))).collect();
        match self {
            Self::Interest(set) => parts.extend(set.made_text(classes)),
            Self::Classes(_) => {
                let made = self.lesions_by_origin().into_iter().filter(|(origin, _)| origin.made_of_class().is_some());
                parts.extend(made.map(|(origin, count)| format!("{count} {}", origin.name(classes))));
            }
        }
        parts.join(", ")
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
        match self {
            Self::Interest(set) => set.shuffle_labels(rng),
            Self::Classes(set) => deal(&mut set.classes.iter_mut().flatten().collect::<Vec<_>>(), rng),
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
            ..InterestSet::default()
        });
        let text = concat!(
            r#"{"rims":[{"unit":{"origin":"Rim","rows":[3],"lesion":null},"target":1.0}],"#,
            r#""others":[],"rims_per_batch":2,"rim_weight":1.5}"#
        );
        assert_eq!(serde_json::to_string(&set).unwrap(), text);
    }
}

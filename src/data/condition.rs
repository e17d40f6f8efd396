//! What a conditional generator is told about a training slice: its class.

use std::collections::{BTreeSet, HashSet};

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::dataset::Prepared;
use super::image_labels::in_order;
use super::manifest::{Class, Lesion};
use super::slices::TrainSlices;
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Where the classes of a conditional generator come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The class of interest alone, or all classes where none is of interest; the generator is told nothing.
    #[default]
    None,
    /// The class of interest and the other, as both readers say; contested lesions are left out.
    Readers,
    /// The labels that the source gives, each a class: the data set's own classes where it was prepared so.
    Labels,
}

/// Training slices and what the generator is told about each.
#[derive(Clone, Debug)]
pub struct Conditioned {
    /// In the manifest's order.
    pub slices: TrainSlices,
    /// Names of the classes by their numbers; empty without condition.
    pub names: Vec<String>,
    /// Class of each slice; empty without condition.
    pub classes: Vec<usize>,
    /// The class that holds the items of interest and nothing else, where there is one.
    pub interest: Option<usize>,
}

impl Conditioned {
    /// Chooses the slices: all training slices of interest, and with classes the others too, by the readers' classes
    /// `others_per_interest` lesions for each of interest at most (drawn by `seed`; 0 takes all).
    ///
    /// # Errors
    /// Labels are asked for and the source has none, readers' classes where none is of interest, or there is but one
    /// class.
    pub fn choose(data: &Prepared, condition: Condition, others_per_interest: f64, seed: RunSeed) -> Result<Self> {
        let classes = data.classes();
        let own = |lesion: &Lesion| data.class_of(lesion).unwrap_or_default();
        let names = || classes.names.iter().map(|class| class.name().to_owned()).collect();
        match condition {
            Condition::None => {
                Ok(Self { slices: data.training_of_interest(), names: vec![], classes: vec![], interest: None })
            }
            Condition::Readers => {
                let Some(interest) = &classes.of_interest else {
                    return Err(Problem::usage("readers' classes for a data set whose classes are its labels")
                        .at(data.root())
                        .advice("train with condition = \"labels\""));
                };
                let slices = readers_slices(data, interest, others_per_interest, seed);
                Self::classed(data, slices, names(), own)
            }
            Condition::Labels if classes.of_interest.is_none() => {
                Self::classed(data, data.training_of_interest(), names(), own)
            }
            Condition::Labels => {
                let slices = data.training_all();
                let names = label_names(&slices).map_err(|problem| problem.at(data.root()))?;
                let numbers = names.clone();
                Self::classed(data, slices, names, move |lesion| {
                    let label = lesion.label.as_deref();
                    numbers.iter().position(|name| Some(name.as_str()) == label).expect("every label was listed")
                })
            }
        }
    }

    fn classed(
        data: &Prepared,
        slices: TrainSlices,
        names: Vec<String>,
        class: impl Fn(&Lesion) -> usize,
    ) -> Result<Self> {
        let classes: Vec<usize> = slices.entries().map(|(_, lesion)| class(lesion)).collect();
        let present: BTreeSet<usize> = classes.iter().copied().collect();
        if present.len() < 2 {
            return Err(Problem::input(data.root(), format!("{} class of training slices", present.len()))
                .expected("at least 2 for a conditional generator")
                .advice("train without condition, or prepare with another split"));
        }
        let interest = data.classes().of_interest.as_ref();
        let nothing_else = |wanted: usize| {
            let own = slices.entries().zip(&classes).filter(|(_, class)| **class == wanted);
            own.map(|((_, lesion), _)| &lesion.class).all(|class| Some(class) == interest)
        };
        let interest = present.iter().copied().find(|&class| nothing_else(class));
        Ok(Self { slices, names, classes, interest })
    }

    /// Slices of each class.
    pub fn counts(&self) -> Vec<u64> {
        let count = |number: usize| self.classes.iter().filter(|&&class| class == number).count() as u64;
        (0..self.names.len()).map(count).collect()
    }
}

fn readers_slices(data: &Prepared, interest: &Class, others_per_interest: f64, seed: RunSeed) -> TrainSlices {
    let wanted: HashSet<Name> = ids(&data.training(interest)).into_iter().collect();
    let mut others = ids(&data.training_of_others());
    others.shuffle(&mut seed.stream("condition.non-rims", 0));
    if others_per_interest > 0.0 {
        others.truncate((wanted.len() as f64 * others_per_interest).round() as usize);
    }
    let chosen: HashSet<Name> = wanted.into_iter().chain(others).collect();
    data.training_all().filter(|lesion| chosen.contains(&lesion.id))
}

/// Of the lesions, in the manifest's order.
fn ids(slices: &TrainSlices) -> Vec<Name> {
    slices.by_lesion().iter().map(|group| slices.entry(group.positions[0]).1.id.clone()).collect()
}

/// Distinct labels; whole numbers in their order, others by the alphabet.
fn label_names(slices: &TrainSlices) -> Result<Vec<String>> {
    let labels: Option<BTreeSet<&str>> = slices.entries().map(|(_, lesion)| lesion.label.as_deref()).collect();
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else {
        return Err(Problem::usage("the source of these images gives them no labels")
            .expected("images whose folder, table or dataset.json names a label for each")
            .advice("train with condition = \"readers\", or without condition"));
    };
    Ok(in_order(labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::tests::small;

    fn prepared() -> Prepared {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path());
        Prepared::open(folder.path()).unwrap()
    }

    #[test]
    fn without_condition_there_are_rims_only() {
        let chosen = Conditioned::choose(&prepared(), Condition::None, 2.0, RunSeed(0)).unwrap();
        assert!(chosen.names.is_empty() && chosen.counts().is_empty());
        assert!(chosen.slices.entries().all(|(_, lesion)| lesion.class == Class::RIM));
    }

    #[test]
    fn readers_classes_are_rims_and_as_many_others_as_asked_for() {
        let chosen = Conditioned::choose(&prepared(), Condition::Readers, 0.5, RunSeed(0)).unwrap();
        assert_eq!((chosen.names.join(" "), chosen.interest), ("non-rim rim".to_owned(), Some(1)));
        // Two training rims and one of the two non-rims, three slices each; nothing contested.
        assert_eq!(chosen.counts(), [3, 6]);
        let all = Conditioned::choose(&prepared(), Condition::Readers, 0.0, RunSeed(0)).unwrap();
        assert_eq!(all.counts(), [6, 6]);
        assert!(all.slices.entries().zip(&all.classes).all(|((_, lesion), &class)| match class {
            1 => lesion.class == Class::RIM,
            _ => lesion.class == Class::NON_RIM,
        }));
    }

    #[test]
    fn labels_that_are_not_there_are_a_problem() {
        let problem = Conditioned::choose(&prepared(), Condition::Labels, 2.0, RunSeed(0)).unwrap_err();
        assert!(problem.to_string().contains("no labels"), "{problem}");
    }
}

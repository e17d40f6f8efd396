//! What a conditional generator is told about a training slice: its class.

use std::collections::{BTreeSet, HashSet};

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::dataset::{Prepared, TrainSlices};
use super::manifest::{Class, Lesion};
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Where the classes of a conditional generator come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Rims only, no classes.
    #[default]
    None,
    /// "non-rim" and "rim", as both readers say; contested lesions are left out.
    Readers,
    /// The labels that the source gives, each a class.
    Labels,
}

/// Training slices and what the generator is told about each.
#[derive(Clone, Debug)]
pub struct Conditioned {
    pub slices: TrainSlices,
    /// Names of the classes by their numbers; empty without condition.
    pub names: Vec<String>,
    /// Class of each slice; empty without condition.
    pub classes: Vec<usize>,
    /// The class that holds the rims and nothing else, where there is one.
    pub rim: Option<usize>,
}

impl Conditioned {
    /// Chooses the slices: all training rims, and with classes the others too, of non-rims `non_rims_per_rim` lesions a rim
    /// at most (drawn by `seed`; 0 takes all).
    ///
    /// # Errors
    /// Labels are asked for and the source has none, or there is but one class.
    pub fn choose(data: &Prepared, condition: Condition, non_rims_per_rim: f64, seed: RunSeed) -> Result<Self> {
        match condition {
            Condition::None => Ok(Self { slices: data.training_rims(), names: vec![], classes: vec![], rim: None }),
            Condition::Readers => {
                let names = ["non-rim", "rim"].map(str::to_owned).to_vec();
                let slices = readers_slices(data, non_rims_per_rim, seed);
                Self::classed(data, slices, names, |lesion| usize::from(lesion.class == Class::Rim))
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
        let rims_only = |wanted: usize| {
            let own = slices.entries().zip(&classes).filter(|(_, class)| **class == wanted);
            own.map(|((_, lesion), _)| lesion.class).all(|class| class == Class::Rim)
        };
        let rim = present.iter().copied().find(|&class| rims_only(class));
        Ok(Self { slices, names, classes, rim })
    }

    /// Slices of each class.
    pub fn counts(&self) -> Vec<u64> {
        let count = |number: usize| self.classes.iter().filter(|&&class| class == number).count() as u64;
        (0..self.names.len()).map(count).collect()
    }
}

fn readers_slices(data: &Prepared, non_rims_per_rim: f64, seed: RunSeed) -> TrainSlices {
    let rims: HashSet<String> = ids(&data.training_rims()).into_iter().collect();
    let mut others = ids(&data.training(Class::NonRim));
    others.shuffle(&mut seed.stream("condition.non-rims", 0));
    if non_rims_per_rim > 0.0 {
        others.truncate((rims.len() as f64 * non_rims_per_rim).round() as usize);
    }
    let chosen: HashSet<String> = rims.into_iter().chain(others).collect();
    data.training_all().filter(|lesion| chosen.contains(&lesion.id))
}

/// Of the lesions, in the manifest's order.
fn ids(slices: &TrainSlices) -> Vec<String> {
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
    let mut names: Vec<String> = labels.into_iter().map(str::to_owned).collect();
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
    }
    Ok(names)
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
        assert!(chosen.slices.entries().all(|(_, lesion)| lesion.class == Class::Rim));
    }

    #[test]
    fn readers_classes_are_rims_and_as_many_others_as_asked_for() {
        let chosen = Conditioned::choose(&prepared(), Condition::Readers, 0.5, RunSeed(0)).unwrap();
        assert_eq!((chosen.names.join(" "), chosen.rim), ("non-rim rim".to_owned(), Some(1)));
        // Two training rims and one of the two non-rims, three slices each; nothing contested.
        assert_eq!(chosen.counts(), [3, 6]);
        let all = Conditioned::choose(&prepared(), Condition::Readers, 0.0, RunSeed(0)).unwrap();
        assert_eq!(all.counts(), [6, 6]);
        assert!(all.slices.entries().zip(&all.classes).all(|((_, lesion), &class)| match class {
            1 => lesion.class == Class::Rim,
            _ => lesion.class == Class::NonRim,
        }));
    }

    #[test]
    fn labels_that_are_not_there_are_a_problem() {
        let problem = Conditioned::choose(&prepared(), Condition::Labels, 2.0, RunSeed(0)).unwrap_err();
        assert!(problem.to_string().contains("no labels"), "{problem}");
    }
}

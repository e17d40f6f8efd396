//! Settings of `variants`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::named::Variant;
use super::recipe;
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::spelling;
use crate::settings::Settings;
use crate::train::TrainConfig;

/// Longest name of a recipe: tables have room for it.
const LONGEST_NAME: usize = 30;

/// Which variants, how often and how long; how each is trained is `train`'s business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VariantsConfig {
    /// In the order of the tables, each once; the others are compared with the first.
    pub names: Vec<Variant>,
    /// Trainings under names of the user's own, in alphabetical order after `names`: settings of `train` by name that
    /// each changes. Unlike a variant, it keeps all else that training is told: its base, its augmentation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub recipes: BTreeMap<Name, Table>,
    /// Trainings of each, from other random weights and with other draws.
    pub seeds: u64,
    /// Length of each training in thousands of images.
    pub kimg: f64,
    /// Distances measured in each training, evenly spaced.
    pub points: u64,
    /// Images drawn of each training for the reading of their classes.
    pub drawn: u64,
}

impl Default for VariantsConfig {
    fn default() -> Self {
        Self { names: Variant::ALL.to_vec(), recipes: BTreeMap::new(), seeds: 3, kimg: 100.0, points: 10, drawn: 600 }
    }
}

impl Settings for VariantsConfig {
    const SECTION: &'static str = "variants";

    fn check(&self) -> Result<()> {
        let mut names = self.names.clone();
        names.sort_unstable();
        names.dedup();
        if (self.names.is_empty() && self.recipes.is_empty()) || names.len() < self.names.len() {
            return Err(Problem::usage("variants.names")
                .expected("at least one variant, each once")
                .advice("correct the list, or leave it out"));
        }
        self.recipes.iter().try_for_each(|(name, changed)| check_recipe(name, changed))?;
        Self::within("seeds", self.seeds, 1, 100)?;
        Self::positive("kimg", self.kimg, 1e9)?;
        Self::within("points", self.points, 1, 1000)?;
        Self::within("drawn", self.drawn, 0, 100_000)
    }
}

/// Refuses names that a folder or a table could not tell apart, and what `train` would refuse.
fn check_recipe(name: &Name, changed: &Table) -> Result<()> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let taken = Variant::ALL.iter().any(|variant| spelling::name(variant) == name.as_str());
    if taken || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(Problem::usage(format!("variants.recipes.{name}"))
            .expected(format!(
                "a name of at most {LONGEST_NAME} letters a to z, digits and hyphens that no variant has"
            ))
            .advice("give the recipe another name"));
    }
    let overruled = ["kimg", "tick_kimg", "frechet_ticks", "checkpoint_ticks", "preview_ticks", "condition"];
    if let Some(key) = overruled.iter().find(|key| changed.contains_key(**key)) {
        return Err(Problem::usage(format!("variants.recipes.{name}.{key}"))
            .expected(
                "what trainings may differ in: all see as many images of the same classes, and are looked at as often",
            )
            .advice("leave it out: variants.kimg, variants.points and what is set for all trainings hold"));
    }
    recipe::over(name, changed, &TrainConfig::default()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_refused_that_training_or_a_table_could_not_take() {
        let said = |text: &str| toml::from_str::<VariantsConfig>(text).unwrap().check().err().map(|it| it.to_string());
        for good in ["[recipes.base]\nbase = \"embedded\"", "names = []\n[recipes.a-4]\nr1_gamma = 1", "[recipes.same]"]
        {
            assert_eq!(said(good), None, "{good}");
        }
        for (bad, why) in [
            ("names = []", "at least one variant"),
            ("[recipes.ada]", "that no variant has"),
            ("[recipes.\"A b\"]", "letters a to z"),
            ("[recipes.a]\nkimg = 3", "variants.recipes.a.kimg"),
            ("[recipes.a]\ncondition = \"labels\"", "variants.recipes.a.condition"),
            ("[recipes.a]\nbas = \"x\"", "unknown field `bas`"),
            ("[recipes.a]\nbatch = \"x\"", "variants.recipes.a"),
            ("[recipes.a]\nbatch = 6", "train.batch = 6"),
        ] {
            assert!(said(bad).is_some_and(|said| said.contains(why)), "{bad}: {:?}", said(bad));
        }
    }
}

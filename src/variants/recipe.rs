//! What is trained under one name: a variant, or settings of the user's own.

use toml::{Table, Value};

use super::config::VariantsConfig;
use super::named::Variant;
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::spelling;
use crate::settings::{self, Settings};
use crate::train::TrainConfig;

/// One of the trainings that are compared.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// In tables and in names of folders.
    pub name: Name,
    /// One line: what it changes.
    pub about: String,
    /// How it is trained.
    pub config: TrainConfig,
}

impl Recipe {
    /// All of them on square images of `side` pixels, in the order of the tables; `usual` is how a network is trained
    /// where nothing else is said.
    ///
    /// # Errors
    /// A recipe of the user's own that `train` could not take.
    pub fn all(config: &VariantsConfig, usual: &TrainConfig, side: i64) -> Result<Vec<Self>> {
        let named = config.names.iter().map(|variant| {
            Ok(Self { name: name(*variant), about: variant.about().into(), config: variant.of(usual, side) })
        });
        let own = config.recipes.iter().map(|(name, changed)| {
            Ok(Self { name: name.clone(), about: about(changed), config: over(name, changed, usual)? })
        });
        named.chain(own).collect()
    }

    /// Their names alone.
    pub fn names(config: &VariantsConfig) -> Vec<Name> {
        config.names.iter().map(|variant| name(*variant)).chain(config.recipes.keys().cloned()).collect()
    }
}

fn name(variant: Variant) -> Name {
    Name::of_known(&spelling::name(&variant))
}

/// `usual` with what the recipe changes.
///
/// # Errors
/// A key that `train` does not have, or a value that it cannot use.
pub(super) fn over(name: &Name, changed: &Table, usual: &TrainConfig) -> Result<TrainConfig> {
    let of = |said: &str| {
        Problem::usage(format!("variants.recipes.{name}: {}", said.lines().next().unwrap_or_default()))
            .advice("it holds settings as the section [train] has them: correct it, or leave it out")
    };
    let config: TrainConfig = settings::over(changed.clone(), usual).map_err(|error| of(error.message()))?;
    config.check().map_err(|problem| of(&problem.to_string()))?;
    Ok(config)
}

/// "ada.ceiling = 0.25, base = \"embedded\"".
fn about(changed: &Table) -> String {
    fn said(within: &str, table: &Table) -> Vec<String> {
        let one = |(key, value): (&String, &Value)| match value {
            Value::Table(inner) => said(&format!("{within}{key}."), inner),
            value => vec![format!("{within}{key} = {value}")],
        };
        table.iter().flat_map(one).collect()
    }
    said("", changed).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::BaseChoice;

    fn config(text: &str) -> VariantsConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn own_recipes_come_after_the_named_ones_and_change_what_is_usual() {
        let usual = TrainConfig { base: BaseChoice::Embedded, kimg: 3.0, ..TrainConfig::default() };
        let text =
            "names = [\"ada\"]\n[recipes.soft]\nr1_gamma = 0.5\nada = { ceiling = 0.25 }\n[recipes.deep]\nbatch = 8";
        let all = Recipe::all(&config(text), &usual, 32).unwrap();
        let names: Vec<&str> = all.iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(names, ["ada", "deep", "soft"]);
        assert_eq!(Recipe::names(&config(text)), all.iter().map(|recipe| recipe.name.clone()).collect::<Vec<_>>());
        // A named variant starts at random weights, an own recipe where training usually does.
        assert_eq!(all[0].config.base, BaseChoice::None);
        let mut soft = TrainConfig { r1_gamma: Some(0.5), ..usual.clone() };
        soft.ada.ceiling = 0.25;
        assert_eq!(all[2].config, soft);
        assert_eq!(all[1].config, TrainConfig { batch: 8, ..usual });
        assert_eq!(all[2].about, "ada.ceiling = 0.25, r1_gamma = 0.5");
    }
}

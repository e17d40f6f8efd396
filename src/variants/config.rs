//! Settings of `variants`.

use serde::{Deserialize, Serialize};

use super::named::Variant;
use crate::problem::{Problem, Result};
use crate::settings::Settings;

/// Which variants, how often and how long; how each is trained is `train`'s business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VariantsConfig {
    /// In the order of the tables, each once; the others are compared with the first.
    pub names: Vec<Variant>,
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
        Self { names: Variant::ALL.to_vec(), seeds: 3, kimg: 100.0, points: 10, drawn: 600 }
    }
}

impl Settings for VariantsConfig {
    const SECTION: &'static str = "variants";

    fn check(&self) -> Result<()> {
        let mut names = self.names.clone();
        names.sort_unstable();
        names.dedup();
        if self.names.is_empty() || names.len() < self.names.len() {
            return Err(Problem::usage("variants.names")
                .expected("at least one variant, each once")
                .advice("correct the list, or leave it out"));
        }
        Self::within("seeds", self.seeds, 1, 100)?;
        Self::positive("kimg", self.kimg, 1e9)?;
        Self::within("points", self.points, 1, 1000)?;
        Self::within("drawn", self.drawn, 0, 100_000)
    }
}

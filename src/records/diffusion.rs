//! What a simulated set of diffusion-weighted examinations holds and whether it passes its gates.

use serde::{Deserialize, Serialize};

use super::cohort::Gate;
use crate::name::Inside;

/// `record.json` of a simulated set of diffusion-weighted examinations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffusionRecord {
    /// Always: real examinations have no record of this kind.
    pub simulated: bool,
    /// Of the simulation.
    pub seed: u64,
    /// Persons of both groups.
    pub persons: u64,
    /// Each group.
    pub groups: Vec<DiffusionGroup>,
    /// What was checked.
    pub gates: Vec<Gate>,
    /// PNG of example persons, relative to the folder.
    pub gallery: Option<Inside>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffusionGroup {
    /// As in the table of persons: "healthy", "ms".
    pub key: String,
    /// Persons of it.
    pub persons: u64,
    /// Mean age, years.
    pub age: f64,
    /// Mean fractional anisotropy of white matter away from lesions, 0 to 1.
    pub white_fa: f64,
    /// Lesions of all of them.
    pub lesions: u64,
    /// Median volume of a person's lesions, ml.
    pub lesion_ml: f64,
}

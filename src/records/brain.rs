//! What a simulated set of gliomas holds and whether it passes its gates.

use serde::{Deserialize, Serialize};

use super::cohort::Gate;
use crate::name::Inside;

/// `record.json` of a simulated set of gliomas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrainRecord {
    /// Always: real brains have no record of this kind.
    pub simulated: bool,
    /// Of the simulation.
    pub seed: u64,
    /// Cases of all populations.
    pub cases: u64,
    /// Each of them.
    pub populations: Vec<BrainPopulation>,
    /// What was checked.
    pub gates: Vec<Gate>,
    /// PNG of example cases, relative to the folder.
    pub gallery: Option<Inside>,
}

/// One population.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrainPopulation {
    /// As in the cases' names: "SSA".
    pub key: String,
    /// Cases of it.
    pub cases: u64,
    /// Of these, cases by scanner.
    pub scanners: Vec<(String, u64)>,
    /// Median volume of the whole tumour with what swells around it, ml.
    pub whole_ml: f64,
    /// Of necrosis and dark core, of swelling, of what takes up contrast: cases in which it is labelled.
    pub labelled: [u64; 3],
}

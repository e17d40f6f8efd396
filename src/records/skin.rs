//! What a set of simulated dermoscopic pictures holds and whether it passes its gates.

use serde::{Deserialize, Serialize};

use super::cohort::Gate;
use crate::name::Inside;

/// `record.json` of a simulated set of dermoscopic pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkinRecord {
    /// Always: real pictures have no record of this kind.
    pub simulated: bool,
    /// Of the simulation.
    pub seed: u64,
    /// Side of a picture, pixels.
    pub side: u32,
    /// Lesions of all classes.
    pub lesions: u64,
    /// Pictures of them, one to six each.
    pub images: u64,
    /// By class, in the order of the challenge's tables.
    pub classes: Vec<SkinClass>,
    /// Cohen's kappa between the two simulated readers' calls of melanoma; none where one of them calls all alike.
    pub kappa: Option<f64>,
    /// What was checked.
    pub gates: Vec<Gate>,
    /// PNG of example pictures, relative to the folder.
    pub gallery: Option<Inside>,
}

/// One class of the set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkinClass {
    /// As in the metadata: "nv".
    pub dx: String,
    /// Lesions of it.
    pub lesions: u64,
    /// Pictures of these.
    pub images: u64,
    /// Lesions that the first and the second reader call melanoma.
    pub called: [u64; 2],
}

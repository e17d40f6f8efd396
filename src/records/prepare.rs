//! What `prepare` made of a cohort.

use serde::{Deserialize, Serialize};

use super::classes::Class;
use super::{FileHash, Interval};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrepareRecord {
    pub simulated: bool,
    pub contrasts: Vec<String>,
    pub patients: u64,
    pub lesions: u64,
    pub slices: u64,
    pub kappa: Option<f64>,
    /// Of kappa, over patients.
    #[serde(default)]
    pub kappa_interval: Option<Interval>,
    /// Lesions by split and class.
    pub counts: Vec<SplitCount>,
    /// Patients and pixel hashes found on two sides; both 0, or `prepare` had failed.
    pub patients_on_two_sides: u64,
    pub pixel_hashes_on_two_sides: u64,
    /// Voxels that were NaN or infinite and were replaced.
    pub non_finite_voxels: u64,
    /// Facts a reader of the numbers should know: windows and what the training values suggest, normalisation,
    /// where the patient of an image comes from, what was padded or left out.
    #[serde(default)]
    pub notes: Vec<String>,
    pub inputs: Vec<FileHash>,
    pub seed: u64,
}

/// Lesions of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitCount {
    /// "train", "validation" or "test".
    pub split: String,
    pub patients: u64,
    pub rim: u64,
    pub ambiguous: u64,
    pub non_rim: u64,
    /// By class, the contested state last, where the classes are others than those three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassCount>,
}

/// Items of one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Or the contested state.
    pub class: Class,
    /// How many.
    pub items: u64,
}

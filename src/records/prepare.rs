//! What `prepare` made of a cohort.

use serde::{Deserialize, Serialize};

use super::classes::Class;
use super::{FileHash, Interval};
use crate::name::Inside;

/// `record.json` of `prepare`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrepareRecord {
    /// The cohort says that it is simulated.
    pub simulated: bool,
    /// Names of the channels, in their order.
    pub contrasts: Vec<String>,
    /// Patients with a lesion.
    pub patients: u64,
    /// Lesions of all sides.
    pub lesions: u64,
    /// Slices of all lesions.
    pub slices: u64,
    /// Cohen's kappa of two readers; absent where there are no readers.
    pub kappa: Option<f64>,
    /// Of kappa, over patients.
    #[serde(default)]
    pub kappa_interval: Option<Interval>,
    /// Lesions by split and class.
    pub counts: Vec<SplitCount>,
    /// Patients and pixel hashes found on two sides; both 0, or `prepare` had failed.
    pub patients_on_two_sides: u64,
    /// Equal slices found on two sides; 0 as well.
    pub pixel_hashes_on_two_sides: u64,
    /// Voxels that were NaN or infinite and were replaced.
    pub non_finite_voxels: u64,
    /// Facts a reader of the numbers should know: windows and what the training values suggest, normalisation,
    /// where the patient of an image comes from, what was padded or left out.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Of a cohort with an agreed rim on the training side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_figure: Option<PatientFigure>,
    /// Of a cohort with lesions on the training side; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lesion_figure: Option<LesionFigure>,
    /// Of brains: what of each volume maps to the network's range, so that it can be undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<VolumeWindowed>,
    /// Files that were read.
    pub inputs: Vec<FileHash>,
    /// Of the split.
    pub seed: u64,
}

/// How the levels of one volume were brought to 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeWindowed {
    /// "BraTS-SSA-00002-000".
    pub case: String,
    /// "t1c".
    pub contrast: String,
    /// Which way its axes ran in the file: "RAS", "LPS".
    pub stored: String,
    /// The level that became 0.
    pub low: f64,
    /// The level that became 1.
    pub high: f64,
}

/// Lesions of each kind in every contrast, for the eye.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LesionFigure {
    /// In the folder.
    pub file: Inside,
    /// Contrasts from above, each with its window.
    pub contrasts: Vec<String>,
    /// How many are shown.
    pub lesions: u64,
}

/// A slice of a patient with arrows at lesions, for the eye.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientFigure {
    /// In the folder.
    pub file: Inside,
    /// Whose.
    pub patient: String,
    /// From the lowest, 0.
    pub slice: u64,
    /// Contrasts from left to right, each with its window.
    pub contrasts: Vec<String>,
    /// Lesions cut that both readers call rim.
    pub rims: u64,
    /// That one reader does.
    pub contested: u64,
    /// That neither does.
    pub others: u64,
}

/// Patients of one side and their lesions by class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitCount {
    /// "train", "validation" or "test".
    pub split: String,
    /// Patients on this side.
    pub patients: u64,
    /// Lesions that both readers call rim.
    pub rim: u64,
    /// Lesions that one reader calls rim.
    pub ambiguous: u64,
    /// Lesions that no reader calls rim.
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

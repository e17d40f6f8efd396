//! What a cohort holds and whether it passes its gates.

use serde::{Deserialize, Serialize};

use crate::name::Inside;

/// `record.json` of a cohort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CohortRecord {
    /// Made by a simulator, not read from scans.
    pub simulated: bool,
    /// Name of the preset for a simulated cohort.
    pub preset: Option<String>,
    /// Of the simulation.
    pub seed: Option<u64>,
    /// Patients in the cohort.
    pub patients: u64,
    /// Lesions of all patients.
    pub lesions: u64,
    /// Both readers say rim.
    pub agreed_rims: u64,
    /// Exactly one reader says rim.
    pub ambiguous: u64,
    /// No reader says rim.
    pub non_rims: u64,
    /// Lesions that the first reader calls rims.
    pub reader1_rims: u64,
    /// Lesions that the second reader calls rims.
    pub reader2_rims: u64,
    /// Cohen's kappa between the readers.
    pub kappa: f64,
    /// Patients by their number of agreed rims: (rims, patients).
    pub rims_per_patient: Vec<(u64, u64)>,
    /// Known only where the cohort was simulated.
    pub truth: Option<TruthCounts>,
    /// What was checked.
    pub gates: Vec<Gate>,
    /// PNG of example lesions, relative to the cohort folder.
    pub gallery: Option<Inside>,
}

/// What is known of one participant, whose files were read as `prepare` reads them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParticipantRecord {
    /// "sub-001".
    pub participant: String,
    /// Made by a simulator, not read from scans.
    pub simulated: bool,
    /// Of the label map, along x, y, z in mm.
    pub voxel_mm: [f64; 3],
    /// Lesions with votes of both readers.
    pub lesions: u64,
    /// Both readers say rim.
    pub agreed_rims: u64,
    /// Exactly one reader says rim.
    pub ambiguous: u64,
    /// No reader says rim.
    pub non_rims: u64,
}

/// How the readers' votes relate to the true label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthCounts {
    /// Lesions that truly are rims.
    pub rims: u64,
    /// Of the agreed rims, those that truly are.
    pub agreed_true: u64,
    /// Of the ambiguous lesions, those that truly are rims.
    pub ambiguous_true: u64,
    /// True rims that no reader calls rim.
    pub missed_by_both: u64,
}

/// A number that must lie in a range for the cohort to be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// What is measured.
    pub name: String,
    /// Of `value`, `low` and `high`; empty for a pure number.
    pub unit: String,
    /// What this cohort has.
    pub value: f64,
    /// Least that is believed.
    pub low: f64,
    /// Most that is believed.
    pub high: f64,
    /// `value` lies within both.
    pub passed: bool,
    /// Where the range comes from.
    pub source: String,
}

impl Gate {
    /// Whether `value` lies from `low` to `high`; no NaN does.
    pub fn new(name: impl Into<String>, unit: &str, value: f64, [low, high]: [f64; 2], source: &str) -> Self {
        let passed = (low..=high).contains(&value);
        Self { name: name.into(), unit: unit.into(), value, low, high, passed, source: source.into() }
    }
}

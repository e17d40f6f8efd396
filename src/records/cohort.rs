//! What a cohort holds and whether it passes its gates.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CohortRecord {
    pub simulated: bool,
    /// Name of the preset for a simulated cohort.
    pub preset: Option<String>,
    pub seed: Option<u64>,
    pub patients: u64,
    pub lesions: u64,
    /// Both readers say rim.
    pub agreed_rims: u64,
    /// Exactly one reader says rim.
    pub ambiguous: u64,
    /// No reader says rim.
    pub non_rims: u64,
    pub reader1_rims: u64,
    pub reader2_rims: u64,
    /// Cohen's kappa between the readers.
    pub kappa: f64,
    /// Patients by their number of agreed rims: (rims, patients).
    pub rims_per_patient: Vec<(u64, u64)>,
    /// Known only where the cohort was simulated.
    pub truth: Option<TruthCounts>,
    pub gates: Vec<Gate>,
    /// PNG of example lesions, relative to the cohort folder.
    pub gallery: Option<String>,
}

/// How the readers' votes relate to the true label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthCounts {
    pub rims: u64,
    pub agreed_true: u64,
    pub ambiguous_true: u64,
    pub missed_by_both: u64,
}

/// A number that must lie in a range for the cohort to be believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub name: String,
    pub unit: String,
    pub value: f64,
    pub low: f64,
    pub high: f64,
    pub passed: bool,
    /// Where the range comes from.
    pub source: String,
}

//! The arms of the experiment and their scores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Confusion, Interval};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifyRecord {
    /// How slice scores become a lesion's.
    pub pooling: String,
    pub optimiser_steps: u64,
    pub batch: u64,
    pub seeds: Vec<u64>,
    /// Where the threshold comes from.
    pub threshold_rule: String,
    pub test: TestSetRecord,
    pub arms: Vec<ArmRecord>,
    /// Arm minus "None", paired over the same test lesions.
    pub differences: Vec<DifferenceRecord>,
    pub parameters: u64,
    /// Rims that each arm but "None" adds; fewer than asked for where the training side has fewer contested lesions.
    #[serde(default)]
    pub extra_rims: u64,
    /// Rims in every batch, the same for all arms unless an arm's description says otherwise.
    #[serde(default)]
    pub rims_per_batch: u64,
    /// "shuffle-labels" or "duplicate-leak": the numbers test the machinery and say nothing about the arms.
    #[serde(default)]
    pub control: Option<String>,
    /// What a reader of the numbers should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestSetRecord {
    pub patients: u64,
    pub lesions: u64,
    pub rims: u64,
    pub ambiguous: u64,
    pub non_rims: u64,
    /// Agreed rims / lesions.
    pub prevalence: f64,
    /// True rims / lesions, in a simulated cohort.
    pub true_prevalence: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArmRecord {
    /// "None", "Ambiguous", "Affine", "ADA-GAN", "ADA-GAN-LD", "ADA-GAN+LD".
    pub name: String,
    pub description: String,
    /// Training slices by origin: ("real rim", 200), ("synthetic", 100), ...
    pub training_slices: Vec<(String, u64)>,
    pub per_seed: Vec<SeedScores>,
    /// Metric name -> mean over seeds with its interval, against the readers' agreed label (a contested lesion is no rim).
    /// "certain_..." leaves contested test lesions out; "..._at_3.3_percent" is reweighted to that share of rims.
    pub against_readers: BTreeMap<String, Interval>,
    /// The same against the true label; empty unless simulated. Keys as in `against_readers`; "ambiguous_..." among the
    /// contested test lesions alone.
    pub against_truth: BTreeMap<String, Interval>,
    /// Share of the added rims' originals that truly are rims (Wilson, over all repetitions' draws of real lesions);
    /// absent without truth or where nothing real was added.
    #[serde(default)]
    pub extra_label_precision: Option<Interval>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedScores {
    pub seed: u64,
    pub threshold: f64,
    pub against_readers: BTreeMap<String, f64>,
    pub against_truth: BTreeMap<String, f64>,
    pub confusion: Confusion,
    pub confusion_truth: Option<Confusion>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferenceRecord {
    pub arm: String,
    pub metric: String,
    /// "readers" or "truth".
    pub against: String,
    pub difference: Interval,
}

/// Name of the arm of real lesions alone, which all others are compared with.
pub const NONE: &str = "None";

/// Names of the arms that add denoised lesions: alone, and with synthetic ones.
pub const DENOISED: [&str; 2] = ["ADA-GAN-LD", "ADA-GAN+LD"];

impl ClassifyRecord {
    /// The arm of real lesions alone, wherever it stands; `None` where it was not run.
    pub fn none(&self) -> Option<&ArmRecord> {
        self.arms.iter().find(|arm| arm.name == NONE)
    }
}

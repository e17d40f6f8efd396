//! Masks of rims on held-out lesions, arm by arm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Interval;
use super::arithmetic::Arithmetic;
use super::evaluate::Measure;

/// `record.json` of `segment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// Everything real is simulated.
    pub simulated: bool,
    /// Manifest of the data set.
    pub data_sha256: String,
    /// Of every draw.
    pub seed: u64,
    /// What the network sees.
    pub contrasts: Vec<String>,
    /// Trainable numbers of one network.
    pub parameters: u64,
    /// Of the optimiser, in every arm.
    pub steps: u64,
    /// Slices in a batch of real lesions.
    pub batch: u64,
    /// Repetitions of every arm.
    pub seeds: u64,
    /// What is measured on.
    pub test: SegmentedTest,
    /// What was measured, in the order of the tables.
    pub measures: Vec<Measure>,
    /// In the order asked for.
    pub arms: Vec<SegmentedArm>,
    /// Dice of two readers' tracings of the same rims; absent where it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers_dice: Option<Interval>,
    /// What a reader of the numbers should know.
    pub notes: Vec<String>,
    /// How the fits were computed, each way once.
    pub computed_with: Vec<Arithmetic>,
}

/// Held-out lesions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentedTest {
    /// Patients of all of them.
    pub patients: u64,
    /// Agreed lesions of interest.
    pub rims: u64,
    /// Of these, with a traced mask: overlap is measured on them.
    pub traced: u64,
    /// Patients of those.
    pub traced_patients: u64,
    /// Agreed lesions of the other class.
    pub rim_free: u64,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentedArm {
    /// As in the settings.
    pub key: String,
    /// In tables.
    pub name: String,
    /// What it learns from.
    pub about: String,
    /// Its training set in numbers.
    pub lesions: String,
    /// Means over the repetitions, by key; a measure that is undefined is not there.
    pub measures: BTreeMap<String, Interval>,
    /// The same less those of the arm "Real", on the same lesions; empty for it, and without it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub differences: BTreeMap<String, Interval>,
    /// Dice of each repetition: how differently fits of one arm come out.
    pub dice_by_seed: Vec<f64>,
}

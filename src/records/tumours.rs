//! Regions of gliomas on held-out patients of a rare and of a frequent population, arm by arm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Interval;
use super::arithmetic::Arithmetic;

/// `record.json` of `tumours`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TumoursRecord {
    /// Everything real is simulated.
    pub simulated: bool,
    /// Manifest of the data set.
    pub data_sha256: String,
    /// Of every draw.
    pub seed: u64,
    /// The under-represented population.
    pub rare: String,
    /// The others.
    pub frequent: Vec<String>,
    /// What the network sees.
    pub contrasts: Vec<String>,
    /// Trainable numbers of one network.
    pub parameters: u64,
    /// Of the optimiser, in every arm.
    pub steps: u64,
    /// Slices in a batch.
    pub batch: u64,
    /// Weight of the loss of drawn pairs.
    pub extra_weight: f64,
    /// Repetitions of every arm.
    pub seeds: u64,
    /// What is measured on; a group without a test patient is not there.
    pub test: BTreeMap<Group, TumourTest>,
    /// What was measured, in the order of the tables.
    pub regions: Vec<TumourRegion>,
    /// In the order asked for.
    pub arms: Vec<TumourArm>,
    /// What a reader of the numbers should know.
    pub notes: Vec<String>,
    /// How the fits were computed, each way once.
    pub computed_with: Vec<Arithmetic>,
}

/// Patients that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Of the rare population.
    Rare,
    /// Of the others.
    Frequent,
}

impl Group {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 2] = [Self::Rare, Self::Frequent];
}

/// Held-out patients of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TumourTest {
    /// All of them.
    pub patients: u64,
    /// Their slices, of all planes.
    pub slices: u64,
    /// Patients whose slices do not show a region, by its key: they are left out of its mean.
    pub without: BTreeMap<String, u64>,
}

/// A part of the tumour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TumourRegion {
    /// In files.
    pub key: String,
    /// In tables.
    pub name: String,
    /// Its labels.
    pub about: String,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TumourArm {
    /// As in the settings.
    pub key: String,
    /// In tables.
    pub name: String,
    /// What it learns from.
    pub about: String,
    /// The same in numbers.
    pub learns: TumourSlices,
    /// On each group of test patients.
    pub groups: BTreeMap<Group, TumourDice>,
}

/// Slices of a training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TumourSlices {
    /// Real ones of the frequent populations.
    pub frequent: u64,
    /// Real ones of the rare population.
    pub rare: u64,
    /// Drawn pairs of the rare population.
    pub drawn: u64,
}

/// Dice of an arm on a group of patients, by region; what is undefined is not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TumourDice {
    /// Means over patients and repetitions.
    pub dice: BTreeMap<String, Interval>,
    /// The same less those of the arm "frequent", on the same patients; empty for it, and without it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub differences: BTreeMap<String, Interval>,
    /// Of each repetition: how differently fits of one arm come out.
    pub by_seed: BTreeMap<String, Vec<f64>>,
}

//! How far sets of images lie from held-out real ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Interval;

/// `record.json` of `evaluate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Everything real is simulated.
    pub simulated: bool,
    /// Manifest of the data set; absent where a network was looked at alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// Of every draw.
    pub seed: u64,
    /// Net behind the distances between sets.
    pub features: String,
    /// Numbers an image that it gives.
    pub dimensions: u64,
    /// Net behind the distances between two images.
    pub perceptual: String,
    /// What was measured, in the order of the tables.
    pub measures: Vec<Measure>,
    /// The held-out images that all others are compared with; absent without a data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<EvaluatedSet>,
    /// Tables of sets, each at one number of images.
    pub comparisons: Vec<Comparison>,
    /// The network alone; absent where none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkCurves>,
    /// What stands between these numbers and what they are usually taken for.
    pub warnings: Vec<String>,
}

/// A number that sets are told apart by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// As in [`EvaluatedSet::measures`].
    pub key: String,
    /// With the net behind it; a published name only where the weights are the published ones.
    pub name: String,
    /// "ppb", "mm"; empty for a plain number.
    pub unit: String,
    /// What a better set has.
    pub better: Better,
    /// What it shows and does not show.
    pub about: String,
}

/// Where a good set lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// Nearer to the held-out ones.
    Lower,
    /// More of them.
    Higher,
    /// Where the held-out ones lie themselves.
    Alike,
}

/// What a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Each set by itself.
    Sets,
    /// The training sets that classifiers learn from (the paper's table 2).
    TrainingSets,
    /// Real images blurred more and more: does a measure see it?
    Blurred,
    /// Real images whose rim is lowered more and more.
    Flattened,
    /// A network at several truncations.
    Truncation,
}

impl Topic {
    /// Over its table on a terminal.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sets => "each set by itself",
            Self::TrainingSets => "training sets",
            Self::Blurred => "yardstick: real images blurred",
            Self::Flattened => "yardstick: rims lowered",
            Self::Truncation => "the network at several truncations",
        }
    }
}

/// Sets at one number of images against the same held-out ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What it is about.
    pub topic: Topic,
    /// Images of each set and of the held-out ones.
    pub images: u64,
    /// The first is the floor: real training images.
    pub sets: Vec<EvaluatedSet>,
    /// Of a yardstick: whether each measure that is better lower grows from step to step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rises: BTreeMap<String, bool>,
}

/// A set of images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedSet {
    /// "real rims", "ADA-GAN".
    pub name: String,
    /// What is in it.
    pub about: String,
    /// Images that it has; drawn from them were as many as the comparison says.
    pub available: u64,
    /// Patients, or images drawn one by one, among those that were drawn.
    pub groups: u64,
    /// By key; a measure that is undefined is not there.
    pub measures: BTreeMap<String, Interval>,
}

/// What is known of a network without real images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkCurves {
    /// Of the network's file.
    pub sha256: String,
    /// Class that was asked of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Perceptual path length in W; absent where no paths were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_length: Option<PathLength>,
}

/// How much an image changes along a short step in W.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathLength {
    /// With the net behind it.
    pub name: String,
    /// Trimmed mean.
    pub length: Interval,
    /// As a share of the way between two w.
    pub step: f64,
}

//! What was measured on volumes.

use serde::{Deserialize, Serialize};

/// A measure of drawn volumes beside the same measure of real ones at the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BesideReal {
    /// What it is, with its features, kernel or window.
    pub name: String,
    /// "lower is nearer", "lower is more varied", "higher is farther".
    pub meaning: String,
    /// Of drawn volumes.
    pub drawn: f64,
    /// Of real ones in their place.
    pub real: f64,
}

/// `record.json` of `evaluate` on volumes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeEvaluation {
    /// Whether the data set is of a simulation.
    pub simulated: bool,
    /// Of the network that drew.
    pub network_sha256: String,
    /// Manifest of the data set.
    pub data_sha256: String,
    /// Channels, depth, height, width.
    pub shape: [usize; 4],
    /// Volumes in each of the two halves of the training patients and of the drawn set.
    pub volumes: u64,
    /// All measures.
    pub measures: Vec<BesideReal>,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

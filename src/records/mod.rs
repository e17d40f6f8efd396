//! Plain records of what a stage found, written as JSON in its folder and read by the report.
//!
//! No logic and no engine here: a report built from these cannot start a computation.

use serde::{Deserialize, Serialize};

pub mod spelling;

pub mod label;

pub mod classes;

pub mod arithmetic;

pub mod precision;

pub mod cohort;

pub mod brain;

pub mod diffusion;

pub mod skin;

pub mod prepare;

pub mod training;

pub mod variants;

pub mod volumes;

pub mod glioma;

pub mod projection_accuracy;

pub mod synthesis;

pub mod projection;

pub mod perturbation;

pub mod residuals;

pub mod directions;

pub mod invert;

pub mod two_sided;

pub mod units;

pub mod classify;

pub mod evaluate;

pub mod explain;

pub mod edit;

pub mod dermatoscopy;

pub mod evidence;

pub mod segment;

pub mod tumours;

pub mod reading;

pub mod review;

pub mod study;

/// A number with its uncertainty; rimforge prints none without.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower limit at `level`.
    pub low: f64,
    /// Upper limit at `level`.
    pub high: f64,
    /// Confidence level, 0.95 unless told.
    pub level: f64,
    /// Units that were resampled or counted (patients for a cluster bootstrap).
    pub n: u64,
    /// "patient-cluster bootstrap, 2000 draws", "Wilson", ...
    pub method: String,
}

impl Interval {
    /// How the method of one ends that is a single patient's number, whose limits say nothing.
    pub const OF_ONE: &str = "one patient alone carries it, so there is no interval";

    /// Whether it has limits in form only, because one patient alone carries the number.
    pub fn is_of_one(&self) -> bool {
        self.method.ends_with(Self::OF_ONE)
    }
}

/// Counts at one threshold; rim is the positive class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Rims called rim.
    pub true_positive: u64,
    /// Others called rim.
    pub false_positive: u64,
    /// Others not called rim.
    pub true_negative: u64,
    /// Rims not called rim.
    pub false_negative: u64,
}

/// A file that a result was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// Relative to the folder that the record describes.
    pub path: String,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
}

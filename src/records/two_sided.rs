//! What projections of the same lesions as of one class and as of the other say about the class.

use serde::{Deserialize, Serialize};

use super::Interval;
use crate::name::{Inside, Name};

/// `record.json` of `two-sided`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoSidedRecord {
    /// Of the network that was projected into, both times.
    pub network_sha256: String,
    /// Manifest of the data set that the network was trained on, as it says itself.
    pub data_sha256: Option<String>,
    /// Manifests of the data sets that its weights knew before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestor_data: Vec<String>,
    /// Manifest of the data set whose lesions were projected; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projected_sha256: Option<String>,
    /// Name of the feature net that losses were measured with.
    pub features: String,
    /// Optimiser steps of each image.
    pub steps: u64,
    /// The class of interest, "rim", and the other.
    pub classes: [String; 2],
    /// Assumed share of those of interest among the contested.
    pub prior: f64,
    /// What makes probabilities of the losses.
    pub calibration: CalibrationRecord,
    /// How well that holds on agreed lesions, by side.
    pub agreed: Vec<AgreedSide>,
    /// Every lesion that was projected both ways: the contested ones first.
    pub lesions: Vec<TwoSidedLesion>,
    /// Contested lesions beside both projections; absent without any.
    pub sheet: Option<Inside>,
    /// Lesions on the sheet.
    pub shown: u64,
    /// What is true of the contested; only scoring writes it, in a study of a simulated cohort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<TwoSidedTruth>,
}

/// A logistic regression on what both losses say: log-odds = intercept + slopes . (inputs - centres) / scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRecord {
    /// "validation" (the generator has not seen them) or "train".
    pub side: String,
    /// Agreed lesions that it was fitted on.
    pub lesions: u64,
    /// Of those, of interest.
    pub of_interest: u64,
    /// Patients of theirs.
    pub patients: u64,
    /// What goes in, in words.
    pub inputs: Vec<String>,
    /// Mean of each input over the lesions.
    pub centres: Vec<f64>,
    /// Deviation of each input over the lesions.
    pub scales: Vec<f64>,
    /// Log-odds at the centres, among these lesions.
    pub intercept: f64,
    /// Log-odds a deviation of each input.
    pub slopes: Vec<f64>,
}

/// Agreed lesions of one side against the readers' label, each judged by a calibration without its own patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgreedSide {
    /// "validation" or "train".
    pub side: String,
    /// Lesions.
    pub lesions: u64,
    /// Of those, of interest.
    pub of_interest: u64,
    /// Area under the ROC curve of the relative difference of the losses; absent where a class is missing.
    pub auroc: Option<Interval>,
    /// Median relative difference of the losses of those of interest, above 0 where they fit better as such.
    pub of_interest_difference: Option<f64>,
    /// The same of the others.
    pub other_difference: Option<f64>,
    /// Mean squared distance of probability and label; absent where no calibration could be fitted without a patient.
    pub brier: Option<f64>,
    /// The same by the size of the losses and of the lesion alone: what the difference adds is the rest.
    pub brier_without_difference: Option<f64>,
    /// Brier score of the share of interest as everybody's probability.
    pub brier_of_share: f64,
    /// Expected calibration error in ten bins.
    pub calibration_error: Option<f64>,
}

/// A lesion that was projected both ways; losses are means over its projected slices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoSidedLesion {
    /// As in the manifest.
    pub lesion_id: Name,
    /// Whose lesion it is.
    pub patient: String,
    /// "ambiguous", or the agreed class.
    pub class: String,
    /// "train" or "validation".
    pub side: String,
    /// Lesion voxels in its projected slices, mean.
    pub voxels: f64,
    /// Final loss as of interest.
    pub loss_of_interest: f64,
    /// Final loss as of the other class, by the same steps, draws and penalty.
    pub loss_other: f64,
    /// (other - of interest) / (other + of interest): above 0 where it fits better as of interest, -1 to 1.
    pub difference: f64,
    /// Probability to be of interest, by a calibration without its patient. Of contested lesions at the record's prior,
    /// of agreed ones at the share among those that the calibration was fitted on; absent where that was impossible.
    pub probability: Option<f64>,
    /// Rim contrast of the slices themselves, mean, ppb; for comparison.
    pub contrast: f64,
    /// The projections of the class with the lower loss.
    pub images: Vec<BetterImage>,
    /// Whether it truly is of interest; only scoring writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_rim: Option<bool>,
}

/// A slice's projection as of the class that the lesion fits better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BetterImage {
    /// Index within the patch.
    pub slice: u64,
    /// float32 npy \[channels, height, width\], relative to the folder.
    pub image: Inside,
    /// Of that file.
    pub sha256: String,
}

/// Contested lesions against the truth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwoSidedTruth {
    /// Contested lesions.
    pub lesions: u64,
    /// Of those, truly of interest.
    pub of_interest: u64,
    /// Sum of the probabilities: how many were expected.
    pub expected: f64,
    /// Mean squared distance of probability and truth.
    pub brier: Option<f64>,
    /// Brier score of the prior as everybody's probability.
    pub brier_of_prior: f64,
    /// Expected calibration error in ten bins.
    pub calibration_error: Option<f64>,
    /// Areas under the ROC curve: of what, and how large; absent intervals where a class is missing.
    pub auroc: Vec<(String, Option<Interval>)>,
}

impl TwoSidedLesion {
    /// Whether it is of neither of these classes.
    pub fn is_contested(&self, classes: &[String; 2]) -> bool {
        !classes.contains(&self.class)
    }
}

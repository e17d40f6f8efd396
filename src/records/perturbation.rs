//! How much of a known lesion a projection brings back, spoiled on purpose or not.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::arithmetic::Arithmetic;
use crate::name::{Inside, Name};

/// `record.json` of `perturb`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerturbationRecord {
    /// Of the network that was projected into.
    pub network_sha256: String,
    /// Name of the feature net that the distance was measured with.
    pub features: String,
    /// Optimiser steps of each image.
    pub steps: u64,
    /// Of every draw.
    pub seed: u64,
    /// Of contrasts and root mean squares: "ppb".
    pub unit: String,
    /// A slice shows a rim from here on.
    pub present: f64,
    /// It shows none below this.
    pub absent: f64,
    /// Every slice with every corruption.
    pub cases: Vec<PerturbedCase>,
    /// One row for each role and corruption.
    pub summary: Vec<PerturbationRow>,
    /// Share of held-out rims without corruption whose rim was lost; absent without any.
    pub erased: Option<Interval>,
    /// Share of held-out non-rims without corruption where a rim was invented; absent without any.
    pub hallucinated: Option<Interval>,
    /// Pictures for the eye.
    pub sheets: Vec<Sheet>,
    /// How the cases were computed, each way once; empty where an older version did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_with: Vec<Arithmetic>,
}

/// One slice, one corruption. Errors are against the slice as it was, not as it was spoiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerturbedCase {
    /// As in the manifest.
    pub lesion_id: Name,
    /// Index within the patch.
    pub slice: u64,
    /// "rim" (held out), "training rim" or "non-rim".
    pub role: String,
    /// "none", "Gaussian noise", "salt and pepper", "blur", "inpainting".
    pub corruption: String,
    /// Of the corruption, in words; empty for "none".
    pub strength: String,
    /// The spoiled slice.
    pub corrupted: Likeness,
    /// Its projection.
    pub projected: Likeness,
    /// Rim contrast of the slice as it was.
    pub contrast: f64,
    /// Distance of the projection's w to the cloud, in units of the cloud's own median nearest distance.
    pub w_distance: f64,
    /// Projection, float32 npy \[channels, height, width\], relative to the stage's folder.
    pub image: Inside,
}

/// How an image compares with the original.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    /// Structural similarity, -1..1, of the measured channel.
    pub ssim: f64,
    /// Mean squared error on a scale of 0..1 for the window.
    pub mse: f64,
    /// Root mean square difference inside the lesion.
    pub lesion_rms: f64,
    /// Rim contrast of the image, in the record's unit.
    pub contrast: f64,
}

/// Medians over lesions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerturbationRow {
    /// "rim" (held out), "training rim" or "non-rim".
    pub role: String,
    /// As in the cases.
    pub corruption: String,
    /// As in the cases.
    pub strength: String,
    /// Lesions that the medians are over.
    pub lesions: u64,
    /// The spoiled slices.
    pub corrupted: Likeness,
    /// Their projections.
    pub projected: Likeness,
    /// Rim contrast of the projections over that of the originals; absent for non-rims.
    pub contrast_kept: Option<f64>,
}

/// A picture: original, spoiled, projected, and the signed differences to the original.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// Relative to the stage's folder.
    pub file: Inside,
    /// What it shows.
    pub caption: String,
}

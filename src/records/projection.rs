//! What `project` did to each lesion, and whether to believe it.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::arithmetic::Arithmetic;
use super::label::Contrast;
use crate::name::{Inside, Name};

/// `record.json` of `project`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionRecord {
    /// Of the network that was projected into.
    pub network_sha256: String,
    /// Manifest of the data set that the network was trained on, as it says itself.
    #[serde(default)]
    pub data_sha256: Option<String>,
    /// Manifests of the data sets that its weights knew before, as it says itself
    /// ([`ancestor_data`](super::label::Provenance::ancestor_data)).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestor_data: Vec<String>,
    /// Manifest of the data set whose lesions were projected; absent for plain images, and in records of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projected_sha256: Option<String>,
    /// Whether these images are data of patients, as the nearest ones that a generator draws to lesions of persons are:
    /// not where the data set is simulated. Absent for plain images, of which that is not known, and in records of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_data: Option<bool>,
    /// What the images' channels show, with units and windows; none in records of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contrasts: Vec<Contrast>,
    /// Hash of all settings that a projection depends on but the class that is projected into; absent in records of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_sha256: Option<String>,
    /// Of the file of w, which has the record's lesions in their order; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latents_sha256: Option<String>,
    /// Name of the feature net that the distance was measured with.
    pub features: String,
    /// Optimiser steps of each image.
    pub steps: u64,
    /// "w" or "w-plus".
    #[serde(default = "w")]
    pub space: String,
    /// Of every draw.
    pub seed: u64,
    /// One entry per projected slice of a lesion.
    pub lesions: Vec<ProjectedLesion>,
    /// How the default feature net was chosen: share of a known rim's contrast that survives projection.
    pub feature_choice: Vec<FeatureChoice>,
    /// How rim contrast is measured and what counts as a rim; absent where plain images were projected.
    pub rim_measure: Option<RimMeasure>,
    /// Lesions that were not projected because their mask has no core (nowhere five pixels wide), so that no rim can be
    /// told.
    pub without_core: u64,
    /// Share of flagged slices by role.
    pub flag_rates: Vec<FlagRate>,
    /// Of the projected ambiguous slices, how many are of lesions that truly are rims; only scoring writes it, in a
    /// study of a simulated cohort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_among_ambiguous: Option<Interval>,
    /// The same slices from faithful to rim-like, where that was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<CurvePoint>,
    /// Images that came from files instead of a prepared data set.
    pub images: Vec<ProjectedImage>,
    /// How the images were computed, each way once; empty where an older version did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_with: Vec<Arithmetic>,
}

impl ProjectionRecord {
    /// Whether each lesion's image has its hash, as in records of earlier versions none has.
    pub fn has_hashes(&self) -> bool {
        self.lesions.iter().all(|lesion| lesion.image_sha256.is_some())
    }
}

fn w() -> String {
    "w".into()
}

/// The yardstick of the "rim erased" and "rim invented" flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RimMeasure {
    /// "edge band minus core of the lesion's mask", ...
    pub method: String,
    /// Unit of every contrast and root mean square of the record: "ppb" for QSM.
    pub unit: String,
    /// Slices of training rims that the two levels come from.
    pub training_rims: u64,
    /// A slice shows a rim from here on: 25th percentile of the training rims.
    pub present: f64,
    /// It shows none below this: 5th percentile of the training rims.
    pub absent: f64,
    /// What one unit of `w_distance` is.
    pub w_unit: String,
}

/// How often a flag was raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlagRate {
    /// "ambiguous", "rim" or "non-rim".
    pub role: String,
    /// "rim erased" or "rim invented".
    pub flag: String,
    /// Slices with the flag.
    pub flagged: u64,
    /// Of all projected slices with that role.
    pub share: Interval,
}

/// The slices of a record's `lesions`, in their order, projected at one strength of the pull towards a rim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// 0 is faithful, 1 rim-like.
    pub towards_rim: f64,
    /// One for each of the record's lesions.
    pub slices: Vec<CurveSlice>,
}

/// What became of a slice there; the fields are those of [`ProjectedLesion`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurveSlice {
    /// Rim contrast of the projection, ppb.
    pub contrast_after: f64,
    /// Root mean square difference inside the lesion, ppb.
    pub lesion_rms: f64,
    /// Distance of w to the cloud.
    pub w_distance: f64,
    /// No rim before and one after.
    pub rim_invented: bool,
}

/// A projected image that is no lesion of a data set; numbers in the network's range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectedImage {
    /// The file's name without its ending.
    pub id: Name,
    /// As in [`ProjectedLesion`].
    pub distance: f64,
    /// As in [`ProjectedLesion`].
    pub w_distance: f64,
    /// Root mean square difference over the whole image.
    pub rms: f64,
    /// As in [`ProjectedLesion`].
    pub figure: Inside,
    /// As in [`ProjectedLesion`].
    pub image: Inside,
    /// As in [`ProjectedLesion`].
    #[serde(default)]
    pub film: Option<Inside>,
    /// As in [`ProjectedLesion`].
    #[serde(default)]
    pub class: Option<String>,
}

/// A projected slice of a lesion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectedLesion {
    /// As in the manifest.
    pub lesion_id: Name,
    /// Whose lesion it is.
    pub patient: String,
    /// Slice index within the patch.
    pub slice: u64,
    /// Why it was projected: "ambiguous", "rim" (identity control) or "non-rim" (hallucination control).
    pub role: String,
    /// Final distance in feature space, without the noise term.
    pub distance: f64,
    /// Rim contrast in ppb: mean over the lesion's edge band minus mean over its core.
    pub contrast_before: f64,
    /// The same of its projection.
    pub contrast_after: f64,
    /// Distance of w to the nearest of the training cloud, in units of the cloud's own median nearest distance.
    pub w_distance: f64,
    /// A rim before and none after, by the levels of [`RimMeasure`].
    pub rim_erased: bool,
    /// None before and a rim after.
    pub rim_invented: bool,
    /// Root mean square difference inside the lesion, ppb.
    pub lesion_rms: f64,
    /// Root mean square difference over the whole slice, ppb.
    pub slice_rms: f64,
    /// Original | projection | signed difference, relative to the stage's folder.
    pub figure: Inside,
    /// The denoised slice, float32 npy [channels, height, width] in the network's range.
    pub image: Inside,
    /// SHA-256 of that file, by which it is known later; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_sha256: Option<String>,
    /// Animated PNG of the optimisation, relative to the stage's folder.
    #[serde(default)]
    pub film: Option<Inside>,
    /// Class of a conditional network that it was projected into, given or estimated.
    #[serde(default)]
    pub class: Option<String>,
    /// True label, where the cohort was simulated; only scoring writes it.
    pub true_rim: Option<bool>,
}

/// How well one feature net keeps known rims.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureChoice {
    /// Its name.
    pub features: String,
    /// Median of contrast_after / contrast_before over held-out known rims.
    pub contrast_kept: f64,
    /// Lower and upper quartile of the same.
    pub quartiles: (f64, f64),
    /// Held-out rims that it was tried on.
    pub lesions: u64,
    /// Wall-clock time of the trial.
    pub seconds: f64,
    /// This is the one that is used.
    pub chosen: bool,
}

//! What a generator makes of images that are projected into it, and whether what it leaves out tells lesions.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::arithmetic::Arithmetic;
use crate::name::Inside;

/// `record.json` of `residuals`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidualsRecord {
    /// Everything shown is simulated.
    pub simulated: bool,
    /// Of the network that was projected into.
    pub network_sha256: String,
    /// SHA-256 of the data set's manifest.
    pub data_sha256: String,
    /// Name of the feature net that the distance was measured with.
    pub features: String,
    /// Optimiser steps of each image.
    pub steps: u64,
    /// Of every draw.
    pub seed: u64,
    /// The channel that is measured.
    pub channel: String,
    /// Its unit.
    pub unit: String,
    /// Units of the channel's window from end to end.
    pub range: f64,
    /// Classes without lesions.
    pub healthy: Vec<String>,
    /// Classes with lesions.
    pub lesioned: Vec<String>,
    /// "dark" or "bright".
    pub lesions: String,
    /// Images of each role projected as they are, and spoiled.
    pub accuracy: Vec<AccuracyRow>,
    /// The residual as a detector; absent where no test image shows a lesion.
    pub detection: Option<Detection>,
    /// Pictures for the eye.
    pub sheets: Vec<ResidualSheet>,
    /// What a reader of the numbers should know.
    pub notes: Vec<String>,
    /// How the projections were computed, each way once.
    pub computed_with: Vec<Arithmetic>,
}

/// One role and corruption; means over images, with intervals over patients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccuracyRow {
    /// "training", "healthy, held out", "with lesions, held out".
    pub role: String,
    /// "none", "Gaussian noise", "salt and pepper", "blur", "inpainting".
    pub corruption: String,
    /// Of the corruption, in words; empty for "none".
    pub strength: String,
    /// Images.
    pub images: u64,
    /// Patients that they are of.
    pub patients: u64,
    /// Of the projection to the image as it was before it was spoiled.
    pub projected: Agreement,
    /// Of the spoiled image to it; absent where nothing was done to it.
    pub spoiled: Option<Agreement>,
}

/// How two images agree, on a scale of 0..1 for the channel's window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Structural similarity, mean over the whole image, background included.
    pub ssim: Measured,
    /// The same inside the brain (or the picture, where nothing is cut away).
    pub ssim_inside: Measured,
    /// Mean squared error over the whole image, background included.
    pub mse: Measured,
    /// The same inside.
    pub mse_inside: Measured,
    /// The same inside lesions; absent where none is.
    pub mse_lesions: Option<Measured>,
}

/// A mean over images, with its interval over patients where there are enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The mean.
    pub value: f64,
    /// Over patients; absent with too few of them.
    pub interval: Option<Interval>,
}

/// How well pixels of lesions are found in held-out patients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Healthy images, held out, that the normal residual is of.
    pub calibration: u64,
    /// Images that thresholds are chosen on.
    pub validation: u64,
    /// Test images with lesions, and without.
    pub test: [u64; 2],
    /// Test patients.
    pub patients: u64,
    /// Pixels inside that are scored.
    pub pixels: u64,
    /// Share of them that are of a lesion: the average precision of scores by chance.
    pub prevalence: f64,
    /// Lesions on the test images, each a connected patch of one image.
    pub lesions: u64,
    /// Every score, the residual's first.
    pub detectors: Vec<Detector>,
    /// Key of the residual that is judged.
    pub judged: String,
    /// Key of the baseline with the highest average precision.
    pub best_baseline: String,
    /// Average precision of the judged residual less that of the best baseline.
    pub skill: Measured,
    /// How much of a lesion's contrast to healthy persons is left in its projection, 1 all of it and 0 none; a mean
    /// over lesions.
    pub contrast_kept: Option<Measured>,
    /// Lesions by size: limits in pixels, how many, and the share found by the judged residual and the best baseline,
    /// each at its threshold.
    pub by_size: Vec<FoundOf>,
    /// The same by the lesion's contrast to healthy persons.
    pub by_contrast: Vec<FoundOf>,
}

/// A score of pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    /// As in files.
    pub key: String,
    /// As a reader sees it.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Whether it needs no generator.
    pub baseline: bool,
    /// Average precision over pixels.
    pub auprc: Measured,
    /// Area under the ROC curve over pixels.
    pub auroc: Measured,
    /// Chosen on validation images.
    pub threshold: f64,
    /// Dice over all test pixels at that threshold.
    pub dice: Measured,
    /// Dice at the threshold that is best on the test images themselves: not to be had in use.
    pub ceiling: f64,
    /// Area under the ROC curve of images, lesioned or not, by the mean of their highest hundredth.
    pub image_auroc: Option<Measured>,
    /// False findings an image, and the share of lesions found with at most so many; absent where no threshold has so
    /// few.
    pub froc: Vec<(f64, Option<f64>)>,
}

/// A third of the lesions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundOf {
    /// Lowest and highest.
    pub limits: [f64; 2],
    /// Lesions.
    pub lesions: u64,
    /// Share found by the judged residual.
    pub residual: f64,
    /// Share found by the best baseline.
    pub baseline: f64,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidualSheet {
    /// Relative to the stage's folder.
    pub file: Inside,
    /// What it shows.
    pub caption: String,
}

//! How much of a known lesion a projection brings back, spoiled on purpose or not.

use serde::{Deserialize, Serialize};

use super::Interval;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerturbationRecord {
    pub network_sha256: String,
    pub features: String,
    pub steps: u64,
    pub seed: u64,
    /// Of contrasts and root mean squares: "ppb".
    pub unit: String,
    /// A slice shows a rim from here on, and none below `absent`.
    pub present: f64,
    pub absent: f64,
    pub cases: Vec<PerturbedCase>,
    /// One row for each role and corruption.
    pub summary: Vec<PerturbationRow>,
    /// Known rims without corruption whose rim was lost; known non-rims where one was invented.
    pub erased: Option<Interval>,
    pub hallucinated: Option<Interval>,
    pub sheets: Vec<Sheet>,
}

/// One slice, one corruption. Errors are against the slice as it was, not as it was spoiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerturbedCase {
    pub lesion_id: String,
    pub slice: u64,
    /// "rim" (held out), "training rim" or "non-rim".
    pub role: String,
    /// "none", "Gaussian noise", "salt and pepper", "blur", "inpainting".
    pub corruption: String,
    pub strength: String,
    pub corrupted: Likeness,
    pub projected: Likeness,
    /// Rim contrast of the slice as it was.
    pub contrast: f64,
    pub w_distance: f64,
    /// Projection, float32 npy \[channels, height, width\], relative to the stage's folder.
    pub image: String,
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
    pub contrast: f64,
}

/// Medians over lesions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerturbationRow {
    pub role: String,
    pub corruption: String,
    pub strength: String,
    pub lesions: u64,
    pub corrupted: Likeness,
    pub projected: Likeness,
    /// Rim contrast of the projections over that of the originals; absent for non-rims.
    pub contrast_kept: Option<f64>,
}

/// A picture: original, spoiled, projected, and the signed differences to the original.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// Relative to the stage's folder.
    pub file: String,
    pub caption: String,
}

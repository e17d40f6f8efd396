//! What `generate` wrote.

use serde::{Deserialize, Serialize};

use super::FileHash;
use super::label::{Contrast, Provenance};
use crate::name::Inside;

/// `record.json` of `generate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SynthesisRecord {
    /// Of the network that drew.
    pub network_sha256: String,
    /// Manifest of the data set that the network was trained on, as it says itself.
    #[serde(default)]
    pub data_sha256: Option<String>,
    /// Manifests of the data sets that its weights knew before, as it says itself
    /// ([`ancestor_data`](super::label::Provenance::ancestor_data)).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestor_data: Vec<String>,
    /// What the network says of that data set; absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learnt_from: Option<LearntFrom>,
    /// Images, one a seed.
    pub count: u64,
    /// The smallest seed.
    pub first_seed: u64,
    /// The largest seed.
    pub last_seed: u64,
    /// Psi: 1 is full variety, 0 the mean image.
    pub truncation: f64,
    /// "const", "none" or "random".
    pub noise: String,
    /// Class that was asked of a conditional network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<i64>,
    /// Its name, where the network names its classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// What the images' channels show, where the network says so.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The same with units and windows; none in records of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contrasts: Vec<Contrast>,
    /// Every file of an image with its hash, in the order of the seeds; none in records of earlier versions, and where
    /// a study's results repeat the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<FileHash>,
    /// Class of each of them, where each class was drawn in turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_classes: Vec<String>,
    /// Grids for the eye, relative to the stage's folder.
    pub synthetic_grid: Inside,
    /// Images in it: those of the first seeds.
    pub grid_images: u64,
    /// Training rims beside them; absent without a data set.
    pub real_grid: Option<Inside>,
    /// Whether the generator's lesions carry rims: the same contrast measure as in projection.
    pub rim_contrast: Option<RimContrastSummary>,
    /// Whether a drawn rim map lies over the drawn rim; absent without such a map.
    #[serde(default)]
    pub map_contrast: Option<MapContrast>,
}

impl SynthesisRecord {
    /// Whether it lists its images, as those of earlier versions do not.
    pub fn has_hashes(&self) -> bool {
        !self.images.is_empty()
    }

    /// Without the list of files, which is of use beside the files alone.
    pub fn without_images(self) -> Self {
        Self { images: vec![], image_classes: vec![], ..self }
    }
}

/// What a network says of the data set that it was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearntFrom {
    /// Whether it is a simulation; absent where the network does not say, as after an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<bool>,
    /// Depth, height and width of its voxels in mm, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voxel_mm: Option<[f64; 3]>,
}

impl LearntFrom {
    /// What a network's label says.
    pub fn of(provenance: &Provenance) -> Self {
        Self { simulated: provenance.simulated, voxel_mm: provenance.voxel_mm.flatten() }
    }
}

/// Mean susceptibility (ppb) where the rim map is above one half, minus that within four pixels of it: lower quartile,
/// median, upper quartile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapContrast {
    /// Of the drawn images.
    pub synthetic: (f64, f64, f64),
    /// Of the training rims.
    pub real: (f64, f64, f64),
    /// Share of the synthetic images with any such pixel.
    pub synthetic_with_map: f64,
}

/// Rim contrast (ppb) of synthetic slices beside that of the training rims, and of the training non-rims: the measure
/// looks for the most rim-like ellipse, so it finds some contrast in any texture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RimContrastSummary {
    /// Of the drawn images.
    pub synthetic_median: f64,
    /// Lower and upper quartile.
    pub synthetic_quartiles: (f64, f64),
    /// Of the training rims.
    pub real_median: f64,
    /// Lower and upper quartile.
    pub real_quartiles: (f64, f64),
    /// `None` where there are no training non-rims.
    pub non_rim_median: Option<f64>,
    /// Lower and upper quartile.
    pub non_rim_quartiles: Option<(f64, f64)>,
    /// Share of synthetic slices above the median of the real rims' slices; of those themselves it is one half.
    pub synthetic_with_rim: f64,
    /// The same share of the non-rims.
    pub non_rims_with_rim: Option<f64>,
}

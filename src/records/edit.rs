//! Training images edited along directions of a latent space.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FileHash;
use super::directions::SweepRow;
use crate::name::{Inside, Name};

/// `record.json` of `edit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditRecord {
    /// Whether the data set is a simulation.
    pub simulated: bool,
    /// Of the network that drew.
    pub network_sha256: String,
    /// Manifest of the data set that the network was trained on, as it says itself.
    #[serde(default)]
    pub data_sha256: Option<String>,
    /// Manifests of the data sets that its weights knew before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestor_data: Vec<String>,
    /// Manifest of the data set whose training images were edited.
    #[serde(default)]
    pub edited_sha256: Option<String>,
    /// How the images were inverted.
    pub inversion: String,
    /// Who accepted the directions.
    pub accepted_by: String,
    /// The accepted directions, with the factor that names each.
    pub directions: Vec<EditDirection>,
    /// Name of the distance of the gate.
    pub distance: String,
    /// Largest distance that passes; absent where every image does.
    pub threshold: Option<f64>,
    /// "inverted" or "original": what an edited image is held to.
    pub against: String,
    /// Images that each threshold would keep.
    pub sweep: Vec<SweepRow>,
    /// Images, and those of them that the gate keeps, by class.
    pub classes: Vec<EditClass>,
    /// Every file of an image with its hash, in the order of the edits; none where a study's results repeat the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<FileHash>,
    /// Class of each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_classes: Vec<String>,
    /// Whether the gate keeps each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<bool>,
    /// What was done to each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// Originals, inverted and edited, for the eye.
    pub sheet: Inside,
}

/// A direction along which images were edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditDirection {
    /// As `directions` calls it.
    pub id: Name,
    /// The factor that it moves.
    pub name: String,
    /// Images edited along it.
    pub images: u64,
    /// Those that the gate keeps.
    pub kept: u64,
}

/// The edits of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditClass {
    /// Its name.
    pub class: String,
    /// Training images of it that were inverted.
    pub inverted: u64,
    /// Edited images.
    pub images: u64,
    /// Those that the gate keeps.
    pub kept: u64,
}

/// One edit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The training lesion.
    pub lesion_id: Name,
    /// Its slice.
    pub slice: u64,
    /// Of the direction.
    pub direction: Name,
    /// Signed step, in deviations of the codes along it.
    pub deviations: f64,
    /// Distance to the image that the inversion gave.
    pub to_inverted: f64,
    /// Distance to the photograph.
    pub to_original: f64,
}

impl EditRecord {
    /// Whether it lists its images.
    pub fn has_hashes(&self) -> bool {
        !self.images.is_empty()
    }

    /// Without the lists of files and edits, which are of use beside the files alone.
    pub fn without_images(self) -> Self {
        Self { images: vec![], image_classes: vec![], kept: vec![], edits: vec![], ..self }
    }

    /// How many edits there are of each direction, and how many the gate keeps.
    pub fn by_direction(edits: &[Edit], kept: &[bool]) -> BTreeMap<Name, (u64, u64)> {
        let mut counts: BTreeMap<Name, (u64, u64)> = BTreeMap::new();
        for (edit, kept) in edits.iter().zip(kept) {
            let count = counts.entry(edit.direction.clone()).or_default();
            count.0 += 1;
            count.1 += u64::from(*kept);
        }
        counts
    }
}

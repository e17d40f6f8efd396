//! How well images are inverted, method by method.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::arithmetic::Arithmetic;
use super::perturbation::Sheet;
use crate::name::{Inside, Name};

/// `record.json` of `invert`. What it took in seconds is in `times.json`, which is no part of what a repetition gives
/// again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InversionRecord {
    /// Everything real is simulated.
    pub simulated: bool,
    /// Of the network that is inverted.
    pub network_sha256: String,
    /// Manifest of the data set.
    pub data_sha256: String,
    /// Of every draw.
    pub seed: u64,
    /// Range that L2 is on: "-1..1".
    pub range: String,
    /// Name of the feature net that distances are measured with.
    pub features: String,
    /// What all images in question are inverted by.
    pub method: String,
    /// How many images.
    pub images: InvertedImages,
    /// Them, then the others that they are compared with.
    pub methods: Vec<InvertedMethod>,
    /// What was trained for it.
    pub networks: Vec<TrainedNetwork>,
    /// Length over all layers of each edit that latent consistency is measured with.
    pub edit_lengths: Vec<f64>,
    /// Pictures for the eye.
    pub sheets: Vec<Sheet>,
    /// What a reader of the numbers should know.
    pub notes: Vec<String>,
    /// How all of it was computed, each way once.
    pub computed_with: Vec<Arithmetic>,
}

/// Counts of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvertedImages {
    /// Training images that encoder, hypernetwork and generators learn from.
    pub learnt: u64,
    /// Training images that are inverted.
    pub training: u64,
    /// Validation images that are.
    pub validation: u64,
    /// Of the training images, those that methods are compared on; of the validation images all are.
    pub compared: u64,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvertedMethod {
    /// "encoder+pivotal-all".
    pub key: String,
    /// In a sentence.
    pub about: String,
    /// On the compared images of each side.
    pub sides: Vec<InvertedSide>,
    /// How codes take edits, on the compared images of both sides together.
    pub edits: Vec<EditTransfer>,
    /// Bytes that an image takes, beside a generator that serves all.
    pub bytes_of_an_image: u64,
    /// Codes and offsets, and what they are of.
    pub codes: InvertedCodes,
}

/// Fidelity on one side of the split. Intervals are over groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvertedSide {
    /// "train" or "validation".
    pub side: String,
    /// Images.
    pub images: u64,
    /// Mean squared difference on -1..1.
    pub l2: Option<Interval>,
    /// Feature distance, of the record's feature net.
    pub distance: Option<Interval>,
    /// Structural similarity, -1..1, mean over channels; absent for images below its window.
    pub ssim: Option<Interval>,
    /// Mean squared difference inside lesions' masks; absent without masks.
    pub lesion_l2: Option<Interval>,
    /// Distance of the codes to the cloud, in units of its own median nearest distance.
    pub w_distance: Option<Interval>,
    /// Latent consistency: distance over all layers between an image's codes and those of its edit without the edit,
    /// mean over images and edits without the outermost hundredths; absent where no edit was asked for.
    pub inconsistency: Option<f64>,
}

/// What an edit does to inverted images, as to drawn ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditTransfer {
    /// Name of the edit.
    pub edit: String,
    /// The factor that it moves most on drawn images.
    pub factor: String,
    /// By how much, in deviations of that factor over drawn images.
    pub effect: f64,
    /// The same on inverted images as a share of it: 1 is as on drawn ones.
    pub transfer: f64,
    /// Root mean square change of the other factors over that of this one, on drawn images.
    pub leak_drawn: Option<f64>,
    /// The same on inverted images; absent where the factor does not move there.
    pub leak: Option<f64>,
}

/// A file of codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvertedCodes {
    /// Relative to the stage's folder.
    pub file: Inside,
    /// Of the file.
    pub sha256: String,
    /// The images, in its order.
    pub images: Vec<InvertedImage>,
    /// The generator that draws them, relative to the stage's folder; absent for the network itself, and where each
    /// image has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Inside>,
    /// SHA-256 of the generator of each image, in their order, where each has one of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tuned_sha256: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InvertedImage {
    /// Of its slice.
    pub id: Name,
    /// "train" or "validation".
    pub side: String,
}

/// A network that was trained for the inversion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedNetwork {
    /// "encoder", "hypernetwork", "generator tuned behind encoder".
    pub name: String,
    /// Relative to the stage's folder.
    pub file: Inside,
    /// Of the file.
    pub sha256: String,
    /// Trainable numbers.
    pub parameters: u64,
    /// Mean loss and feature distance of every ten steps.
    pub losses: Vec<[f64; 2]>,
}

//! The prepared data set on disk: `manifest.json` beside one float32 npy per lesion.
//!
//! Patches keep physical units ([channels, depth, height, width], QSM in ppb); the window that takes a
//! channel to the network's [-1, 1], and back, is in the manifest.

use crate::records::label::Contrast;
use serde::{Deserialize, Serialize};

use crate::nifti::Affine;
use crate::records::FileHash;

/// Version of the layout; a reader refuses another.
pub const SCHEMA: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub schema: u32,
    pub simulated: bool,
    /// Channels in order.
    pub contrasts: Vec<Contrast>,
    /// Patch size in voxels: depth, height, width (24, 64, 64); depth 1 for plain images.
    pub patch: [u32; 3],
    /// Where a plain image's patient comes from, or that each image counts as its own; "participant_id" for a cohort.
    pub patient_source: String,
    /// Voxel size in mm in the same order, where known.
    pub voxel_mm: Option<[f64; 3]>,
    pub seed: u64,
    pub lesions: Vec<Lesion>,
    pub slices: Vec<Slice>,
    pub inputs: Vec<FileHash>,
}

/// What the readers make of a lesion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Both readers say rim.
    Rim,
    /// Exactly one does.
    Ambiguous,
    /// Neither does.
    NonRim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    Train,
    Validation,
    Test,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesion {
    /// "sub-001_lesion-003"; the file name without ending for plain images.
    pub id: String,
    pub patient: String,
    /// Centre voxel in the source volume once its axes are in RAS+ order: x, y, z.
    pub centre: [i64; 3],
    /// Voxel-to-world affine of that RAS+ volume; identity for plain images.
    pub affine: Affine,
    pub reader1: bool,
    pub reader2: bool,
    pub class: Class,
    /// The label that the source itself gives (a class name or number), where it has one; absent for lesions of readers.
    #[serde(default)]
    pub label: Option<String>,
    pub split: Split,
    /// Lesion voxels in the patch.
    pub voxels: u64,
    /// Patch file relative to the data folder, float32 npy [channels, depth, height, width].
    pub patch: String,
    /// Lesion mask, u8 npy [depth, height, width]; absent for plain images.
    pub mask: Option<String>,
    /// Of the patch file.
    pub sha256: String,
    /// Of the mask file.
    #[serde(default)]
    pub mask_sha256: Option<String>,
}

/// One training image: a slice of a lesion's patch that cuts the lesion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Index into `lesions`.
    pub lesion: u32,
    /// Slice index within the patch.
    pub z: u32,
    /// Lesion voxels in this slice.
    pub voxels: u32,
}

impl Class {
    pub fn of_votes(reader1: bool, reader2: bool) -> Self {
        match (reader1, reader2) {
            (true, true) => Self::Rim,
            (false, false) => Self::NonRim,
            _ => Self::Ambiguous,
        }
    }
}

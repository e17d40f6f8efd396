//! The prepared data set on disk: `manifest.json` beside one float32 npy per lesion.
//!
//! Patches keep physical units ([channels, depth, height, width], QSM in ppb); the window that takes a
//! channel to the network's [-1, 1], and back, is in the manifest.

use serde::{Deserialize, Serialize};

use crate::name::{Inside, Name};
use crate::nifti::Affine;
use crate::records::FileHash;
pub use crate::records::classes::{Class, Classes, Split};
use crate::records::label::Contrast;

/// Version of the layout; a reader refuses another.
pub const SCHEMA: u32 = 1;

/// A prepared data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whether the source is a simulation.
    pub simulated: bool,
    /// Channels in order.
    pub contrasts: Vec<Contrast>,
    /// Patch size in voxels: depth, height, width (24, 64, 64); depth 1 for plain images.
    pub patch: [u32; 3],
    /// Where a plain image's patient comes from, or that each image counts as its own; "participant_id" for a cohort.
    pub patient_source: String,
    /// Voxel size in mm in the same order, where known.
    pub voxel_mm: Option<[f64; 3]>,
    /// Of the split.
    pub seed: u64,
    /// What the items are told apart by.
    #[serde(default = "Classes::of_readers", skip_serializing_if = "Classes::is_of_readers")]
    pub classes: Classes,
    /// What one item is.
    #[serde(default, skip_serializing_if = "Items::is_slices")]
    pub items: Items,
    /// Lesions of a cohort, or plain images: each with one patch file, one class and one group.
    pub lesions: Vec<Lesion>,
    /// The slices of the patches that are items; none where the patches themselves are.
    pub slices: Vec<Slice>,
    /// Every file that was read.
    pub inputs: Vec<FileHash>,
}

/// What one item of a data set is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Items {
    /// Single slices \[channels, height, width\] of the patches.
    #[default]
    Slices,
    /// Whole patches \[channels, depth, height, width\].
    Volumes,
}

impl Items {
    /// Whether they are what a manifest that says nothing else holds.
    pub fn is_slices(&self) -> bool {
        *self == Self::Slices
    }
}

/// A lesion, or a plain image: what has a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesion {
    /// "sub-001_lesion-003"; the file name without ending for plain images.
    pub id: Name,
    /// The group that stays on one side of the split and is resampled as a whole: the patient of a lesion; of a plain
    /// image what [`Manifest::patient_source`] says, for instance the lesion that several photographs show.
    pub patient: String,
    /// Centre voxel in the source volume once its axes are in RAS+ order: x, y, z.
    pub centre: [i64; 3],
    /// Voxel-to-world affine of that RAS+ volume; identity for plain images.
    pub affine: Affine,
    /// Voxel-to-world affine of the patch itself (column, row, slice), where it is no cut about `centre` but averaged,
    /// mirrored or of another plane; absent for cuts and plain images, and in data sets of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch_affine: Option<Affine>,
    /// Whether the first reader sees what is looked for; absent where classes are the source's own labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader1: Option<bool>,
    /// The second reader's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader2: Option<bool>,
    /// One of the manifest's classes, or its contested state.
    pub class: Class,
    /// The label that the source itself gives (a class name or number), where it has one; absent for lesions of
    /// readers.
    #[serde(default)]
    pub label: Option<String>,
    /// The side that it is on.
    pub split: Split,
    /// Lesion voxels in the patch.
    pub voxels: u64,
    /// Patch file relative to the data folder, float32 npy [channels, depth, height, width].
    pub patch: Inside,
    /// Lesion mask, u8 npy [depth, height, width]; absent for plain images.
    pub mask: Option<Inside>,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first version that had manifests wrote it, line breaks aside.
    const OF_READERS: &str = concat!(
        r#"{"schema":1,"simulated":true,"contrasts":[{"name":"chimap","unit":"ppb","window":{"low":-80.0,"high":120.0}}],"#,
        r#""patch":[1,2,2],"patient_source":"participant_id","voxel_mm":[1.0,0.4,0.4],"seed":7,"lesions":["#,
        r#"{"id":"sub-001_lesion-001","patient":"sub-001","centre":[1,2,3],"#,
        r#""affine":[[1.0,0.0,0.0,0.0],[0.0,1.0,0.0,0.0],[0.0,0.0,1.0,0.0]],"reader1":true,"reader2":false,"#,
        r#""class":"ambiguous","label":null,"split":"train","voxels":4,"patch":"patches/a.npy","mask":null,"#,
        r#""sha256":"ab","mask_sha256":null}],"slices":[{"lesion":0,"z":0,"voxels":4}],"inputs":[]}"#,
    );

    #[test]
    fn a_manifest_of_readers_and_slices_is_read_and_written_as_ever() {
        let manifest: Manifest = serde_json::from_str(OF_READERS).unwrap();
        assert!(manifest.classes.is_of_readers() && manifest.items.is_slices());
        assert_eq!((&manifest.lesions[0].class, manifest.lesions[0].reader2), (&Class::AMBIGUOUS, Some(false)));
        assert_eq!(serde_json::to_string(&manifest).unwrap(), OF_READERS);
    }

    #[test]
    fn other_classes_and_items_are_named() {
        let mut manifest: Manifest = serde_json::from_str(OF_READERS).unwrap();
        manifest.classes = Classes { names: vec![Class::new("mel")], contested: None, of_interest: None };
        manifest.items = Items::Volumes;
        manifest.lesions[0].reader1 = None;
        let text = serde_json::to_string(&manifest).unwrap();
        assert!(text.contains(r#""classes":{"names":["mel"]},"items":"volumes""#), "{text}");
        assert!(!text.contains("reader1") && text.contains("reader2"), "{text}");
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);
    }
}

//! Names of the files in a simulated cohort's folder.

use std::path::{Path, PathBuf};

/// Where things are in a cohort folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortLayout(PathBuf);

impl CohortLayout {
    /// Of the cohort in a folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The cohort's folder.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Folder of the derivative with lesions and readers.
    pub(super) fn lesions(&self) -> PathBuf {
        self.0.join("derivatives").join("lesions")
    }

    /// Folder of the derivative with the truth.
    pub(super) fn truth(&self) -> PathBuf {
        self.0.join("derivatives").join("truth")
    }

    /// Both readers' votes on each lesion.
    pub fn reader_table(&self) -> PathBuf {
        self.lesions().join("lesions.tsv")
    }

    /// The truth about each lesion.
    pub fn truth_table(&self) -> PathBuf {
        self.truth().join("truth.tsv")
    }

    /// Susceptibility map, ppm.
    pub fn chimap(&self, participant: &str) -> PathBuf {
        anat(&self.0, participant, "Chimap.nii.gz")
    }

    /// FLAIR, relative to white matter.
    pub fn flair(&self, participant: &str) -> PathBuf {
        anat(&self.0, participant, "FLAIR.nii.gz")
    }

    /// Lesion label map.
    pub fn lesion_map(&self, participant: &str) -> PathBuf {
        anat(&self.lesions(), participant, "desc-lesions_dseg.nii.gz")
    }

    /// Mean of the two tracings of rims.
    pub fn rim_map(&self, participant: &str) -> PathBuf {
        anat(&self.lesions(), participant, "desc-rim_probseg.nii.gz")
    }
}

/// Name of the picture of example lesions in the cohort folder.
pub const GALLERY: &str = "gallery.png";

fn anat(base: &Path, participant: &str, ending: &str) -> PathBuf {
    base.join(participant).join("anat").join(format!("{participant}_{ending}"))
}

//! Names of the files in a simulated cohort's folder.

use std::path::{Path, PathBuf};

use crate::run_dir::RECORD;

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

    /// All files of a cohort of these participants, relative to its folder.
    pub(super) fn written(&self, participants: impl Iterator<Item = String>) -> Vec<String> {
        let relative = |path: PathBuf| path.strip_prefix(&self.0).unwrap_or(&path).to_string_lossy().into_owned();
        let of_one = |id: String| {
            let volumes = [self.chimap(&id), self.flair(&id), self.lesion_map(&id), self.rim_map(&id)];
            let sidecars = volumes.clone().map(|path| path.with_extension("").with_extension("json"));
            let note = self.0.join(NOTES).join(format!("{id}.json"));
            volumes.into_iter().chain(sidecars).chain([note]).map(relative).collect::<Vec<_>>()
        };
        let patients: Vec<String> = participants.flat_map(of_one).collect();
        patients.into_iter().chain(OF_THE_WHOLE.map(str::to_owned)).collect()
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

/// Folder of what the program itself needs to know of a cohort.
pub(super) const NOTES: &str = ".rimforge";

/// Hash of the settings that the cohort was made with.
pub(super) const KEY: &str = ".rimforge/key";

/// Files that are not of one patient.
const OF_THE_WHOLE: [&str; 15] = [
    ".bidsignore",
    ".rimforge/asked.json",
    KEY,
    "README",
    "dataset_description.json",
    "derivatives/lesions/dataset_description.json",
    "derivatives/lesions/lesions.json",
    "derivatives/lesions/lesions.tsv",
    "derivatives/truth/dataset_description.json",
    "derivatives/truth/truth.json",
    "derivatives/truth/truth.tsv",
    GALLERY,
    "participants.json",
    "participants.tsv",
    RECORD,
];

/// Name of the picture of example lesions in the cohort folder.
pub const GALLERY: &str = "gallery.png";

fn anat(base: &Path, participant: &str, ending: &str) -> PathBuf {
    base.join(participant).join("anat").join(format!("{participant}_{ending}"))
}

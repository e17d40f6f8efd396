//! Names of the files of a simulated set: BIDS derivatives of diffusion.

use super::plan::{Group, Subject};
use crate::run_dir::RECORD;

/// Name of the picture of example persons.
pub const GALLERY: &str = "gallery.png";

/// Table of the persons.
pub const PARTICIPANTS: &str = "participants.tsv";

/// What its columns mean.
pub(super) const PARTICIPANTS_TOLD: &str = "participants.json";

/// Hash of the settings that the set was made with.
pub(super) const KEY: &str = ".rimforge/key";

/// The settings.
pub(super) const SETTINGS: &str = ".rimforge/settings.json";

/// Says in words what this is.
pub(super) const README: &str = "README";

/// Says it for programs.
pub(super) const DESCRIPTION: &str = "dataset_description.json";

/// What a validator of BIDS passes over.
pub(super) const IGNORED: &str = ".bidsignore";

/// Fractional anisotropy.
pub const FA: &str = "model-tensor_param-FA_dwimap";

/// What skull stripping leaves.
pub const MASK: &str = "desc-brain_mask";

/// FLAIR on the map's grid.
pub const FLAIR: &str = "FLAIR";

/// Lesions, of persons with the disease.
pub const LESIONS: &str = "label-lesion_mask";

/// Of a person, relative to the set's folder; one of the kinds above.
pub fn file(subject: &Subject, kind: &str) -> String {
    stem(subject, kind) + ".nii.gz"
}

/// What stands beside it.
pub(super) fn sidecar(subject: &Subject, kind: &str) -> String {
    stem(subject, kind) + ".json"
}

fn stem(subject: &Subject, kind: &str) -> String {
    let folder = if kind == FLAIR || kind == LESIONS { "anat" } else { "dwi" };
    format!("{0}/{folder}/{0}_space-MNI152NLin6Asym_{kind}", subject.id)
}

/// Whether a person has such a file: the healthy have no mask of lesions.
pub(super) fn has(subject: &Subject, kind: &str) -> bool {
    kind != LESIONS || subject.group == Group::Ms
}

/// All files of a set.
pub(super) fn written(subjects: &[Subject]) -> Vec<String> {
    let whole = [PARTICIPANTS, PARTICIPANTS_TOLD, KEY, SETTINGS, README, DESCRIPTION, IGNORED, GALLERY, RECORD];
    let of = |subject: &Subject| {
        let kinds = [FA, MASK, FLAIR, LESIONS].into_iter().filter(|&kind| has(subject, kind));
        kinds.flat_map(|kind| [file(subject, kind), sidecar(subject, kind)]).collect::<Vec<_>>()
    };
    subjects.iter().flat_map(of).chain(whole.map(str::to_owned)).collect()
}

//! Names of the files of a simulated set: those of BraTS-Africa and of BraTS 2023 as they are downloaded, and beside
//! them the truth.

use super::plan::{Case, Population};
use super::scanner::CONTRASTS;
use crate::run_dir::RECORD;

/// Name of the picture of example cases.
pub const GALLERY: &str = "gallery.png";

/// Table of what generated each case.
pub const CASES: &str = "truth/cases.tsv";

/// Hash of the settings that the set was made with.
pub(super) const KEY: &str = ".rimforge/key";

/// The settings.
pub(super) const SETTINGS: &str = ".rimforge/settings.json";

/// Says in words what this is.
pub(super) const README: &str = "README";

/// Says it for programs.
pub(super) const DESCRIPTION: &str = "dataset_description.json";

/// Of a case, relative to the set's folder.
pub fn folder(case: &Case) -> String {
    let set = match case.population {
        Population::Africa => "BraTS-Africa/95_Glioma",
        Population::Others => "ASNR-MICCAI-BraTS2023-GLI-Challenge-TrainingData",
    };
    format!("{set}/{}", case.id)
}

/// A case's file: "seg" or a contrast's suffix.
pub fn file(case: &Case, suffix: &str) -> String {
    format!("{}/{}-{suffix}.nii.gz", folder(case), case.id)
}

/// All files of a set.
pub(super) fn written(cases: &[Case]) -> Vec<String> {
    let whole = [CASES, KEY, SETTINGS, README, DESCRIPTION, GALLERY, RECORD].map(str::to_owned);
    let of = |case: &Case| {
        let suffixes = CONTRASTS.map(|contrast| contrast.suffix()).into_iter().chain(["seg"]);
        suffixes.map(|suffix| file(case, suffix)).collect::<Vec<_>>()
    };
    cases.iter().flat_map(of).chain(whole).collect()
}

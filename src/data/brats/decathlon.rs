//! Task01 of the Medical Segmentation Decathlon (Antonelli et al. 2022): BraTS of 2016 and 2017 with the four contrasts
//! of a case in one file.

use std::path::Path;

use crate::data::sidecar::read_json;
use crate::files;
use crate::name::shown;
use crate::nifti::Part;
use crate::problem::{Problem, Result};

/// The contrasts in their order in a file, and what `dataset.json` calls them.
const ORDER: [(&str, &str); 4] = [("t2f", "FLAIR"), ("t1n", "T1w"), ("t1c", "t1gd"), ("t2w", "T2w")];

/// Which folder a file of a case lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// imagesTr.
    Images,
    /// labelsTr.
    Labels,
    /// imagesTs, whose labels were never published.
    Unlabelled,
}

/// The case and the place of "imagesTr/BRATS_001.nii.gz"; `None` of any other file.
pub(super) fn place<'a>(name: &'a str, relative: &str) -> Option<(&'a str, Place)> {
    let case = name.strip_suffix(".nii.gz").or_else(|| name.strip_suffix(".nii"))?;
    let number = case.strip_prefix("BRATS_")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let folder = relative.rsplit('/').nth(1)?;
    let place = match folder {
        "imagesTr" => Place::Images,
        "labelsTr" => Place::Labels,
        "imagesTs" => Place::Unlabelled,
        _ => return None,
    };
    is_number.then_some((case, place))
}

/// Which volume of a file each contrast is.
pub(super) fn parts() -> impl Iterator<Item = (&'static str, Part)> {
    (0..).zip(ORDER).map(|(at, (kind, _))| (kind, Part { at, of: ORDER.len() as u32 }))
}

/// Holds the `dataset.json` beside a folder of images, where there is one, to the contrasts and labels that are read.
///
/// # Errors
/// No JSON, contrasts in another order or under another form, or labels of another meaning.
pub(super) fn require_description(images: &Path) -> Result<()> {
    let Some(root) = images.parent() else { return Ok(()) };
    let file = root.join("dataset.json");
    if !files::is_there(&file)? {
        return Ok(());
    }
    let description = read_json(&file)?;
    let words = ORDER.map(|(_, word)| word);
    for list in ["modality", "channel_names"] {
        let channels = &description[list];
        if !(channels.is_null() || channels.is_object()) {
            return Err(Problem::input(&file, format!("a {list} that is no list by number"))
                .expected("\"modality\": {\"0\": \"FLAIR\", \"1\": \"T1w\", ..}, as Task01_BrainTumour has it"));
        }
        for (at, word) in words.iter().enumerate() {
            let said = &channels[at.to_string()];
            if said.is_null() || said.as_str().is_some_and(|said| said.eq_ignore_ascii_case(word)) {
                continue;
            }
            return Err(Problem::input(&file, format!("{list} {at} is {}", shown(&said.to_string())))
                .expected(format!("\"{word}\": {} in this order, as Task01_BrainTumour has them", words.join(", ")))
                .advice("save each contrast as a file of its own under BraTS' names"));
        }
    }
    for (number, means) in [(1, is_oedema as fn(&str) -> bool), (2, is_dark_core), (3, is_enhancing)] {
        if let Some(other) = meanings(&description["labels"], number).into_iter().find(|said| !means(said)) {
            return Err(Problem::input(&file, format!("label {number} is \"{}\"", shown(&other)))
                .expected(
                    "1 \"edema\", 2 \"non-enhancing tumor\", 3 \"enhancing tumour\", as Task01_BrainTumour has them",
                )
                .advice("save the maps under BraTS' names, or renumber them"));
        }
    }
    Ok(())
}

/// What the list of labels says of a number: {"1": "edema"} as here, {"edema": 1} as later sets have it.
fn meanings(labels: &serde_json::Value, number: u64) -> Vec<String> {
    let by_number = labels[number.to_string()].as_str().map(str::to_owned);
    let by_word = labels.as_object().into_iter().flatten();
    let by_word = by_word.filter(|(_, said)| said.as_u64() == Some(number)).map(|(word, _)| word.clone());
    by_number.into_iter().chain(by_word).map(|word| word.to_ascii_lowercase()).collect()
}

fn is_oedema(word: &str) -> bool {
    word.contains("edema")
}

fn is_dark_core(word: &str) -> bool {
    word.contains("necro") || (word.contains("non") && word.contains("enhancing"))
}

fn is_enhancing(word: &str) -> bool {
    word.contains("enhancing") && !word.contains("non")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_held_to_contrasts_and_labels_in_either_form() {
        let folder = tempfile::tempdir().unwrap();
        let of = |text: &str| {
            std::fs::write(folder.path().join("dataset.json"), text).unwrap();
            require_description(&folder.path().join("imagesTr")).map_err(|problem| problem.to_string())
        };
        let labels =
            |two: &str, three: &str| format!(r#"{{"labels": {{"1": "edema", "2": "{two}", "3": "{three}"}}}}"#);
        of(&labels("non-enhancing tumor", "enhancing tumour")).unwrap();
        assert!(of(&labels("enhancing tumour", "non-enhancing tumor")).unwrap_err().contains("label 2 is"));
        assert!(of(&labels("necrosis", "nonenhancing")).unwrap_err().contains("label 3 is"));
        of(r#"{"labels": {"background": 0, "edema": 1, "necrotic core": 2, "enhancing": 3}}"#).unwrap();
        assert!(of(r#"{"labels": {"necrosis": 1, "edema": 2}}"#).unwrap_err().contains("label 1 is"));
        of(r#"{"channel_names": {"0": "FLAIR", "1": "T1w", "2": "T1gd", "3": "T2w"}}"#).unwrap();
        assert!(of(r#"{"channel_names": {"0": "T1w"}}"#).unwrap_err().contains("channel_names 0 is"));
        assert!(of(r#"{"modality": {"0": 7}}"#).unwrap_err().contains("modality 0 is 7"));
        assert!(of(r#"{"modality": []}"#).unwrap_err().contains("no list by number"));
    }

    #[test]
    fn files_are_known_by_name_and_folder() {
        let of = |relative: &'static str| place(relative.rsplit('/').next().unwrap(), relative);
        assert_eq!(of("Task01_BrainTumour/imagesTr/BRATS_001.nii.gz"), Some(("BRATS_001", Place::Images)));
        assert_eq!(of("labelsTr/BRATS_484.nii"), Some(("BRATS_484", Place::Labels)));
        assert_eq!(of("imagesTs/BRATS_485.nii.gz"), Some(("BRATS_485", Place::Unlabelled)));
        for other in ["BRATS_001.nii.gz", "x/BRATS_001.nii.gz", "imagesTr/BRATS_001_seg.nii.gz", "imagesTr/hippo_1.nii"]
        {
            assert_eq!(of(other), None, "{other}");
        }
        let parts: Vec<_> = parts().collect();
        assert_eq!(parts[2], ("t1c", Part { at: 2, of: 4 }));
    }
}

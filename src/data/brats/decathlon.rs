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
    let modality = &description["modality"];
    if !(modality.is_null() || modality.is_object()) {
        return Err(Problem::input(&file, "a modality that is no list by number")
            .expected("\"modality\": {\"0\": \"FLAIR\", \"1\": \"T1w\", ..}, as Task01_BrainTumour has it"));
    }
    let words = ORDER.map(|(_, word)| word);
    for (at, word) in words.iter().enumerate() {
        let said = modality[at.to_string()].as_str();
        if let Some(other) = said.filter(|said| !said.eq_ignore_ascii_case(word)) {
            return Err(Problem::input(&file, format!("modality {at} is \"{}\"", shown(other)))
                .expected(format!("\"{word}\": {} in this order, as Task01_BrainTumour has them", words.join(", ")))
                .advice("save each contrast as a file of its own under BraTS' names"));
        }
    }
    let said = description["labels"]["1"].as_str();
    if let Some(other) = said.filter(|said| !said.to_ascii_lowercase().contains("edema")) {
        return Err(Problem::input(&file, format!("label 1 is \"{}\"", shown(other)))
            .expected("\"edema\": 1 oedema, 2 dark core, 3 enhancing, as Task01_BrainTumour has them")
            .advice("save the maps under BraTS' names, or renumber them"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! BIDS file names: `sub-01_ses-2_desc-lesions_dseg.nii.gz` is entities, a suffix and an ending.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A file name taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BidsName<'a> {
    entities: Vec<(&'a str, &'a str)>,
    /// "dseg".
    pub suffix: &'a str,
}

impl<'a> BidsName<'a> {
    /// Of a volume (`.nii`, `.nii.gz`); `None` for anything else.
    ///
    /// Where the name says no session, the folder `ses-*` that it lies in does.
    pub fn of_volume(path: &'a Path) -> Option<Self> {
        let mut name = Self::parse(file_name(path), &[".nii.gz", ".nii"])?;
        if name.value("ses").is_none() {
            name.entities.extend(folder_session(path).map(|session| ("ses", session)));
        }
        Some(name)
    }

    /// Of a sidecar (`.json`).
    pub fn of_sidecar(path: &'a Path) -> Option<Self> {
        Self::parse(file_name(path), &[".json"])
    }

    fn parse(name: &'a str, endings: &[&str]) -> Option<Self> {
        let stem = endings.iter().find_map(|ending| name.strip_suffix(ending))?;
        let Some((entities, suffix)) = stem.rsplit_once('_') else {
            // A sidecar for all of a kind: "Chimap.json".
            return Some(Self { entities: Vec::new(), suffix: stem });
        };
        let entities = entities.split('_').map(|part| part.split_once('-')).collect::<Option<_>>()?;
        Some(Self { entities, suffix })
    }

    /// What an entity says: "01" for "ses" of `sub-1_ses-01_T1w`.
    pub fn value(&self, key: &str) -> Option<&'a str> {
        self.entities.iter().find(|(own, _)| *own == key).map(|(_, value)| *value)
    }

    /// Whether an entity says that.
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.entities.contains(&(key, value))
    }

    /// Whether a file of this name speaks for one of `other`: the same suffix, and no entity that the other lacks.
    pub fn applies_to(&self, other: &BidsName) -> bool {
        self.suffix.eq_ignore_ascii_case(other.suffix)
            && self.entities.iter().all(|entity| other.entities.contains(entity))
    }

    /// How many entities it has.
    pub fn entities(&self) -> usize {
        self.entities.len()
    }
}

/// The session of the folder that a volume's folder (`anat`) lies in.
pub(super) fn folder_session(path: &Path) -> Option<&str> {
    file_name(path.parent()?.parent()?).strip_prefix("ses-")
}

/// A path's last part, or nothing where that is no Unicode.
pub(super) fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// In what names differ: for each entity that is not the same in all, the values that there are, "none" where a name
/// lacks it.
pub(super) fn differences<'a>(names: &[BidsName<'a>]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let keys: BTreeSet<&str> = names.iter().flat_map(|name| name.entities.iter().map(|(key, _)| *key)).collect();
    let values = |key| names.iter().map(|name| name.value(key).unwrap_or("none")).collect::<BTreeSet<_>>();
    keys.into_iter().map(|key| (key, values(key))).filter(|(_, values)| values.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str) -> Option<BidsName<'_>> {
        BidsName::of_volume(Path::new(name))
    }

    #[test]
    fn names_are_taken_apart() {
        let name = volume("a/sub-01_ses-2_desc-lesions_dseg.nii.gz").unwrap();
        assert_eq!((name.suffix, name.value("ses"), name.value("run")), ("dseg", Some("2"), None));
        assert!(name.is("desc", "lesions") && !name.is("desc", "rim"));
        assert!(volume("sub-01_dseg.json").is_none() && volume("readme_old.nii").is_none());
    }

    #[test]
    fn a_session_is_that_of_the_name_or_else_of_the_folder() {
        let session = |path| volume(path).unwrap().value("ses").map(str::to_owned);
        assert_eq!(session("sub-1/ses-02/anat/sub-1_T1w.nii").as_deref(), Some("02"));
        assert_eq!(session("sub-1/ses-02/anat/sub-1_ses-01_T1w.nii").as_deref(), Some("01"));
        assert_eq!(session("sub-1/anat/sub-1_T1w.nii"), None);
    }

    #[test]
    fn a_sidecar_speaks_for_names_with_its_entities_and_more() {
        let of = volume("sub-01_run-1_Chimap.nii").unwrap();
        let applies = |name: &str| BidsName::of_sidecar(Path::new(name)).unwrap().applies_to(&of);
        assert!(applies("Chimap.json") && applies("run-1_Chimap.json") && applies("sub-01_run-1_Chimap.json"));
        assert!(!applies("run-2_Chimap.json") && !applies("FLAIR.json") && !applies("sub-01_acq-x_Chimap.json"));
    }

    #[test]
    fn differences_name_what_there_is() {
        let names = ["sub-1_T1w.nii", "sub-1_run-2_T1w.nii", "sub-1_run-3_T1w.nii"].map(|name| volume(name).unwrap());
        assert_eq!(differences(&names), BTreeMap::from([("run", BTreeSet::from(["2", "3", "none"]))]));
        assert!(differences(&names[..1]).is_empty());
    }
}

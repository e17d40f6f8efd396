//! Which recipe a study file is for.

use serde::{Deserialize, Serialize};

use super::settings::StudyFile;
use crate::problem::Result;
use crate::settings::Settings;

/// `kind = ` in a study file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StudyKind {
    /// Does denoising contested rim lesions help a classifier?
    #[default]
    RimLesions,
    /// Photographs of skin, inverted and edited: does that help a classifier of seven classes?
    Dermatoscopy,
    /// Slices of brains with gliomas: a generator that is told plane, tumour and population, and variants of it.
    Glioma,
    /// Maps of anisotropy, projected: how far to trust it, and whether residuals tell lesions.
    ProjectionAccuracy,
}

/// The one key that every study file has; all others are its recipe's.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct OfAnyKind {
    kind: StudyKind,
}

impl Settings for OfAnyKind {
    const SECTION: &'static str = "";

    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl StudyKind {
    /// The kind that `file` names, or the default; nothing else in it is looked at.
    ///
    /// # Errors
    /// No such kind.
    pub fn of(file: &StudyFile<'_>) -> Result<Self> {
        Ok(file.settings::<OfAnyKind>()?.kind)
    }

    /// A study of the default kind does not say so in what it writes: it is as old files are, which know no kinds.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::RimStudy;

    fn kind_of(text: &str, set: &[&str]) -> (Result<StudyKind>, Result<RimStudy>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.toml");
        std::fs::write(&path, text).unwrap();
        let set: Vec<String> = set.iter().map(|&assignment| assignment.to_owned()).collect();
        let file = StudyFile::open(&path, &set).unwrap();
        (StudyKind::of(&file), file.settings())
    }

    #[test]
    fn the_kind_is_read_before_the_settings_that_only_its_recipe_knows() {
        for (text, set) in [
            ("seed = 1\n", &[][..]),
            ("kind = \"rim-lesions\"\nof_another_recipe = 1\n", &[]),
            ("", &["kind=rim-lesions", "another.setting=2"]),
        ] {
            let (kind, settings) = kind_of(text, set);
            assert_eq!(kind.unwrap(), StudyKind::RimLesions, "{text} {set:?}");
            assert!(settings.is_err(), "no cohort, or a key of another recipe");
        }
    }

    #[test]
    fn an_unknown_kind_is_refused_in_the_words_of_the_recipe() {
        for (text, set) in [("kind = \"rim-lesion\"\n", &[][..]), ("seed = 1\n", &["kind=rim-lesion"])] {
            let (kind, settings) = kind_of(text, set);
            let said = kind.unwrap_err().to_string();
            assert!(said.contains("kind = \"rim-lesion\"; expected \"rim-lesions\""), "{said}");
            assert!(said.contains("did you mean \"rim-lesions\"?"), "{said}");
            assert_eq!(said, settings.unwrap_err().to_string());
        }
    }
}

//! Which recipe a study file is for.

use serde::{Deserialize, Serialize};

/// `kind = ` in a study file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StudyKind {
    /// Does denoising contested rim lesions help a classifier?
    #[default]
    RimLesions,
}

impl StudyKind {
    /// A study of the default kind does not say so in what it writes.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

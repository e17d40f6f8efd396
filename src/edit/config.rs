//! What a person sets about edits.

use serde::{Deserialize, Serialize};

use crate::directions::saved::MOST_DEVIATIONS;
use crate::name::Name;
use crate::problem::Result;
use crate::settings::Settings;

/// How training images are edited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EditConfig {
    /// Edited images, each class in turn; 0 makes 2.4 times as many as there are inverted training images, twice what
    /// the largest arm takes, as a gate keeps only some.
    pub images: u64,
    /// Shortest step, in deviations of the codes along a direction; up or down by chance.
    pub shortest: f64,
    /// Longest step, at most 3.
    pub longest: f64,
    /// Directions that images are edited along in a study, by their ids; empty takes those of a review, and without one
    /// those that the gate accepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<Name>,
}

impl Default for EditConfig {
    fn default() -> Self {
        Self { images: 0, shortest: 0.5, longest: 2.0, accept: vec![] }
    }
}

/// Edited images beside an inverted one, where nothing is said.
const TIMES: f64 = 2.4;

impl EditConfig {
    /// How many images are made of so many inverted ones.
    pub fn count(&self, inverted: usize) -> u64 {
        if self.images > 0 { self.images } else { (TIMES * inverted as f64).ceil() as u64 }
    }
}

/// Images in a folder of them, at most: each is a file.
const MOST: u64 = 1_000_000;

impl Settings for EditConfig {
    const SECTION: &'static str = "edit";

    fn check(&self) -> Result<()> {
        Self::within("images", self.images, 0, MOST)?;
        Self::within("shortest", self.shortest, 0.0, MOST_DEVIATIONS)?;
        Self::within("longest", self.longest, self.shortest, MOST_DEVIATIONS)?;
        if self.longest == 0.0 {
            return Err(Self::refuse("longest", self.longest, "a step above 0: nothing would be edited"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_goes_somewhere_and_not_beyond_the_cloud() {
        EditConfig::default().check().unwrap();
        let says = |config: EditConfig| config.check().unwrap_err().to_string();
        let good = EditConfig::default;
        assert!(says(EditConfig { images: 1_000_001, ..good() }).contains("edit.images"));
        assert_eq!((good().count(100), EditConfig { images: 7, ..good() }.count(100)), (240, 7));
        assert!(says(EditConfig { longest: 3.1, ..good() }).contains("edit.longest"));
        assert!(says(EditConfig { shortest: 2.5, ..good() }).contains("edit.longest"));
        assert!(says(EditConfig { shortest: 0.0, longest: 0.0, ..good() }).contains("nothing would be edited"));
    }
}

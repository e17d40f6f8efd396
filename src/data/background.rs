//! What was said once of volumes whose background is NaN or infinite and was taken as 0; it stops nothing.

use serde::{Deserialize, Serialize};

use super::name_join::listed;

/// Volumes with such a background; names as a person finds them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct BackgroundNotes {
    /// Such volumes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    empty_outside: Vec<String>,
    /// Their voxels of the background.
    #[serde(default, skip_serializing_if = "is_none")]
    background: u64,
    /// Lesions, of all of them, whose patch reaches into it.
    #[serde(default, skip_serializing_if = "is_none")]
    reach_outside: u64,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

impl BackgroundNotes {
    /// Notes the volume `name` with `voxels` of a background that is no number, if it has any; the patches of
    /// `lesions` reach into it.
    pub fn add(&mut self, name: &str, voxels: u64, lesions: u64) {
        if voxels > 0 {
            self.empty_outside.push(name.to_owned());
            self.background += voxels;
            self.reach_outside += lesions;
        }
    }

    /// Adds those of other volumes behind its own.
    pub fn join(&mut self, other: Self) {
        self.empty_outside.extend(other.empty_outside);
        self.background += other.background;
        self.reach_outside += other.reach_outside;
    }

    /// In words; `None` where there is nothing to say.
    pub fn words(&self) -> Option<String> {
        (!self.empty_outside.is_empty()).then(|| {
            format!(
                "{} volumes whose background is NaN or infinite ({} voxels, up to the volumes' borders), taken as 0; \
                 {} patches of lesions reach into it: {}",
                self.empty_outside.len(),
                self.background,
                self.reach_outside,
                listed(&self.empty_outside)
            )
        })
    }
}

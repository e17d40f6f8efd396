//! What the headers of a cohort's volumes leave open about where they lie; it stops nothing, and is said once.

use serde::{Deserialize, Serialize};

use super::brats::case::{MOST_TILT, tilt};
use super::name_join::listed;
use crate::nifti::{Form, Placement};

/// Volumes by what their headers leave open; names as a person finds them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PlaceNotes {
    /// The two forms mean different places; one was taken.
    #[serde(default)]
    torn: Vec<String>,
    /// The form that was not taken is there and says nothing usable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    broken: Vec<String>,
    /// Neither form is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    silent: Vec<String>,
    /// Its axes are far off the patient's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    slanted: Vec<String>,
}

impl PlaceNotes {
    /// Looks at the header of the volume `name`.
    pub fn add(&mut self, placement: &Placement, name: &str) {
        let open = [
            (&mut self.torn, placement.disagreement().is_some()),
            (&mut self.broken, placement.broken.is_some()),
            (&mut self.silent, !placement.stated),
            (&mut self.slanted, tilt(&placement.grid).is_some()),
        ];
        open.into_iter().filter(|(_, is)| *is).for_each(|(names, _)| names.push(name.to_owned()));
    }

    /// Adds those of other volumes behind its own.
    pub fn join(&mut self, other: Self) {
        self.torn.extend(other.torn);
        self.broken.extend(other.broken);
        self.silent.extend(other.silent);
        self.slanted.extend(other.slanted);
    }

    /// In words; `form` was asked for.
    pub fn words(&self, form: Form) -> Vec<String> {
        let (used, unused) = (form.name(), form.other().name());
        let mut words = Vec::new();
        if !self.torn.is_empty() {
            words.push(format!(
                "{} volumes whose header says two different places, by its sform and by its qform; the {used} was \
                 taken (--form {unused} takes the other): {}",
                self.torn.len(),
                listed(&self.torn)
            ));
        }
        if !self.broken.is_empty() {
            words.push(format!(
                "{} volumes whose {unused} says nothing usable; the {used} was taken, other programs may take the \
                 other: {}",
                self.broken.len(),
                listed(&self.broken)
            ));
        }
        if !self.silent.is_empty() {
            words.push(format!(
                "{} volumes whose header does not say where they lie (sform_code and qform_code are 0): x was taken to \
                 run to the patient's left, so that left and right may be exchanged, and volumes of one patient to \
                 lie voxel on voxel: {}",
                self.silent.len(),
                listed(&self.silent)
            ));
        }
        if !self.slanted.is_empty() {
            words.push(format!(
                "{} volumes whose axes lie more than {MOST_TILT} degrees off the patient's: slices follow the volume's \
                 axes, so that those of two patients may show different planes: {}",
                self.slanted.len(),
                listed(&self.slanted)
            ));
        }
        words
    }
}

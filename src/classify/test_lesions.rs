//! The lesions that scores are held against: patients, readers' labels, the truth where it is known.

use std::collections::BTreeSet;

use crate::data::manifest::{Lesion, Manifest};
use crate::records::classes::Classes;
use crate::records::classify::TestSetRecord;

/// The test lesions in the order of the scores.
#[derive(Clone, Debug)]
pub struct TestLesions {
    /// The group of each.
    pub patients: Vec<String>,
    /// Whether each is of interest; `None` where that is contested.
    pub labels: Vec<Option<bool>>,
    /// True label of each, in a simulated cohort.
    pub truth: Option<Vec<bool>>,
    /// What they are told apart by.
    pub classes: Classes,
}

impl TestLesions {
    /// `lesions` index the manifest; `truth` has a label for each of the manifest's lesions. One of two classes is of
    /// interest.
    pub fn new(lesions: &[u32], manifest: &Manifest, truth: Option<&[bool]>) -> Self {
        let entry = |&at: &u32| &manifest.lesions[at as usize];
        Self {
            patients: lesions.iter().map(|at| entry(at).patient.clone()).collect(),
            labels: lesions.iter().map(|at| label(entry(at), manifest)).collect(),
            truth: truth.map(|truth| lesions.iter().map(|&at| truth[at as usize]).collect()),
            classes: manifest.classes.clone(),
        }
    }

    /// The counts.
    pub fn record(&self) -> TestSetRecord {
        let count = |label| self.labels.iter().filter(|found| **found == label).count() as u64;
        let lesions = self.labels.len() as u64;
        let rims = count(Some(true));
        let share = |part: u64| part as f64 / lesions.max(1) as f64;
        TestSetRecord {
            patients: self.patients.iter().collect::<BTreeSet<_>>().len() as u64,
            lesions,
            rims,
            ambiguous: count(None),
            non_rims: count(Some(false)),
            prevalence: share(rims),
            true_prevalence: self.truth.as_ref().map(|truth| share(truth.iter().filter(|rim| **rim).count() as u64)),
            classes: vec![],
        }
    }

    /// Whether the readers agree that it is of interest.
    pub(super) fn readers(&self) -> Vec<bool> {
        self.labels.iter().map(|label| *label == Some(true)).collect()
    }
}

/// Whether a lesion is of interest; `None` where that is contested.
pub fn label(lesion: &Lesion, manifest: &Manifest) -> Option<bool> {
    manifest.classes.number(&lesion.class).map(|class| manifest.classes.interest() == Some(class))
}

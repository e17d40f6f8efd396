//! What stands beside the scores of [`super::compare`]: is a difference from None more than chance, whose chance, and
//! what could this test set have shown.
//!
//! [`contrasts`] tests metrics over patients and fits, [`auroc`] AUROC by DeLong's variance, [`answers`] right and
//! wrong answers; [`equal_calls`] moves None's threshold, [`calibration`] looks at log-odds, [`in_use`] at predictive
//! values, [`power`] at the number of positives.

use std::collections::BTreeSet;

use super::arms::Arm;
use super::config::ClassifyConfig;
use super::primary::Primary;
use super::runs::Runs;
use super::test_lesions::TestLesions;
use crate::problem::Result;
use crate::records::Confusion;
use crate::records::classify::NONE;
use crate::records::evidence::EvidenceRecord;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;

pub mod contrasts;

pub mod auroc;

pub mod answers;

pub mod equal_calls;

pub mod calibration;

pub mod in_use;

pub mod power;

mod words;

pub use contrasts::{Contrast, Contrasts};

/// What all parts look at.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Scores of every fit.
    pub runs: &'a Runs,
    /// By arm and repetition.
    pub thresholds: &'a [Vec<f64>],
    /// In the order of the scores.
    pub lesions: &'a TestLesions,
    /// Prevalence in use, draws, the primary question.
    pub config: &'a ClassifyConfig,
    /// Of the resampling of patients.
    pub patients: RunSeed,
    /// Added to log-odds so that they speak of all negatives and not of those that fits saw.
    pub log_kept: f64,
}

/// One kind of label.
pub struct Side {
    /// "readers" or "truth".
    pub name: &'static str,
    /// Of each test lesion; a contested one is negative for the readers.
    pub labels: Vec<bool>,
}

impl Side {
    /// Patients with such a lesion.
    pub fn patients_with(&self, label: bool, patients: &[String]) -> usize {
        let own = patients.iter().zip(&self.labels).filter(|(_, found)| **found == label);
        own.map(|(patient, _)| patient).collect::<BTreeSet<_>>().len()
    }
}

impl<'a> Ground<'a> {
    /// The readers' label, then the truth where it is known.
    pub fn sides(&self) -> Vec<Side> {
        let readers = self.lesions.labels.iter().map(|label| *label == Some(true)).collect();
        let truth = self.lesions.truth.clone().map(|labels| Side { name: "truth", labels });
        [Side { name: "readers", labels: readers }].into_iter().chain(truth).collect()
    }

    /// Place and name of the arms beside None; none without a None arm.
    pub fn beside_none(&self) -> Vec<(usize, &'static str)> {
        let arms = &self.runs.arms;
        let others = arms.iter().enumerate().filter(|(_, arm)| arm.arm != Arm::None);
        if self.none().is_none() { vec![] } else { others.map(|(at, arm)| (at, arm.arm.name())).collect() }
    }

    /// Place of the None arm.
    pub fn none(&self) -> Option<usize> {
        self.runs.arms.iter().position(|arm| arm.arm == Arm::None)
    }

    /// An arm's scores, \[repetitions\]\[lesions\].
    pub fn scores(&self, arm: usize) -> Vec<&'a [f64]> {
        self.runs.arms[arm].fits.iter().map(|fit| fit.test[0].as_slice()).collect()
    }

    /// An arm's scores with the threshold of each repetition.
    pub fn called(&self, arm: usize) -> impl Iterator<Item = (&'a [f64], f64)> {
        self.scores(arm).into_iter().zip(self.thresholds[arm].iter().copied())
    }

    /// Each test patient once, in the order of the first lesions, so that resamples are those of the scores.
    pub fn unique_patients(&self) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        self.lesions.patients.iter().map(String::as_str).filter(|patient| seen.insert(*patient)).collect()
    }

    /// Counts of each of [`Ground::unique_patients`].
    pub fn by_patient(&self, scores: &[f64], labels: &[bool], threshold: f64) -> Vec<Confusion> {
        let patients = self.unique_patients();
        let place: std::collections::HashMap<&str, usize> =
            patients.iter().enumerate().map(|(at, patient)| (*patient, at)).collect();
        let mut counts = vec![Confusion::default(); patients.len()];
        for ((score, label), patient) in scores.iter().zip(labels).zip(&self.lesions.patients) {
            let own = &mut counts[place[patient.as_str()]];
            *match (*score >= threshold, label) {
                (true, true) => &mut own.true_positive,
                (true, false) => &mut own.false_positive,
                (false, false) => &mut own.true_negative,
                (false, true) => &mut own.false_negative,
            } += 1;
        }
        counts
    }

    /// Resamples whole patients.
    pub fn bootstrap(&self) -> ClusterBootstrap {
        ClusterBootstrap::by_patient(&self.unique_patients(), self.patients).draws(self.config.bootstrap_draws)
    }
}

/// Sum of patients' counts, each patient `copies` times.
pub fn total(counts: &[Confusion], copies: &[u32]) -> Confusion {
    let mut sum = Confusion::default();
    for (own, &copies) in counts.iter().zip(copies) {
        let copies = u64::from(copies);
        sum.true_positive += copies * own.true_positive;
        sum.false_positive += copies * own.false_positive;
        sum.true_negative += copies * own.true_negative;
        sum.false_negative += copies * own.false_negative;
    }
    sum
}

/// All parts.
///
/// # Errors
/// A score that is not a number.
pub fn evidence(ground: &Ground<'_>, contrasts: &Contrasts<'_>) -> Result<EvidenceRecord> {
    let mut found = EvidenceRecord {
        contrasts: contrasts::tested(ground, contrasts),
        auroc: auroc::beside_none(ground)?,
        answers: answers::beside_none(ground),
        equal_calls: equal_calls::beside_none(ground),
        calibration: calibration::of_arms(ground)?,
        in_use: in_use::of_arms(ground),
        power: power::beside_none(ground),
        notes: vec![],
    };
    found.notes = words::notes(ground, &found);
    Ok(found)
}

/// Whether a contrast is the one that the settings name.
fn is_primary(primary: &Primary, ground: &Ground<'_>, arm: usize, metric: &str, against: &str) -> bool {
    let asked = ground.runs.arms[arm].arm == primary.arm && primary.metric.key() == metric;
    asked && primary.against(ground.lesions.truth.is_some()) == against && primary.arm.name() != NONE
}

#[cfg(test)]
mod tests;

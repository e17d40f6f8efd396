//! What stands beside an arm's scores where a class is of interest: tests of its difference from None, what share of
//! their variance is whose, calibration, answers at equal numbers of calls, values where the scores would be used, and
//! what the test set could show at all.
//!
//! A number that the data leave undefined is absent; [`EvidenceRecord::notes`] says why.

use serde::{Deserialize, Serialize};

use super::Interval;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvidenceRecord {
    /// Every arm minus None, with tests.
    pub contrasts: Vec<ContrastRecord>,
    /// AUROC of every arm beside None's, by DeLong's variance over patients.
    pub auroc: Vec<AurocRecord>,
    /// Right and wrong answers of every arm beside None's.
    pub answers: Vec<AnswersRecord>,
    /// Every arm minus None whose threshold is moved until it calls as many lesions.
    pub equal_calls: Vec<EqualCallsRecord>,
    /// Whether log-odds mean what they say.
    pub calibration: Vec<CalibrationRecord>,
    /// What a call means where the scores would be used.
    pub in_use: Vec<InUseRecord>,
    /// What this test set can find.
    pub power: Vec<PowerRecord>,
    /// What is not there and why, and how much weight few patients or seeds bear.
    pub notes: Vec<String>,
}

/// A metric of an arm minus the same of None, over the same test lesions and repetitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContrastRecord {
    /// Name of the arm.
    pub arm: String,
    /// "auprc", "auroc" or "balanced_accuracy".
    pub metric: String,
    /// "readers" or "truth".
    pub against: String,
    /// Whether the settings name it as the one question; its p stands as it is.
    pub primary: bool,
    /// Mean over repetitions, with the interval over patients, generators and fits as far as each is known.
    pub difference: Interval,
    /// What its variance is made of.
    pub shares: VarianceShares,
    /// Two-sided p of no difference, by Student's t.
    pub p: Option<f64>,
    /// Holm's, over all contrasts but the primary one; of that the p itself.
    pub p_corrected: Option<f64>,
    /// Smallest true difference that this test finds in 80 % of cases, uncorrected, at the variance found.
    pub detectable: Option<f64>,
}

/// Shares of a variance; those that are known add up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VarianceShares {
    /// By the choice of test patients.
    pub patients: f64,
    /// By the choice of generator; `None` with one, whose share is unknown, not 0. With one fit of each generator the
    /// fits' share is in it.
    pub generators: Option<f64>,
    /// By the chance of a fit (initial weights, batches, draws); `None` where no generator has two.
    pub fits: Option<f64>,
}

/// AUROC of an arm beside None's, means over repetitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AurocRecord {
    /// Name of the arm.
    pub arm: String,
    /// "readers" or "truth".
    pub against: String,
    /// The arm's.
    pub auroc: Interval,
    /// None's.
    pub none: Interval,
    /// The arm's minus None's.
    pub difference: Interval,
    /// Two-sided.
    pub p: Option<f64>,
    /// Holm's, over all rows of this table.
    pub p_corrected: Option<f64>,
}

/// Lesions on which exactly one of an arm and None is right, each at its own threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswersRecord {
    /// Name of the arm.
    pub arm: String,
    /// "readers" or "truth".
    pub against: String,
    /// Each repetition.
    pub per_seed: Vec<DiscordantRecord>,
    /// Of all repetitions together: the sign-flip test with patients as its units, exact.
    pub p_by_patient: f64,
    /// Holm's of that, over all rows of this table.
    pub p_corrected: f64,
}

/// One repetition's discordant lesions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscordantRecord {
    /// Number of the repetition.
    pub seed: u64,
    /// Right by the arm alone.
    pub arm_only: u64,
    /// Right by None alone.
    pub none_only: u64,
    /// Exact McNemar, which takes lesions of a patient as independent.
    pub p: f64,
}

/// An arm minus None at as many calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EqualCallsRecord {
    /// Name of the arm.
    pub arm: String,
    /// "readers" or "truth".
    pub against: String,
    /// Lesions that the arm calls positive, mean over repetitions.
    pub calls: f64,
    /// Lesions that None does at its own threshold.
    pub none_calls: f64,
    /// Difference of the sensitivities with None's threshold moved to as many calls as the arm's.
    pub sensitivity: Option<Interval>,
    /// Difference of the precisions, likewise.
    pub precision: Option<Interval>,
}

/// Calibration of an arm's log-odds on the test side, whose share of positives is the cohort's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRecord {
    /// Name of the arm.
    pub arm: String,
    /// "readers" or "truth".
    pub against: String,
    /// Added to the log-odds: the logarithm of the share of the training side's negatives that fits see.
    pub shift: f64,
    /// Of Cox's line: 1 is right, below 1 too extreme.
    pub slope: Option<Interval>,
    /// Calibration in the large, in log-odds: above 0 positives are more frequent than the scores say.
    pub intercept: Option<Interval>,
    /// Brier score.
    pub brier: Option<Interval>,
    /// Brier score of the share of positives for everybody.
    pub brier_of_prevalence: f64,
}

/// Predictive values at another share of positives than the test set's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InUseRecord {
    /// Name of the arm.
    pub arm: String,
    /// "readers" or "truth".
    pub against: String,
    /// Share of positives.
    pub prevalence: f64,
    /// Share of real positives among those called so.
    pub ppv: Option<Interval>,
    /// Share of real negatives among those not called so.
    pub npv: Option<Interval>,
}

/// What the test set's positives can show about an arm's sensitivity beside None's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PowerRecord {
    /// Name of the arm.
    pub arm: String,
    /// "readers" or "truth".
    pub against: String,
    /// Positives of the test set.
    pub positives: u64,
    /// Patients who have one.
    pub patients: u64,
    /// Share of positives on which exactly one of the arm and None is right, mean over repetitions.
    pub discordance: f64,
    /// Positives over the design effect of their patients.
    pub effective: f64,
    /// Smallest gain of sensitivity that the exact McNemar test finds in 80 % of such test sets; absent where none is.
    pub detectable: Option<f64>,
    /// Independent positives that a gain of .10 needs at this discordance; absent where that is below .10.
    pub needed_for_ten_points: Option<f64>,
}

//! The one question of a comparison, named before its answer is known.

use serde::{Deserialize, Serialize};

use super::arms::Arm;
use crate::problem::{Problem, Result};

/// Which difference from None is tested without correction; all others are corrected for their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Primary {
    /// The arm beside None; the paper's claim is about "ada-gan-ld".
    pub arm: Arm,
    /// Of what.
    pub metric: Metric,
    /// Against whose label.
    pub against: Label,
}

impl Default for Primary {
    fn default() -> Self {
        Self { arm: Arm::AdaGanLd, metric: Metric::Auprc, against: Label::Auto }
    }
}

/// A metric whose difference from None is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Area under the precision-recall curve.
    Auprc,
    /// Area under the ROC curve.
    Auroc,
    /// Mean of sensitivity and specificity at the threshold.
    BalancedAccuracy,
}

impl Metric {
    /// As in records.
    pub fn key(self) -> &'static str {
        match self {
            Self::Auprc => "auprc",
            Self::Auroc => "auroc",
            Self::BalancedAccuracy => "balanced_accuracy",
        }
    }
}

/// Whose label counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// The truth where it is known, else the readers'.
    Auto,
    /// The readers' agreed label.
    Readers,
    /// The true one, of a simulated cohort.
    Truth,
}

impl Primary {
    /// True for what is not written into settings.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// "readers" or "truth", as in records.
    pub fn against(&self, truth_is_known: bool) -> &'static str {
        match self.against {
            Label::Auto if truth_is_known => "truth",
            Label::Truth => "truth",
            Label::Auto | Label::Readers => "readers",
        }
    }

    /// Refuses a question that was chosen and that these arms cannot answer.
    ///
    /// # Errors
    /// Its arm is None, or is not among `arms`, and it is not the default.
    pub fn check(&self, arms: &[Arm]) -> Result<()> {
        let answered = self.arm != Arm::None && arms.contains(&self.arm) && arms.contains(&Arm::None);
        if answered || self.is_default() {
            return Ok(());
        }
        Err(Problem::usage(format!("classify.primary.arm = \"{}\"", self.arm.key()))
            .expected("one of classify.arms beside \"none\", and \"none\" among them")
            .advice("name the arm that the study is about, or add it to classify.arms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_must_be_answerable_unless_nobody_chose_it() {
        let primary = |arm| Primary { arm, ..Primary::default() };
        assert!(primary(Arm::Affine).check(&[Arm::None, Arm::Affine]).is_ok());
        assert!(primary(Arm::Affine).check(&[Arm::None]).is_err());
        assert!(primary(Arm::Affine).check(&[Arm::Affine]).is_err());
        assert!(primary(Arm::None).check(&[Arm::None, Arm::Affine]).is_err());
        assert!(Primary::default().check(&[Arm::Affine]).is_ok());
        assert_eq!((Primary::default().against(true), Primary::default().against(false)), ("truth", "readers"));
    }
}

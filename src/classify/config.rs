//! Settings of the comparison, with the paper's values where it gives them.

use serde::{Deserialize, Serialize};

use super::arms::Arm;
use crate::nets::classifiers::cnn::CnnConfig;
use crate::problem::{Problem, Result};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifyConfig {
    pub arms: Vec<Arm>,
    /// Repetitions; each draws its own initial weights, batches, non-rims and added rims, the same for all arms.
    pub seeds: u64,
    /// Passes over the None arm's slices; every arm takes as many optimiser steps.
    pub epochs: u64,
    pub batch: u64,
    /// Of Adam (betas .9, .999).
    pub learning_rate: f64,
    /// Rims added by each arm but None.
    pub extra: u64,
    pub width: Width,
    /// Training non-rims per agreed rim (the paper: 400 to 200).
    pub non_rims_per_rim: f64,
    pub pooling: Pooling,
    pub threshold: ThresholdRule,
    /// Takes only denoised lesions that the projection did not flag as "rim erased".
    pub accepted_only: bool,
    pub bootstrap_draws: usize,
    /// Share of rims among all lesions where the scores would be used (the paper: 260 of 7980).
    pub reference_prevalence: f64,
    /// Test rims in the figure of class activation maps.
    pub maps: usize,
    pub control: Option<Control>,
}

impl Default for ClassifyConfig {
    fn default() -> Self {
        Self {
            arms: Arm::PAPER.to_vec(),
            seeds: 3,
            epochs: 25,
            batch: 64,
            learning_rate: 1e-3,
            extra: 100,
            width: Width::Small,
            non_rims_per_rim: 2.0,
            pooling: Pooling::Mean,
            threshold: ThresholdRule::Youden,
            accepted_only: false,
            bootstrap_draws: crate::statistics::bootstrap::DRAWS,
            reference_prevalence: 0.033,
            maps: 4,
            control: None,
        }
    }
}

/// Channels of the classifier's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Width {
    Small,
    Paper,
}

impl Width {
    pub fn cnn(self, channels: i64) -> CnnConfig {
        match self {
            Self::Small => CnnConfig::small(channels),
            Self::Paper => CnnConfig::paper(channels),
        }
    }
}

/// How the scores of a lesion's slices become the lesion's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Mean of all slices' logits.
    Mean,
    /// Mean of the higher half (rounded up): a rim need not show in the slices that graze a lesion.
    TopHalf,
}

/// How the threshold is chosen, on validation lesions only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdRule {
    /// Largest sensitivity + specificity - 1.
    Youden,
    /// Largest F1.
    F1,
}

/// Runs whose result is known beforehand; they test the machinery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Training and validation labels are dealt out anew: AUROC's interval must cover .5.
    ShuffleLabels,
    /// Test lesions are copied into the training set with their labels: AUROC must rise towards 1.
    DuplicateLeak,
}

impl Control {
    pub fn name(self) -> &'static str {
        match self {
            Self::ShuffleLabels => "shuffle-labels",
            Self::DuplicateLeak => "duplicate-leak",
        }
    }
}

impl ClassifyConfig {
    /// # Errors
    /// A setting out of its range, or an arm named twice.
    pub fn check(&self) -> Result<()> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let twice = self.arms.iter().enumerate().find(|(at, arm)| self.arms[..*at].contains(arm));
        let wrong = match () {
            () if self.arms.is_empty() => "no arm",
            () if self.seeds == 0 || self.epochs == 0 => "no seed or no epoch",
            () if self.batch < 4 => "a batch below 4 slices",
            () if !positive(self.learning_rate) => "a learning rate that is not positive",
            () if self.extra == 0 => "no added rim",
            () if !positive(self.non_rims_per_rim) => "non_rims_per_rim that is not positive",
            () if self.bootstrap_draws < 100 => "fewer than 100 bootstrap draws",
            () if !positive(self.reference_prevalence) || self.reference_prevalence >= 1.0 => {
                "a reference prevalence outside 0..1"
            }
            () => match twice {
                Some((_, arm)) => return Err(Problem::usage(format!("arm {} is named twice", arm.name()))),
                None => return Ok(()),
            },
        };
        Err(Problem::usage(format!("classifier settings with {wrong}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_toml() {
        let config = ClassifyConfig::default();
        config.check().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert!(text.contains("\"ada-gan+ld\""), "{text}");
        assert_eq!(toml::from_str::<ClassifyConfig>(&text).unwrap(), config);
        assert!(toml::from_str::<ClassifyConfig>("epoch = 3").is_err());
    }

    #[test]
    fn refuses_an_arm_named_twice_and_settings_out_of_range() {
        let twice = ClassifyConfig { arms: vec![Arm::None, Arm::Affine, Arm::None], ..Default::default() };
        assert!(twice.check().unwrap_err().to_string().contains("arm None is named twice"));
        assert!(ClassifyConfig { learning_rate: f64::NAN, ..Default::default() }.check().is_err());
    }
}

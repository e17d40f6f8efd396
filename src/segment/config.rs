//! What a person sets about segmentation.

use serde::{Deserialize, Serialize};

use super::arms::Arm;
use crate::classify::ClassifyConfig;
use crate::classify::config::MOST_SEEDS;
use crate::nets::segmenters::UNetConfig;
use crate::problem::Result;
use crate::settings::Settings;
use crate::statistics::bootstrap::DRAWS;

/// Settings of `segment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentConfig {
    /// Arms in the order of the tables, each once.
    pub arms: Vec<Arm>,
    /// Repetitions; each draws its own initial weights, batches and rim-free lesions, the same for all arms.
    pub seeds: u64,
    /// Steps of the optimiser, the same for all arms.
    pub steps: u64,
    /// Slices in a batch.
    pub batch: u64,
    /// Of Adam at the first step; falls to 0 as (1 - share of the steps)^.9.
    pub learning_rate: f64,
    /// Channels of the network.
    pub width: Width,
    /// Training lesions without rim for each with one.
    pub rim_free_per_rim: f64,
    /// Lesions or images that an arm adds of each of its sources, at most.
    pub extra: u64,
    /// Weight of the loss of what an arm adds, beside 1 for the real lesions.
    pub extra_weight: f64,
    /// Takes only denoised lesions that the projection did not flag as "rim erased".
    pub accepted_only: bool,
    /// Takes images of networks that knew other or unknown data; that no test lesion was among them is then taken on
    /// trust.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trust_origin: bool,
    /// A lesion's rim is looked for in its mask and so many mm around it, within the slice.
    pub margin_mm: f64,
    /// Of the surface Dice.
    pub tolerance_mm: f64,
    /// A lesion of fewer rim voxels counts as one in which none was found.
    pub least_voxels: u64,
    /// Resamplings of the test patients for each interval.
    pub draws: usize,
    /// Test lesions with a rim in the figure.
    pub shown: usize,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            arms: Arm::ALL.to_vec(),
            seeds: 3,
            steps: 400,
            batch: 12,
            learning_rate: 2e-3,
            width: Width::Small,
            rim_free_per_rim: 1.0,
            extra: 100,
            extra_weight: 0.25,
            accepted_only: false,
            trust_origin: false,
            margin_mm: 1.0,
            tolerance_mm: 0.4,
            least_voxels: 10,
            draws: DRAWS,
            shown: 4,
        }
    }
}

/// Channels of the U-Net's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Width {
    /// 4 to 32 channels, for two cores.
    Tiny,
    /// 8 to 64 channels.
    Small,
    /// 16 to 128 channels, half a million parameters.
    Large,
}

impl Width {
    /// The network of images with so many `channels`.
    pub fn network(self, channels: i64) -> UNetConfig {
        let first = match self {
            Self::Tiny => 4,
            Self::Small => 8,
            Self::Large => 16,
        };
        UNetConfig { channels, widths: [1, 2, 4, 8].map(|times| first * times), outputs: 1 }
    }
}

impl SegmentConfig {
    /// What the readers of images and the proof that they share with `classify` go by.
    pub(super) fn of_classifiers(&self) -> ClassifyConfig {
        ClassifyConfig {
            arms: self.arms.iter().map(|arm| arm.of_classifiers()).collect(),
            extra: self.extra,
            accepted_only: self.accepted_only,
            trust_origin: self.trust_origin,
            ..ClassifyConfig::default()
        }
    }
}

/// Counts that no run comes to an end with.
const MOST: u64 = 1_000_000;

impl Settings for SegmentConfig {
    const SECTION: &'static str = "segment";

    fn check(&self) -> Result<()> {
        let arms = || format!("{:?}", self.arms.iter().map(|arm| arm.key()).collect::<Vec<_>>());
        if self.arms.is_empty() {
            return Err(Self::refuse("arms", arms(), "at least one arm"));
        }
        if let Some(at) = (1..self.arms.len()).find(|&at| self.arms[..at].contains(&self.arms[at])) {
            let expected = format!("each arm once: \"{}\" is named twice", self.arms[at].key());
            return Err(Self::refuse("arms", arms(), expected));
        }
        Self::within("seeds", self.seeds, 1, MOST_SEEDS)?;
        Self::within("steps", self.steps, 1, MOST)?;
        Self::within("batch", self.batch, 4, MOST)?;
        Self::positive("learning_rate", self.learning_rate, 1e3)?;
        Self::positive("rim_free_per_rim", self.rim_free_per_rim, 1e9)?;
        Self::within("extra", self.extra, 1, MOST)?;
        Self::within("extra_weight", self.extra_weight, 0.0, 1e3)?;
        Self::within("margin_mm", self.margin_mm, 0.0, 100.0)?;
        Self::within("tolerance_mm", self.tolerance_mm, 0.0, 100.0)?;
        Self::within("least_voxels", self.least_voxels, 1, MOST)?;
        Self::within("draws", self.draws, 100, 10_000_000)?;
        Self::within("shown", self.shown, 0, 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_toml_and_no_arm_is_named_twice() {
        let config = SegmentConfig::default();
        config.check().unwrap();
        assert_eq!(toml::from_str::<SegmentConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        let twice = SegmentConfig { arms: vec![Arm::Real, Arm::Both, Arm::Real], ..config };
        assert!(twice.check().unwrap_err().to_string().contains("\"real\" is named twice"));
    }
}

//! What a person sets about explaining.

use serde::{Deserialize, Serialize};

use crate::classify::Arm;
use crate::classify::arms::require_each_once;
use crate::problem::Result;
use crate::settings::Settings;

/// How the classifiers are explained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainConfig {
    /// Arms whose classifiers are explained, before and after augmentation; each one that the comparison has.
    pub arms: Vec<Arm>,
    /// Repetitions of each arm, at most: the first ones.
    pub fits: u64,
    /// Test lesions of the class of interest, at most; as many patients as possible have one among them.
    pub lesions: u64,
    /// Layers of the classifier behind which Grad-CAM and HiResCAM look; the finer the map, the less the classifier
    /// has made up its mind there. Class activation maps always look in front of the head.
    pub layer: u64,
    /// Steps in which pixels are taken away or brought back.
    pub steps: u64,
    /// Random orders of the pixels that deletion and insertion are compared with.
    pub orders: u64,
    /// Whether the lesions of a simulated cohort are simulated again without their rims.
    pub twins: bool,
    /// Lesions in the figure.
    pub shown: u64,
    /// Draws of every interval.
    pub draws: u64,
}

impl Default for ExplainConfig {
    fn default() -> Self {
        Self {
            arms: vec![Arm::None, Arm::AdaGanLd],
            fits: 3,
            lesions: 24,
            layer: 2,
            steps: 16,
            orders: 4,
            twins: true,
            shown: 4,
            draws: 1000,
        }
    }
}

impl Settings for ExplainConfig {
    const SECTION: &'static str = "explain";

    fn check(&self) -> Result<()> {
        require_each_once::<Self>(&self.arms)?;
        Self::within("fits", self.fits, 1, 1000)?;
        Self::within("lesions", self.lesions, 2, 100_000)?;
        Self::within("layer", self.layer, 1, 6)?;
        Self::within("steps", self.steps, 2, 256)?;
        Self::within("orders", self.orders, 1, 100)?;
        Self::within("shown", self.shown, 0, 20)?;
        Self::within("draws", self.draws, 100, 100_000)
    }
}

//! `[train.quantise]`: features of the discriminator drawn to codes (Zhao et al. 2020, "Feature quantization improves
//! GAN training").

use serde::{Deserialize, Serialize};

use crate::nets::QuantiseConfig;
use crate::problem::Result;
use crate::settings::Settings;

/// Where, by how many codes and how strongly. The numbers are those published for StyleGAN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantiseFeatures {
    /// Sides of the feature maps that are quantised, of blocks' outputs; none: no quantisation.
    pub sides: Vec<i64>,
    /// Codes of a map.
    pub codes: i64,
    /// Share of a code that a step leaves.
    pub decay: f64,
    /// Weight of the distance between features and their codes in the losses of both networks.
    pub weight: f64,
    /// Whether the codes go on to the next layer, as the method is described; false: the distance alone acts, as its
    /// published program for StyleGAN has it.
    pub pass_on: bool,
}

impl Default for QuantiseFeatures {
    fn default() -> Self {
        Self { sides: Vec::new(), codes: 128, decay: 0.8, weight: 0.25, pass_on: true }
    }
}

impl QuantiseFeatures {
    /// Whether nothing is asked for.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// The discriminator's part of it.
    pub fn of_network(&self) -> Option<QuantiseConfig> {
        let Self { sides, codes, decay, pass_on, .. } = self.clone();
        (!sides.is_empty()).then_some(QuantiseConfig { sides, codes, decay, pass_on })
    }
}

impl Settings for QuantiseFeatures {
    const SECTION: &'static str = "train.quantise";

    fn check(&self) -> Result<()> {
        for side in &self.sides {
            Self::within("sides", *side, 4, 512)?;
        }
        Self::within("codes", self.codes, 2, 4096)?;
        Self::within("decay", self.decay, 0.0, 0.999_999)?;
        Self::within("weight", self.weight, 0.0, 1e3)
    }
}

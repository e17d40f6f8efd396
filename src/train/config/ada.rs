//! `[train.ada]`: the adaptive augmentation.

use serde::{Deserialize, Serialize};

use crate::augment::{AdaConfig, AugmentSet};
use crate::problem::Result;
use crate::settings::Settings;

/// Adaptive discriminator augmentation (Karras et al. 2020).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveConfig {
    /// Set of augmentations: "medical", "none", "bgc" (the method's own for photographs), groups of the method
    /// joined by +, e.g. "blit+geom" (groups: blit, geom, color, filter, noise, cutout), "diffaugment" or
    /// "diffaugment-medical" (on every image at full strength: p means nothing).
    pub augment: AugmentSet,
    /// Probability at the start.
    pub initial_p: f64,
    /// Target of E[sign D(real)]; "none": p stays at its start.
    #[serde(with = "number_or_none")]
    pub target: Option<f64>,
    /// Largest probability; above 0.8 augmentations leak into the generated images.
    pub ceiling: f64,
    /// Thousands of images in which p can go from 0 to 1; absent: 500, or 100 when starting from a trained network.
    pub speed_kimg: Option<f64>,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self { augment: AugmentSet::Medical, initial_p: 0.0, target: Some(0.6), ceiling: 0.8, speed_kimg: None }
    }
}

impl AdaptiveConfig {
    /// Thousands of images in which p can go from 0 to 1, when training starts from a trained network (`transfer`) or
    /// not: as set, or the method's.
    pub fn speed_kimg_or_usual(&self, transfer: bool) -> f64 {
        let usual = if transfer { AdaConfig::transfer() } else { AdaConfig::default() };
        self.speed_kimg.unwrap_or(usual.speed_kimg)
    }

    /// The controller's settings.
    pub(super) fn controller(&self, transfer: bool) -> AdaConfig {
        let usual = if transfer { AdaConfig::transfer() } else { AdaConfig::default() };
        AdaConfig {
            target: self.target.unwrap_or(usual.target),
            speed_kimg: self.speed_kimg_or_usual(transfer),
            initial: self.initial_p,
            ceiling: self.ceiling,
            ..usual
        }
    }
}

impl Settings for AdaptiveConfig {
    const SECTION: &'static str = "train.ada";

    fn check(&self) -> Result<()> {
        Self::within("ceiling", self.ceiling, 0.0, 1.0)?;
        if !(0.0..=self.ceiling).contains(&self.initial_p) {
            let expected = format!("a number from 0 to train.ada.ceiling, which is {}", self.ceiling);
            return Err(Self::refuse("initial_p", self.initial_p, expected));
        }
        Self::within("target", self.target.unwrap_or(0.0), -1.0, 1.0)?;
        Self::positive("speed_kimg", self.speed_kimg.unwrap_or(1.0), 1e9)
    }
}

/// A number, or "none" for its absence: TOML has no other word for it.
mod number_or_none {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Word(String),
    }

    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(number) => serializer.serialize_f64(*number),
            None => serializer.serialize_str("none"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        match Written::deserialize(deserializer) {
            Ok(Written::Number(number)) => Ok(Some(number)),
            Ok(Written::Word(word)) if word == "none" => Ok(None),
            _ => Err(D::Error::custom("another value, expected a number or \"none\"")),
        }
    }
}

//! `[train.objective]`: what the networks are trained by, where it is not StyleGAN2's own.

use serde::{Deserialize, Serialize};

use crate::problem::Result;
use crate::settings::Settings;

/// Loss and what is added to it. The defaults are StyleGAN2's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ObjectiveConfig {
    /// Loss of both networks.
    pub loss: Loss,
    /// Whether the gradient at generated images is penalised, too, as R1 does at real ones, with its weight and at its
    /// steps (R2).
    pub r2: bool,
    /// Share of the generated images, the most realistic, that the generator learns from in the end; 1: all.
    pub top_k: f64,
    /// Thousands of images in which that share falls to its end, by equal factors.
    pub top_k_kimg: f64,
    /// Weight of LeCam regularisation; 0: none.
    pub lecam: f64,
    /// Thousands of images from which on it acts.
    pub lecam_from_kimg: f64,
}

/// What a discriminator's logits are made a loss by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Non-saturating logistic.
    #[default]
    Logistic,
    /// Logistic of the difference between the logits of a real and a generated image of its class.
    Relativistic,
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self { loss: Loss::Logistic, r2: false, top_k: 1.0, top_k_kimg: 50.0, lecam: 0.0, lecam_from_kimg: 32.0 }
    }
}

impl ObjectiveConfig {
    /// Whether it is StyleGAN2's own.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Share of the generated images that the generator learns from after `images` real ones; none where it is all of
    /// them throughout.
    pub fn share_at(&self, images: u64) -> Option<f64> {
        (self.top_k < 1.0).then(|| self.top_k.powf((images as f64 / (1000.0 * self.top_k_kimg)).min(1.0)))
    }

    /// Weight of LeCam regularisation after `images` real ones; none where there is none throughout.
    pub fn lecam_at(&self, images: u64) -> Option<f64> {
        let acts = images as f64 >= 1000.0 * self.lecam_from_kimg;
        (self.lecam > 0.0).then_some(if acts { self.lecam } else { 0.0 })
    }
}

impl Settings for ObjectiveConfig {
    const SECTION: &'static str = "train.objective";

    fn check(&self) -> Result<()> {
        Self::within("top_k", self.top_k, 0.01, 1.0)?;
        Self::positive("top_k_kimg", self.top_k_kimg, 1e9)?;
        Self::within("lecam", self.lecam, 0.0, 1e3)?;
        Self::within("lecam_from_kimg", self.lecam_from_kimg, 0.0, 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_falls_by_equal_factors() {
        let half = ObjectiveConfig { top_k: 0.5, top_k_kimg: 2.0, ..ObjectiveConfig::default() };
        assert_eq!([0, 2000, 9000].map(|images| half.share_at(images).unwrap()), [1.0, 0.5, 0.5]);
        approx::assert_relative_eq!(half.share_at(1000).unwrap(), 0.5f64.sqrt());
        assert_eq!(ObjectiveConfig::default().share_at(9000), None);
    }

    #[test]
    fn lecam_waits_for_its_means() {
        let config = ObjectiveConfig { lecam: 0.3, lecam_from_kimg: 1.0, ..ObjectiveConfig::default() };
        assert_eq!([0, 999, 1000].map(|images| config.lecam_at(images)), [Some(0.0), Some(0.0), Some(0.3)]);
        assert_eq!(ObjectiveConfig::default().lecam_at(9000), None);
    }
}

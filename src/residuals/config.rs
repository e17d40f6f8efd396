//! Settings of `residuals`; how to project is `project`'s business.

use serde::{Deserialize, Serialize};

use crate::perturb::corruption::Strengths;
use crate::problem::Result;
use crate::settings::Settings;

/// How lesions differ from what is around them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lesions {
    /// Below it, as anisotropy is in lesions of multiple sclerosis.
    #[default]
    Dark,
    /// Above it, as FLAIR is in them, or susceptibility in a rim.
    Bright,
}

impl Lesions {
    /// As in records.
    pub fn key(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Bright => "bright",
        }
    }

    /// 1 where a lesion is above what is around it, -1 below.
    pub fn sign(self) -> f32 {
        match self {
            Self::Dark => -1.0,
            Self::Bright => 1.0,
        }
    }
}

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResidualsConfig {
    /// Classes without lesions; empty for the data set's class of interest.
    pub healthy: Vec<String>,
    /// Classes with lesions; empty for all others.
    pub lesioned: Vec<String>,
    /// How lesions differ from what is around them.
    pub lesions: Lesions,
    /// The channel that is measured; the first unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The channel that shows lesions from .5 of its unit on; the masks unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
    /// Images of each role whose agreement is measured.
    pub accuracy: u64,
    /// Healthy held-out images that are spoiled in every way; 0 spoils none.
    pub spoiled: u64,
    // Those of `Strengths` one by one, as in `PerturbConfig`.
    /// As in [`Strengths`].
    pub noise: f64,
    /// As in [`Strengths`].
    pub salt_and_pepper: f64,
    /// As in [`Strengths`].
    pub blur: f64,
    /// As in [`Strengths`].
    pub inpainting: f64,
    /// Healthy validation images that say what residual is normal; 0 tries no detector.
    pub calibration: u64,
    /// Validation images with lesions, at most, on which thresholds are chosen.
    pub validation: u64,
    /// Test images with lesions, at most, and as many without.
    pub test: u64,
    /// Images count as of one place where their slices are at most so many voxels apart.
    pub reach: u64,
    /// Pixels at the brain's edge that are not scored.
    pub erosion: u64,
    /// Standard deviation in pixels of the blur on every score.
    pub smooth: f64,
    /// Resamplings of the test patients for each interval.
    pub draws: usize,
    /// Images in a figure.
    pub shown: usize,
    /// Takes a network that knew other data; that no test patient was among them is then taken on trust.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trust_origin: bool,
}

impl ResidualsConfig {
    /// How strong each corruption is.
    pub fn strengths(&self) -> Strengths {
        let Self { noise, salt_and_pepper, blur, inpainting, .. } = *self;
        Strengths { noise, salt_and_pepper, blur, inpainting }
    }
}

impl Default for ResidualsConfig {
    fn default() -> Self {
        let Strengths { noise, salt_and_pepper, blur, inpainting } = Strengths::default();
        Self {
            healthy: vec![],
            lesioned: vec![],
            lesions: Lesions::default(),
            channel: None,
            truth: None,
            accuracy: 16,
            spoiled: 8,
            noise,
            salt_and_pepper,
            blur,
            inpainting,
            calibration: 100,
            validation: 40,
            test: 100,
            reach: 6,
            erosion: 1,
            smooth: 0.7,
            draws: 1000,
            shown: 4,
            trust_origin: false,
        }
    }
}

/// Counts that no run comes to an end with.
const MOST: u64 = 1_000_000;

impl Settings for ResidualsConfig {
    const SECTION: &'static str = "residuals";

    fn check(&self) -> Result<()> {
        if let Some(class) = self.healthy.iter().find(|class| self.lesioned.contains(class)) {
            let expected = "a class either without lesions or with them";
            return Err(Self::refuse("lesioned", format!("{class:?}, which residuals.healthy has, too"), expected));
        }
        Self::within("accuracy", self.accuracy, 1, MOST)?;
        Self::within("spoiled", self.spoiled, 0, MOST)?;
        Self::within("noise", self.noise, 0.0, 10.0)?;
        Self::within("salt_and_pepper", self.salt_and_pepper, 0.0, 1.0)?;
        Self::within("blur", self.blur, 0.0, 100.0)?;
        Self::within("inpainting", self.inpainting, 0.0, 1.0)?;
        Self::within("calibration", self.calibration, 0, MOST)?;
        Self::within("validation", self.validation, 1, MOST)?;
        Self::within("test", self.test, 1, MOST)?;
        Self::within("reach", self.reach, 0, 1024)?;
        Self::within("erosion", self.erosion, 0, 64)?;
        Self::within("smooth", self.smooth, 0.0, 64.0)?;
        Self::within("draws", self.draws, 100, 10_000_000)?;
        Self::within("shown", self.shown, 0, 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_no_class_is_both() {
        let config = ResidualsConfig::default();
        config.check().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<ResidualsConfig>(&text).unwrap(), config);
        let both = ResidualsConfig { healthy: vec!["a".into()], lesioned: vec!["b".into(), "a".into()], ..config };
        assert!(both.check().unwrap_err().to_string().contains("residuals.lesioned"));
    }
}

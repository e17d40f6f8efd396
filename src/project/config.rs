//! What to project and how; the settings of the stage.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::aims::Wanted;
use super::emphasis::Emphasis;
use super::evidence::Evidence;
use super::feature_setting::FeatureSetting;
use super::optimise::{Descent, NoiseMaps, Space};
use super::schedule;
use super::start::Start;
use crate::engine::Precision;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::records::classes::{Class, Split};
use crate::settings::Settings;

/// Frames of a film, at most.
const MOST_FRAMES: u64 = 1000;

/// Pixels about a lesion that count as it does.
const MARGIN: u64 = 3;

fn is_one(value: &f64) -> bool {
    *value == 1.0
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn is_usual_margin(pixels: &u64) -> bool {
    *pixels == MARGIN
}

/// Settings of `project`. The defaults reach on held-out rims the feature distance that the published descent
/// ([`ProjectConfig::published`]) has after 1000 steps (docs/performance.md).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectConfig {
    /// Lesions of this class, or the contested ones, are projected ...
    pub class: Class,
    /// ... on this side of the split; test lesions are shown to no projector.
    #[serde(deserialize_with = "not_test")]
    pub split: Split,
    /// At most so many lesions, drawn by the seed; 0 takes all.
    pub limit: u64,
    /// Slices of each lesion: the k that cut most of it.
    pub slices: u64,
    /// Validation rims (is their rim kept?) and validation non-rims (is one invented?) that are projected beside them,
    /// each.
    pub controls: u64,
    /// Optimiser steps of each image.
    pub steps: u64,
    /// Learning rate between the ramps.
    pub learning_rate: f64,
    /// Noise on w at first, in units of the deviation of w; it is gone after three quarters of the steps.
    pub w_noise: f64,
    /// Weight of the noise maps' autocorrelation.
    pub noise_regularisation: f64,
    /// "auto", "random-vgg", "pixels", "discriminator", or the weights of a known net (.pt, .pth, .safetensors).
    pub features: FeatureSetting,
    /// Validation rims on which each built-in feature net is tried before "auto" is decided; 0 takes the default.
    pub choose_features: u64,
    /// "optimised" beside w, as published; "fixed" as they are drawn; "dropped", zero everywhere.
    #[serde(skip_serializing_if = "NoiseMaps::is_usual")]
    pub noise_maps: NoiseMaps,
    /// Latents whose w give the starting point and the cloud that distances are measured to.
    pub w_samples: u64,
    /// Images optimised together. The last bits of an image depend on those beside it: with another number, finished
    /// images are made again.
    pub batch: u64,
    /// "w", or "w-plus" for a w of its own in each layer, or "w-plus-coarse" in each of the coarser half.
    pub space: Space,
    /// "nearest" of `candidates` drawn images, or "mean", as published.
    pub start: Start,
    /// Drawn images that "nearest" compares with; all of `w_samples` where that is fewer.
    pub candidates: u64,
    /// Frames of an animated PNG of each optimisation; 0 writes none.
    pub film: u64,
    /// Weight of a pixel or feature outside the lesion, where one inside weighs 1; 1 compares the whole slice alike.
    #[serde(skip_serializing_if = "is_one")]
    pub background: f64,
    /// Pixels about the lesion's mask that count as it does where `background` is not 1.
    #[serde(skip_serializing_if = "is_usual_margin")]
    pub margin: u64,
    /// Weight of the squared Mahalanobis distance of w from the cloud, per dimension; 0 leaves w free.
    #[serde(skip_serializing_if = "is_zero")]
    pub cloud_pull: f64,
    /// From 0, faithful to the slice, to 1, as rim-like as the evidence lets it: a pull towards what tells agreed
    /// training rims from agreed training non-rims, by `evidence`.
    #[serde(skip_serializing_if = "is_zero")]
    pub towards_rim: f64,
    /// What says how much of that pull is for a lesion: "slice", in proportion to the probability of a rim that the
    /// projected slice gives, or "lesion", as far as all of its prepared slices make one likelier than not.
    #[serde(skip_serializing_if = "Evidence::is_usual")]
    pub evidence: Evidence,
    /// Values of `towards_rim` at which all that is projected is projected once more, only to be measured; none by
    /// default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<f64>,
    /// Of activations and kernels: "float32", "bfloat16", on a GPU also "tf32" and "float16"; "auto" takes the lowest
    /// that the device is made for.
    pub precision: Precision,
    /// Class of a conditional network that is projected into, or "estimate" for the one that fits each image best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<ClassChoice>,
}

impl Default for ProjectConfig {
    fn default() -> Self {
        Self {
            class: Class::AMBIGUOUS,
            split: Split::Train,
            limit: 0,
            slices: 1,
            controls: 0,
            steps: 400,
            learning_rate: 0.2,
            w_noise: 0.0,
            noise_regularisation: 1e5,
            noise_maps: NoiseMaps::Optimised,
            features: FeatureSetting::Auto,
            choose_features: 0,
            w_samples: 10_000,
            batch: 16,
            space: Space::W,
            start: Start::default(),
            candidates: 1000,
            background: 1.0,
            margin: MARGIN,
            cloud_pull: 0.0,
            towards_rim: 0.0,
            evidence: Evidence::Slice,
            curve: vec![],
            precision: Precision::Float32,
            film: 0,
            condition: None,
        }
    }
}

/// The side of the split that may be projected: any but the test side.
fn not_test<'de, D: Deserializer<'de>>(settings: D) -> std::result::Result<Split, D::Error> {
    match Split::deserialize(settings)? {
        Split::Test => Err(D::Error::custom("test lesions are shown to no projector; expected train or validation")),
        side => Ok(side),
    }
}

impl ProjectConfig {
    /// As published: 1000 steps from the mean of w, rate .1, noise on w.
    pub fn published() -> Self {
        Self { steps: 1000, learning_rate: 0.1, w_noise: schedule::NOISE, start: Start::Mean, ..Self::default() }
    }

    /// What the descent aims at beside the distance.
    pub fn wanted(&self) -> Wanted {
        let Self { background, margin, cloud_pull: cloud, towards_rim, .. } = *self;
        Wanted { emphasis: Emphasis { background, margin }, cloud, towards_rim }
    }

    /// What the descent depends on.
    pub fn descent(&self) -> Descent {
        let Self { steps, learning_rate, w_noise, noise_regularisation, space, noise_maps, .. } = *self;
        Descent { steps, learning_rate, w_noise, noise_regularisation, space, noise_maps }
    }
}

impl Settings for ProjectConfig {
    const SECTION: &'static str = "project";

    fn check(&self) -> Result<()> {
        if self.split == Split::Test {
            return Err(Self::refuse("split", "test", "train or validation, which a projector may see"));
        }
        Self::within("slices", self.slices, 1, 1024)?;
        Self::within("steps", self.steps, 1, 1_000_000)?;
        Self::within("learning_rate", self.learning_rate, 0.0, 1e6)?;
        Self::within("w_noise", self.w_noise, 0.0, 1e6)?;
        Self::within("noise_regularisation", self.noise_regularisation, 0.0, 1e12)?;
        Self::within("w_samples", self.w_samples, 2, 10_000_000)?;
        Self::within("batch", self.batch, 1, 65_536)?;
        Self::within("candidates", self.candidates, 1, 10_000_000)?;
        Self::within("background", self.background, 1e-3, 1.0)?;
        Self::within("margin", self.margin, 0, 1024)?;
        Self::within("cloud_pull", self.cloud_pull, 0.0, 1e6)?;
        Self::within("towards_rim", self.towards_rim, 0.0, 1.0)?;
        for &towards in &self.curve {
            Self::within("curve", towards, 0.0, 1.0)?;
        }
        Self::within("film", self.film, 0, MOST_FRAMES)?;
        match &self.condition {
            Some(class) if !class.could_be() => Err(Self::refuse(
                "condition",
                class.quoted(),
                "the name of a class, its number from 0, or \"estimate\"",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_the_default_and_unknown_keys_are_refused() {
        let config: ProjectConfig = toml::from_str("class = \"non-rim\"\nsteps = 200").unwrap();
        assert_eq!((config.class, config.steps, config.noise_regularisation), (Class::NON_RIM, 200, 1e5));
        assert!(toml::from_str::<ProjectConfig>("step = 200").is_err());
        assert!(toml::from_str::<ProjectConfig>("split = \"test\"").is_err());
    }

    #[test]
    fn senseless_numbers_are_refused() {
        assert!(ProjectConfig::default().check().is_ok());
        assert!(ProjectConfig { batch: 0, ..ProjectConfig::default() }.check().is_err());
        assert!(ProjectConfig { learning_rate: f64::NAN, ..ProjectConfig::default() }.check().is_err());
        assert!(ProjectConfig { split: Split::Test, ..ProjectConfig::default() }.check().is_err());
    }
}

//! The settings of a training run once a data set has settled every open value.

use serde::{Deserialize, Serialize};

use super::{AdaptiveConfig, ObjectiveConfig, Symmetry, TrainConfig};
use crate::augment::{AdaConfig, AugmentConfig, ChannelRule};
use crate::engine::Precision;
use crate::nets::{DiscriminatorConfig, GeneratorConfig};
use crate::problem::Result;
use crate::settings::Settings;
use crate::train::BaseChoice;
use crate::train::schedule::LazyConfig;

/// Settings without an open question: what the loop reads, and what a resumed run must agree with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// Sizes of the generator.
    pub generator: GeneratorConfig,
    /// Sizes of the discriminator.
    pub discriminator: DiscriminatorConfig,
    /// Images a step.
    pub batch: u64,
    /// Before the correction for lazy regularisation.
    pub learning_rate: f64,
    /// Adam's decay rates, before the same correction.
    pub betas: (f64, f64),
    /// Adam's epsilon.
    pub epsilon: f64,
    /// Weight of the R1 penalty.
    pub r1_gamma: f64,
    /// Weight of the path-length penalty.
    pub path_length_weight: f64,
    /// How often the regularisers run.
    pub lazy: LazyConfig,
    /// Share of generated images that mix two latents.
    pub style_mixing: f64,
    /// Symmetries that the real images are declared to have.
    pub symmetry: Symmetry,
    /// Chance of each class among generated images; empty without classes.
    pub fake_classes: Vec<f64>,
    /// Images.
    pub ema_half_life: f64,
    /// The half-life is at most this share of the images seen so far; absent: no such limit.
    pub ema_ramp: Option<f64>,
    /// Operations of the augmentation, one rule a channel.
    pub augment: AugmentConfig,
    /// Settings of the controller of p.
    pub ada: AdaConfig,
    /// Whether p stays at its start.
    pub ada_fixed: bool,
    /// What the networks are trained by.
    #[serde(default, skip_serializing_if = "ObjectiveConfig::is_usual")]
    pub objective: ObjectiveConfig,
    /// Weight of the distance between the discriminator's features and their codes, where it has codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<f64>,
    /// Steps a tick.
    pub tick_steps: u64,
    /// Ticks between two checkpoints.
    pub checkpoint_ticks: u64,
    /// Ticks between two preview grids; 0 writes none.
    pub preview_ticks: u64,
    /// Ticks between two Frechet distances; 0 computes none.
    pub frechet_ticks: u64,
    /// Highest-resolution discriminator blocks that stay as they are.
    pub freeze_discriminator: u64,
    /// "auto" counts as float32 until it is settled on a machine.
    pub precision: Precision,
    /// Parts of a batch that are computed each on a thread of its own.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub replicas: u64,
}

/// The number of replicas where nothing is said.
pub(in crate::train) fn one() -> u64 {
    1
}

fn is_one(replicas: &u64) -> bool {
    *replicas == 1
}

impl Resolved {
    /// Groups of the minibatch deviation in a batch.
    pub fn groups(&self) -> u64 {
        self.batch / (self.discriminator.mbstd_group as u64).clamp(1, self.batch)
    }
}

impl TrainConfig {
    /// Settles every open value for square images of `resolution` pixels with one rule a channel; `class_counts` are
    /// the real images of each class, none without classes.
    ///
    /// # Errors
    /// A value out of its range, or sizes that no network can be built from.
    pub fn resolve(&self, resolution: i64, rules: &[ChannelRule], class_counts: &[u64]) -> Result<Resolved> {
        self.check()?;
        self.check_for(resolution, rules)?;
        let generator = self.net.generator(resolution, rules.len() as i64);
        self.settle(generator, self.ada.augment.config(), rules, class_counts)
    }

    /// The same for volumes of `side` voxels each way.
    ///
    /// # Errors
    /// As [`TrainConfig::resolve`]; what volumes are not trained with.
    pub fn resolve_volumes(&self, side: i64, rules: &[ChannelRule], class_counts: &[u64]) -> Result<Resolved> {
        self.check()?;
        if self.symmetry == Symmetry::Dihedral {
            return Err(Self::refuse(
                "symmetry",
                "\"dihedral\"",
                "\"mirror\" (left and right) or \"none\" for volumes",
            ));
        }
        let Some(augment) = self.ada.augment.volumes() else {
            let set = format!("{:?}", self.ada.augment.to_string());
            let expected = "\"medical\", \"none\", or of the groups blit, geom and color for volumes";
            return Err(AdaptiveConfig::refuse("augment", set, expected));
        };
        let blocks = u64::from(side.max(8).ilog2()) - 2;
        if self.freeze_discriminator > blocks {
            let expected = format!("at most {blocks} blocks at {side} voxels");
            return Err(Self::refuse("freeze_discriminator", self.freeze_discriminator, expected));
        }
        self.settle(self.net.volumes(side, rules.len() as i64), augment, rules, class_counts)
    }

    /// What is settled alike for images and volumes.
    fn settle(
        &self,
        generator: GeneratorConfig,
        augment: AugmentConfig,
        rules: &[ChannelRule],
        class_counts: &[u64],
    ) -> Result<Resolved> {
        let resolution = generator.resolution;
        let generator = GeneratorConfig { c_dim: class_counts.len() as i64, ..generator };
        generator.validate()?;
        let quantise = self.quantise.of_network();
        let commitment = quantise.is_some().then_some(self.quantise.weight);
        let discriminator = DiscriminatorConfig { quantise, ..DiscriminatorConfig::matching(&generator) };
        discriminator.validate()?;
        let batch = self.batch as f64;
        let augment = augment.with_channels(rules.to_vec());
        augment.validate(rules.len())?;
        let ada = self.ada.controller(self.base != BaseChoice::None);
        ada.validate()?;
        Ok(Resolved {
            batch: self.batch,
            learning_rate: self.learning_rate,
            betas: self.betas,
            epsilon: self.epsilon,
            r1_gamma: self.r1_gamma_at(resolution),
            path_length_weight: self.path_length_weight,
            lazy: self.lazy,
            style_mixing: self.style_mixing,
            symmetry: self.symmetry,
            fake_classes: self.fake_classes.shares(class_counts),
            ema_half_life: self.ema_kimg_or_usual() * 1000.0,
            ema_ramp: (self.ema_ramp > 0.0).then_some(self.ema_ramp),
            augment,
            ada_fixed: self.ada.target.is_none() || self.ada.augment.is_differentiable(),
            objective: self.objective.clone(),
            commitment,
            ada,
            tick_steps: ((self.tick_kimg * 1000.0 / batch).round() as u64).max(1),
            checkpoint_ticks: self.checkpoint_ticks,
            preview_ticks: self.preview_ticks,
            frechet_ticks: self.frechet_ticks,
            freeze_discriminator: self.freeze_discriminator,
            precision: self.precision,
            replicas: 1,
            generator,
            discriminator,
        })
    }
}

#[cfg(test)]
impl Resolved {
    /// A batch of 4 grey images of `side` pixels, networks of at most 8 channels, so many training images of each
    /// class.
    pub(in crate::train) fn tiny(side: i64, classes: &[u64]) -> Self {
        let mut config = TrainConfig { batch: 4, ..TrainConfig::default() };
        (config.net.channel_base, config.net.channel_max) = (Some(64), Some(8));
        config.resolve(side, &[ChannelRule::Image], classes).expect("the settings are good")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::FakeClasses;

    const GREY: [ChannelRule; 1] = [ChannelRule::Image];

    #[test]
    fn open_values_follow_the_method() {
        let config = TrainConfig::default();
        let resolved = config.resolve(64, &GREY, &[]).unwrap();
        approx::assert_relative_eq!(resolved.r1_gamma, 0.0256);
        assert_eq!(resolved.ema_half_life, 10_000.0);
        assert_eq!((resolved.ada.speed_kimg, resolved.ada.interval), (500.0, 4));
        assert_eq!(resolved.tick_steps, 31);
        assert_eq!(resolved.generator, GeneratorConfig::small(64, 1));
        let tuned = TrainConfig { base: BaseChoice::Embedded, ..config }.resolve(64, &GREY, &[]).unwrap();
        assert_eq!(tuned.ada.speed_kimg, 100.0);
    }

    #[test]
    fn generated_classes_are_as_frequent_as_real_ones_or_alike() {
        let config = TrainConfig::default();
        let natural = config.resolve(64, &GREY, &[300, 100]).unwrap();
        assert_eq!((natural.generator.c_dim, natural.discriminator.c_dim), (2, 2));
        assert_eq!(natural.fake_classes, [0.75, 0.25]);
        let balanced = TrainConfig { fake_classes: FakeClasses::Balanced, ..config };
        assert_eq!(balanced.resolve(64, &GREY, &[300, 100]).unwrap().fake_classes, [0.5, 0.5]);
    }

    #[test]
    fn ends_on_a_whole_step() {
        let config = TrainConfig { kimg: 0.1, batch: 32, ..TrainConfig::default() };
        assert_eq!(config.total_images(), 128);
    }

    #[test]
    fn refuses_values_out_of_range() {
        let config = TrainConfig::default();
        for wrong in [
            TrainConfig { batch: 6, ..config.clone() },
            TrainConfig { learning_rate: f64::NAN, ..config.clone() },
            TrainConfig { style_mixing: 1.5, ..config.clone() },
            TrainConfig { freeze_discriminator: 5, ..config.clone() },
            TrainConfig { base: BaseChoice::Embedded, freeze_discriminator: 5, ..config.clone() },
            TrainConfig { ada: AdaptiveConfig { target: Some(1.5), ..AdaptiveConfig::default() }, ..config.clone() },
        ] {
            assert_eq!(wrong.resolve(64, &GREY, &[]).unwrap_err().kind(), crate::problem::Kind::Usage);
        }
        let unknown = toml::from_str::<TrainConfig>("bach = 3").unwrap_err().to_string();
        assert!(unknown.contains("bach"), "{unknown}");
    }

    #[test]
    fn a_target_of_none_holds_p_and_is_written_as_it_is_read() {
        let fixed: TrainConfig = toml::from_str("ada.target = \"none\"").unwrap();
        assert!(fixed.resolve(64, &GREY, &[]).unwrap().ada_fixed);
        assert_eq!(toml::from_str::<TrainConfig>(&toml::to_string(&fixed).unwrap()).unwrap(), fixed);
        let whole: TrainConfig = toml::from_str("ada.target = 1").unwrap();
        assert_eq!(whole.ada.target, Some(1.0));
        assert!(toml::from_str::<TrainConfig>("ada.target = \"off\"").is_err());
    }

    #[test]
    fn colours_are_not_augmented_on_maps() {
        let config: TrainConfig = toml::from_str("ada.augment = \"bgc\"").unwrap();
        assert!(config.check_for(64, &GREY).is_ok());
        let maps = [ChannelRule::Image, ChannelRule::GeometryOnly, ChannelRule::Image];
        let problem = config.check_for(64, &maps).unwrap_err().to_string();
        assert!(problem.contains("train.ada.augment = \"bgc\""), "{problem}");
    }
}

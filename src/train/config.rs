//! The settings of a training run as a person writes them, and their pure resolution against a data set.

use serde::{Deserialize, Serialize};

use super::schedule::LazyConfig;
use crate::augment::{AdaConfig, AugmentConfig, ChannelRule};
use crate::data::Condition;
use crate::engine::Precision;
use crate::nets::{DiscriminatorConfig, GeneratorConfig};
use crate::problem::{Problem, Result};

/// Everything about training that a person can set. Absent optional values mean "as the method prescribes".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    pub net: NetConfig,
    /// Images a step.
    pub batch: u64,
    /// Length of the run in thousands of real images shown to the discriminator.
    pub kimg: f64,
    /// Of both networks, before the correction for lazy regularisation.
    pub learning_rate: f64,
    /// Adam's decay rates, before the same correction.
    pub betas: (f64, f64),
    /// Adam's epsilon.
    pub epsilon: f64,
    /// Weight of the R1 penalty; absent: 0.0002 R^2 / batch.
    pub r1_gamma: Option<f64>,
    /// Weight of the path-length penalty.
    pub path_length_weight: f64,
    pub lazy: LazyConfig,
    /// Share of generated images that mix two latents.
    pub style_mixing: f64,
    /// Symmetries that the real images are declared to have; each is shown in a random orientation.
    pub symmetry: Symmetry,
    /// What the networks are told about each image.
    pub condition: Condition,
    /// With condition "readers": training non-rims a training rim, lesions; 0 takes all.
    pub non_rims_per_rim: f64,
    /// How often each class is generated during training.
    pub fake_classes: FakeClasses,
    /// Half-life of the generator's moving average in thousands of images; absent: batch x 10 / 32.
    pub ema_kimg: Option<f64>,
    /// The half-life is at most this share of the images seen so far; 0 turns the ramp off.
    pub ema_ramp: f64,
    pub ada: AdaptiveConfig,
    /// Length of a tick (one line of the log) in thousands of images.
    pub tick_kimg: f64,
    /// Ticks between two checkpoints.
    pub checkpoint_ticks: u64,
    /// Ticks between two preview grids; 0 writes none.
    pub preview_ticks: u64,
    /// Ticks between two Frechet distances (and chances to become the best snapshot); 0 computes none.
    pub frechet_ticks: u64,
    /// Where training starts: "none" (random weights), "embedded" (the generator that comes with the program) or
    /// a network file with its discriminator.
    pub base: String,
    /// Of activations and kernels: "float32", "bfloat16", on a GPU also "tf32" and "float16"; "auto" takes the lowest that the
    /// device is made for.
    pub precision: Precision,
    /// Highest-resolution discriminator blocks that fine-tuning leaves as they are (Mo et al. 2020).
    pub freeze_discriminator: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            net: NetConfig::default(),
            batch: 32,
            kimg: 100.0,
            learning_rate: 2.5e-3,
            betas: (0.0, 0.99),
            epsilon: 1e-8,
            r1_gamma: None,
            path_length_weight: 2.0,
            lazy: LazyConfig::default(),
            style_mixing: 0.9,
            symmetry: Symmetry::default(),
            condition: Condition::None,
            non_rims_per_rim: 2.0,
            fake_classes: FakeClasses::default(),
            ema_kimg: None,
            ema_ramp: 0.05,
            ada: AdaptiveConfig::default(),
            tick_kimg: 1.0,
            checkpoint_ticks: 4,
            preview_ticks: 4,
            frechet_ticks: 4,
            base: "none".into(),
            precision: Precision::Auto,
            freeze_discriminator: 0,
        }
    }
}

/// A preset and what departs from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetConfig {
    pub preset: Preset,
    pub z_dim: Option<i64>,
    pub w_dim: Option<i64>,
    pub channel_base: Option<i64>,
    pub channel_max: Option<i64>,
    pub mapping_layers: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// For CPUs: channel base 1024, at most 64 channels, latents of 128.
    #[default]
    Small,
    /// The published size: channel base 16384, at most 512 channels, latents of 512.
    Paper,
}

/// Which turned copies of a real image are as real as the image itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symmetry {
    None,
    /// Left-right mirror images.
    #[default]
    Mirror,
    /// Mirror images and quarter turns.
    Dihedral,
}

/// How often each class is generated during training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FakeClasses {
    /// As often as it is among the real images.
    #[default]
    Natural,
    /// All alike.
    Balanced,
}

impl FakeClasses {
    /// Chance of each class, given the real images of each.
    fn shares(self, counts: &[u64]) -> Vec<f64> {
        let all: u64 = counts.iter().sum();
        match self {
            Self::Natural => counts.iter().map(|&count| count as f64 / all as f64).collect(),
            Self::Balanced => counts.iter().map(|_| 1.0 / counts.len() as f64).collect(),
        }
    }
}

/// Adaptive discriminator augmentation (Karras et al. 2020).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveConfig {
    /// Set of augmentations: "medical", "none", "bgc" (the method's own for photographs), or groups of the method
    /// joined by +, e.g. "blit+geom" (groups: blit, geom, color, filter, noise, cutout).
    pub augment: String,
    /// Probability at the start.
    pub initial_p: f64,
    /// Target of E[sign D(real)]; absent: p stays at its start.
    pub target: Option<f64>,
    /// Largest probability; above 0.8 augmentations leak into the generated images.
    pub ceiling: f64,
    /// Thousands of images in which p can go from 0 to 1; absent: 500, or 100 when starting from a trained network.
    pub speed_kimg: Option<f64>,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self { augment: "medical".into(), initial_p: 0.0, target: Some(0.6), ceiling: 0.8, speed_kimg: None }
    }
}

/// Settings without an open question: what the loop reads, and what a resumed run must agree with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    pub generator: GeneratorConfig,
    pub discriminator: DiscriminatorConfig,
    pub batch: u64,
    pub learning_rate: f64,
    pub betas: (f64, f64),
    pub epsilon: f64,
    pub r1_gamma: f64,
    pub path_length_weight: f64,
    pub lazy: LazyConfig,
    pub style_mixing: f64,
    pub symmetry: Symmetry,
    /// Chance of each class among generated images; empty without classes.
    pub fake_classes: Vec<f64>,
    /// Images.
    pub ema_half_life: f64,
    pub ema_ramp: Option<f64>,
    pub augment: AugmentConfig,
    pub ada: AdaConfig,
    /// Whether p stays at its start.
    pub ada_fixed: bool,
    /// Steps a tick.
    pub tick_steps: u64,
    pub checkpoint_ticks: u64,
    pub preview_ticks: u64,
    pub frechet_ticks: u64,
    pub freeze_discriminator: u64,
    /// "auto" counts as float32 until it is settled on a machine.
    pub precision: Precision,
}

impl TrainConfig {
    /// Settles every open value for square images of `resolution` pixels with one rule a channel; `class_counts` are the real
    /// images of each class, none without classes.
    ///
    /// # Errors
    /// A value out of its range, or sizes that no network can be built from.
    pub fn resolve(&self, resolution: i64, rules: &[ChannelRule], class_counts: &[u64]) -> Result<Resolved> {
        self.check()?;
        let c_dim = class_counts.len() as i64;
        let generator = GeneratorConfig { c_dim, ..self.net.generator(resolution, rules.len() as i64) };
        generator.validate()?;
        let discriminator = DiscriminatorConfig::matching(&generator);
        discriminator.validate()?;
        let blocks = u64::from(resolution.ilog2()) - 2;
        if self.freeze_discriminator > blocks {
            return Err(Problem::usage(format!("freeze_discriminator = {}", self.freeze_discriminator))
                .expected(format!("at most {blocks} blocks at {resolution} pixels")));
        }
        let batch = self.batch as f64;
        let augment = self.ada.set()?.with_channels(rules.to_vec());
        augment.validate(rules.len())?;
        let ada = self.ada.controller(self.base != "none");
        ada.validate()?;
        Ok(Resolved {
            batch: self.batch,
            learning_rate: self.learning_rate,
            betas: self.betas,
            epsilon: self.epsilon,
            r1_gamma: self.r1_gamma.unwrap_or(2e-4 * (resolution * resolution) as f64 / batch),
            path_length_weight: self.path_length_weight,
            lazy: self.lazy,
            style_mixing: self.style_mixing,
            symmetry: self.symmetry,
            fake_classes: self.fake_classes.shares(class_counts),
            ema_half_life: self.ema_kimg.unwrap_or(batch * 10.0 / 32.0) * 1000.0,
            ema_ramp: (self.ema_ramp > 0.0).then_some(self.ema_ramp),
            augment,
            ada_fixed: self.ada.target.is_none(),
            ada,
            tick_steps: ((self.tick_kimg * 1000.0 / batch).round() as u64).max(1),
            checkpoint_ticks: self.checkpoint_ticks,
            preview_ticks: self.preview_ticks,
            frechet_ticks: self.frechet_ticks,
            freeze_discriminator: self.freeze_discriminator,
            precision: self.precision,
            generator,
            discriminator,
        })
    }

    /// Real images after which training ends: whole steps.
    pub fn total_images(&self) -> u64 {
        ((self.kimg * 1000.0 / self.batch as f64).ceil() as u64).max(1) * self.batch
    }

    fn check(&self) -> Result<()> {
        let group = DiscriminatorConfig::default().mbstd_group as u64;
        if self.batch < 2 || !self.batch.is_multiple_of(group.min(self.batch)) {
            return Err(Problem::usage(format!("batch = {}", self.batch))
                .expected(format!("2, 3, or a multiple of {group} (groups of the minibatch deviation)")));
        }
        if self.checkpoint_ticks == 0 {
            return Err(Problem::usage("checkpoint_ticks = 0").expected("at least 1"));
        }
        within("kimg", self.kimg, 1e-9, 1e9)?;
        within("tick_kimg", self.tick_kimg, 1e-9, 1e9)?;
        within("learning_rate", self.learning_rate, 0.0, 1.0)?;
        within("betas[0]", self.betas.0, 0.0, 0.999_999)?;
        within("betas[1]", self.betas.1, 0.0, 0.999_999)?;
        within("epsilon", self.epsilon, 1e-30, 1.0)?;
        within("r1_gamma", self.r1_gamma.unwrap_or(0.0), 0.0, 1e9)?;
        within("path_length_weight", self.path_length_weight, 0.0, 1e9)?;
        within("style_mixing", self.style_mixing, 0.0, 1.0)?;
        within("non_rims_per_rim", self.non_rims_per_rim, 0.0, 1e9)?;
        within("ema_kimg", self.ema_kimg.unwrap_or(1.0), 0.0, 1e9)?;
        within("ema_ramp", self.ema_ramp, 0.0, 1e9)
    }
}

impl AdaptiveConfig {
    fn set(&self) -> Result<AugmentConfig> {
        match self.augment.as_str() {
            "medical" => Ok(AugmentConfig::medical()),
            "none" => Ok(AugmentConfig::none()),
            "bgc" => AugmentConfig::published(&["blit", "geom", "color"]),
            groups => AugmentConfig::published(&groups.split('+').collect::<Vec<_>>()),
        }
    }

    fn controller(&self, transfer: bool) -> AdaConfig {
        let usual = if transfer { AdaConfig::transfer() } else { AdaConfig::default() };
        AdaConfig {
            target: self.target.unwrap_or(usual.target),
            speed_kimg: self.speed_kimg.unwrap_or(usual.speed_kimg),
            initial: self.initial_p,
            ceiling: self.ceiling,
            ..usual
        }
    }
}

impl NetConfig {
    fn generator(&self, resolution: i64, channels: i64) -> GeneratorConfig {
        let preset = match self.preset {
            Preset::Small => GeneratorConfig::small(resolution, channels),
            Preset::Paper => GeneratorConfig::paper(resolution, channels),
        };
        GeneratorConfig {
            z_dim: self.z_dim.unwrap_or(preset.z_dim),
            w_dim: self.w_dim.unwrap_or(preset.w_dim),
            channel_base: self.channel_base.unwrap_or(preset.channel_base),
            channel_max: self.channel_max.unwrap_or(preset.channel_max),
            mapping_layers: self.mapping_layers.unwrap_or(preset.mapping_layers),
            ..preset
        }
    }
}

fn within(name: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Problem::usage(format!("{name} = {value}")).expected(format!("a number from {low} to {high}")))
}

#[cfg(test)]
impl Resolved {
    /// A batch of 4 grey images of `side` pixels, networks of at most 8 channels, so many training images of each class.
    pub(super) fn tiny(side: i64, classes: &[u64]) -> Self {
        let mut config = TrainConfig { batch: 4, ..TrainConfig::default() };
        (config.net.channel_base, config.net.channel_max) = (Some(64), Some(8));
        config.resolve(side, &[ChannelRule::Image], classes).expect("the settings are good")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let tuned = TrainConfig { base: "embedded".into(), ..config }.resolve(64, &GREY, &[]).unwrap();
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
            TrainConfig {
                ada: AdaptiveConfig { augment: "blur".into(), ..AdaptiveConfig::default() },
                ..config.clone()
            },
        ] {
            assert_eq!(wrong.resolve(64, &GREY, &[]).unwrap_err().kind(), crate::problem::Kind::Usage);
        }
        let unknown = toml::from_str::<TrainConfig>("bach = 3").unwrap_err().to_string();
        assert!(unknown.contains("bach"), "{unknown}");
    }
}

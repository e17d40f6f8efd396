//! The settings of a training run as a person writes them; [`Resolved`] is what they come to for a data set.

mod ada;
mod objective;
mod quantise;

mod net;

mod resolved;

use serde::{Deserialize, Serialize};

use super::BaseChoice;
use super::schedule::LazyConfig;
use crate::augment::ChannelRule;
use crate::data::Condition;
use crate::engine::Precision;
use crate::nets::DiscriminatorConfig;
use crate::problem::Result;
use crate::settings::Settings;

pub use ada::AdaptiveConfig;
pub use net::{NetConfig, Preset};
pub use objective::{Loss, ObjectiveConfig};
pub use quantise::QuantiseFeatures;
pub use resolved::Resolved;
pub(super) use resolved::one;

/// Everything about training that a person can set. Absent optional values mean "as the method prescribes".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Sizes of the networks.
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
    /// Weight of the R1 penalty; absent: 0.0002 R^2 / batch, with the relativistic loss 16 times that.
    pub r1_gamma: Option<f64>,
    /// Weight of the path-length penalty.
    pub path_length_weight: f64,
    /// How often the regularisers run.
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
    /// The augmentation and its controller.
    pub ada: AdaptiveConfig,
    /// What the networks are trained by.
    #[serde(skip_serializing_if = "ObjectiveConfig::is_usual")]
    pub objective: ObjectiveConfig,
    /// Features of the discriminator drawn to codes.
    #[serde(skip_serializing_if = "QuantiseFeatures::is_usual")]
    pub quantise: QuantiseFeatures,
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
    pub base: BaseChoice,
    /// Of activations and kernels: "float32", "bfloat16", on a GPU also "tf32" and "float16"; "auto" takes the lowest
    /// that the device is made for.
    pub precision: Precision,
    /// Parts of a batch that are computed each on a thread of its own, on a CPU: a divisor of the batch's groups of 4.
    /// The result depends on how many there are, not on how many threads or cores compute them. Absent: as many as the
    /// engine has threads, at least 2, for networks of up to 20 GFLOP an image; for larger ones 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u64>,
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
            objective: ObjectiveConfig::default(),
            quantise: QuantiseFeatures::default(),
            tick_kimg: 1.0,
            checkpoint_ticks: 4,
            preview_ticks: 4,
            frechet_ticks: 4,
            base: BaseChoice::None,
            precision: Precision::Auto,
            replicas: None,
            freeze_discriminator: 0,
        }
    }
}

/// Which turned copies of a real image are as real as the image itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symmetry {
    /// Each image as it is.
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
    pub(super) fn shares(self, counts: &[u64]) -> Vec<f64> {
        let all: u64 = counts.iter().sum();
        match self {
            Self::Natural => counts.iter().map(|&count| count as f64 / all as f64).collect(),
            Self::Balanced => counts.iter().map(|_| 1.0 / counts.len() as f64).collect(),
        }
    }
}

impl TrainConfig {
    /// Real images after which training ends: whole steps.
    pub fn total_images(&self) -> u64 {
        ((self.kimg * 1000.0 / self.batch as f64).ceil() as u64).max(1) * self.batch
    }

    /// Weight of the R1 penalty for square images of `side` pixels: as set, or 0.0002 side^2 / batch, and sixteen
    /// times that with the relativistic loss, whose penalties carry more of the training (its authors begin with .05
    /// at 32 pixels and 2 at 64).
    pub fn r1_gamma_at(&self, side: i64) -> f64 {
        let factor = if self.objective.loss == Loss::Relativistic { 16.0 } else { 1.0 };
        self.r1_gamma.unwrap_or(factor * 2e-4 * (side * side) as f64 / self.batch as f64)
    }

    /// Half-life of the generator's moving average in thousands of images: as set, or batch x 10 / 32.
    pub fn ema_kimg_or_usual(&self) -> f64 {
        self.ema_kimg.unwrap_or(self.batch as f64 * 10.0 / 32.0)
    }

    /// Refuses what square images of `side` pixels, with one rule a channel, cannot be trained with.
    ///
    /// # Errors
    /// `Kind::Usage`, as [`Settings::check`].
    pub fn check_for(&self, side: i64, rules: &[ChannelRule]) -> Result<()> {
        let blocks = u64::from(side.max(8).ilog2()) - 2;
        if self.freeze_discriminator > blocks {
            let expected = format!("at most {blocks} blocks at {side} pixels");
            return Err(Self::refuse("freeze_discriminator", self.freeze_discriminator, expected));
        }
        let base = self.net.generator(side, rules.len() as i64).channel_base;
        if base < side {
            return Err(NetConfig::refuse("channel_base", base, format!("at least {side}, the side of the images")));
        }
        self.net.check_size(side, rules.len() as i64)?;
        if let Some(quantise) = self.quantise.of_network() {
            quantise.validate(side).map_err(|problem| {
                let expected = format!("sides of blocks' outputs, each once: powers of two from 4 to {}", side / 2);
                QuantiseFeatures::refuse("sides", format!("{:?}", quantise.sides), expected).because(problem)
            })?;
        }
        let augment = self.ada.augment.config().with_channels(rules.to_vec());
        augment.validate(rules.len()).map_err(|problem| {
            let set = format!("{:?}", self.ada.augment.to_string());
            let expected =
                "\"medical\", \"none\", or groups without \"color\", where channels are not one grey or three colours";
            AdaptiveConfig::refuse("augment", set, expected).because(problem)
        })
    }
}

/// Sizes and counts that no machine can hold.
const MOST: i64 = 1 << 16;

impl Settings for TrainConfig {
    const SECTION: &'static str = "train";

    fn check(&self) -> Result<()> {
        self.net.check()?;
        self.lazy.check()?;
        self.ada.check()?;
        self.objective.check()?;
        self.quantise.check()?;
        let group = DiscriminatorConfig::default().mbstd_group as u64;
        if !(2..=MOST as u64).contains(&self.batch) || !self.batch.is_multiple_of(group.min(self.batch)) {
            let expected =
                format!("2, 3, or a multiple of {group} (groups of the minibatch deviation), at most {MOST}");
            return Err(Self::refuse("batch", self.batch, expected));
        }
        Self::positive("kimg", self.kimg, 1e9)?;
        Self::within("learning_rate", self.learning_rate, 0.0, 1.0)?;
        Self::within("betas[0]", self.betas.0, 0.0, 0.999_999)?;
        Self::within("betas[1]", self.betas.1, 0.0, 0.999_999)?;
        Self::within("epsilon", self.epsilon, 1e-30, 1.0)?;
        Self::within("r1_gamma", self.r1_gamma.unwrap_or(0.0), 0.0, 1e9)?;
        Self::within("path_length_weight", self.path_length_weight, 0.0, 1e9)?;
        Self::within("style_mixing", self.style_mixing, 0.0, 1.0)?;
        Self::within("non_rims_per_rim", self.non_rims_per_rim, 0.0, 1e9)?;
        Self::within("ema_kimg", self.ema_kimg.unwrap_or(1.0), 0.0, 1e9)?;
        Self::within("ema_ramp", self.ema_ramp, 0.0, 1e9)?;
        Self::positive("tick_kimg", self.tick_kimg, 1e9)?;
        Self::at_least("checkpoint_ticks", self.checkpoint_ticks, 1)?;
        self.check_replicas(group)?;
        Self::named("base", &self.base.to_string())?;
        if self.freeze_discriminator > 0 && self.base == BaseChoice::None {
            let expected = "0 with train.base = \"none\": random weights are not worth keeping";
            return Err(Self::refuse("freeze_discriminator", self.freeze_discriminator, expected)
                .advice("set train.base to a network, or leave train.freeze_discriminator out"));
        }
        // At the largest side, 1024 pixels.
        Self::within("freeze_discriminator", self.freeze_discriminator, 0, 8)
    }
}

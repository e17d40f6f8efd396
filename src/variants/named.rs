//! The variants by name: each is the plain network with one thing changed.

use serde::{Deserialize, Serialize};

use crate::augment::AugmentSet;
use crate::augment::differentiable::Differentiable;
use crate::nets::Modulation;
use crate::nets::layers::resample::Resampling;
use crate::train::config::{Loss, ObjectiveConfig, QuantiseFeatures};
use crate::train::{BaseChoice, TrainConfig};

/// A network, or a way to train it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// StyleGAN2, conditional where the data are, without augmentation.
    Normal,
    /// With adaptive augmentation.
    Ada,
    /// With DiffAugment.
    Diffaugment,
    /// With self-attention in both networks.
    Attention,
    /// With quantised features in the discriminator.
    FeatureQuantisation,
    /// With their commitment loss alone.
    Commitment,
    /// With the generator learning from its most realistic half.
    TopK,
    /// With adaptive instance normalisation in the place of weight modulation.
    Adain,
    /// Doubling and halving by strided convolutions without filter.
    Transposed,
    /// With LeCam regularisation.
    Lecam,
    /// With the relativistic loss and gradient penalties on both kinds of images.
    Relativistic,
}

/// Weight of LeCam regularisation (Tseng et al. 2021 for sets of thousands of images).
const LECAM: f64 = 0.01;

impl Variant {
    /// In the order of the tables.
    pub const ALL: [Self; 11] = [
        Self::Normal,
        Self::Ada,
        Self::Diffaugment,
        Self::Attention,
        Self::FeatureQuantisation,
        Self::Commitment,
        Self::TopK,
        Self::Adain,
        Self::Transposed,
        Self::Lecam,
        Self::Relativistic,
    ];

    /// One line: what it changes.
    pub fn about(self) -> &'static str {
        match self {
            Self::Normal => "StyleGAN2 without augmentation; the others change one thing of it",
            Self::Ada => "adaptive augmentation (Karras et al. 2020)",
            Self::Diffaugment => "DiffAugment on every image (Zhao et al. 2020), scaled about the background",
            Self::Attention => "self-attention in both networks (Zhang et al. 2019), starting at nothing",
            Self::FeatureQuantisation => "features of the discriminator replaced by codes (Zhao et al. 2020)",
            Self::Commitment => "features drawn to codes by the commitment loss alone, not replaced",
            Self::TopK => "the generator learns from the most realistic half, class by class (Sinha et al. 2020)",
            Self::Adain => "adaptive instance normalisation in the place of weight modulation (Karras et al. 2019)",
            Self::Transposed => "strided and transposed convolutions without low-pass filter",
            Self::Lecam => "LeCam regularisation (Tseng et al. 2021)",
            Self::Relativistic => "relativistic loss with R1 and R2, lazily (Huang et al. 2024)",
        }
    }

    /// The settings of its training on square images of `side` pixels: `usual` with random weights and StyleGAN2's own
    /// objective, one switch moved.
    pub fn of(self, usual: &TrainConfig, side: i64) -> TrainConfig {
        let mut config = TrainConfig {
            base: BaseChoice::None,
            freeze_discriminator: 0,
            objective: ObjectiveConfig::default(),
            quantise: QuantiseFeatures::default(),
            ..usual.clone()
        };
        let adaptive = config.ada.clone();
        config.ada.augment = AugmentSet::None;
        match self {
            Self::Normal => {}
            Self::Ada => config.ada = adaptive,
            Self::Diffaugment => config.ada.augment = AugmentSet::Differentiable(Differentiable::Medical),
            Self::Attention => config.net.attention = Some((side / 2).clamp(4, 32)),
            Self::FeatureQuantisation | Self::Commitment => {
                config.quantise.sides = if side >= 32 { vec![16, 8] } else { vec![4] };
                config.quantise.pass_on = self == Self::FeatureQuantisation;
            }
            Self::TopK => {
                config.objective.top_k = 0.5;
                // Half of a run at its end, whatever its length: by epochs a short one would never notice.
                config.objective.top_k_kimg = config.kimg / 2.0;
            }
            Self::Adain => config.net.modulation = Modulation::Adain,
            Self::Transposed => config.net.resampling = Resampling::Transposed,
            Self::Lecam => {
                config.objective.lecam = LECAM;
                config.objective.lecam_from_kimg = config.kimg / 10.0;
            }
            Self::Relativistic => {
                config.objective.loss = Loss::Relativistic;
                config.objective.r2 = true;
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn each_differs_from_the_plain_one_and_can_be_trained() {
        let usual = TrainConfig::default();
        let plain = Variant::Normal.of(&usual, 32);
        for (at, variant) in Variant::ALL.into_iter().enumerate() {
            for side in [8, 32, 64] {
                let config = variant.of(&usual, side);
                config.check().unwrap();
                config.resolve(side, &[crate::augment::ChannelRule::Image], &[3, 4]).unwrap();
            }
            assert_eq!(variant.of(&usual, 32) == plain, at == 0, "{variant:?}");
            let others = Variant::ALL.into_iter().filter(|other| *other != variant);
            others.for_each(|other| assert_ne!(other.of(&usual, 32), variant.of(&usual, 32)));
        }
        assert_eq!(Variant::Ada.of(&usual, 32), usual);
    }
}

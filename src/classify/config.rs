//! Settings of the comparison, with the paper's values where it gives them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::arms::{Arm, require_each_once};
use super::augment::Augment;
use super::fit::Manner;
use super::primary::Primary;
use crate::nets::classifiers::ClassifierConfig;
use crate::nets::classifiers::cnn::CnnConfig;
use crate::nets::classifiers::densenet::{DensenetConfig, Stem};
use crate::problem::Result;
use crate::settings::Settings;

/// Settings of `classify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifyConfig {
    /// Arms in the order of the tables, each once.
    pub arms: Vec<Arm>,
    /// Repetitions; each draws its own initial weights, batches, non-rims and added rims, the same for all arms.
    pub seeds: u64,
    /// Passes over the None arm's slices; every arm takes as many optimiser steps.
    pub epochs: u64,
    /// Slices in a batch.
    pub batch: u64,
    /// Of Adam (betas .9, .999).
    pub learning_rate: f64,
    /// Rims added by each arm but None.
    pub extra: u64,
    /// Channels of the classifier.
    pub width: Width,
    /// Which network.
    #[serde(skip_serializing_if = "NetworkChoice::is_cnn")]
    pub network: NetworkChoice,
    /// How a DenseNet takes images; by their size where absent: small below 128 pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stem: Option<Stem>,
    /// File of weights that a published DenseNet starts from, as torchvision has them; drawn where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Training non-rims per agreed rim (the paper: 400 to 200).
    pub non_rims_per_rim: f64,
    /// How slice scores become a lesion's.
    pub pooling: Pooling,
    /// How the threshold is chosen.
    pub threshold: ThresholdRule,
    /// Takes only denoised lesions that the projection did not flag as "rim erased".
    pub accepted_only: bool,
    /// Takes generated slices whose network, or one that it started from, knew other or unknown data; that no test
    /// lesion was among them is then taken on trust.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trust_origin: bool,
    /// Lesions of the external set that are called as some of the data set's are others all the same: names are alike
    /// by chance.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub external_apart: bool,
    /// Resamplings of the test patients for each interval, at least 100.
    pub bootstrap_draws: usize,
    /// Share of rims among all lesions where the scores would be used (the paper: 260 of 7980).
    pub reference_prevalence: f64,
    /// Test rims in the figure of class activation maps.
    pub maps: usize,
    /// A run whose outcome is known, to test the machinery.
    pub control: Option<Control>,
    /// The one difference from None whose p value needs no correction for the others.
    #[serde(skip_serializing_if = "Primary::is_default")]
    pub primary: Primary,
    /// Where what an arm adds stands: "on-top" of the real lesions with batches of its own, or "in-place" among them.
    pub additions: Additions,
    /// On top: weight of the mean loss of what an arm adds, beside 1 for the real lesions; 0 is the None arm.
    pub extra_weight: f64,
    /// Weights at which all arms that add are fitted once more, beside None; none by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_weights: Vec<f64>,
    /// How slices are changed each time that a fit sees them, in every arm alike: "dihedral-shift" or "none".
    pub augment: Augment,
    /// Numbers in a code of the DeepSMOTE arms; fewer than there are rims.
    pub deep_smote_latent: i64,
    /// Passes of their autoencoder over the training slices.
    pub deep_smote_epochs: u64,
}

impl Default for ClassifyConfig {
    fn default() -> Self {
        Self {
            arms: Arm::PAPER.to_vec(),
            seeds: 3,
            epochs: 25,
            batch: 64,
            learning_rate: 1e-3,
            extra: 100,
            width: Width::Small,
            network: NetworkChoice::Cnn,
            stem: None,
            weights: None,
            non_rims_per_rim: 2.0,
            pooling: Pooling::Mean,
            threshold: ThresholdRule::Youden,
            accepted_only: false,
            trust_origin: false,
            external_apart: false,
            bootstrap_draws: crate::statistics::bootstrap::DRAWS,
            reference_prevalence: 0.033,
            maps: 4,
            control: None,
            primary: Primary::default(),
            additions: Additions::OnTop,
            extra_weight: 0.25,
            extra_weights: vec![],
            augment: Augment::DihedralShift,
            deep_smote_latent: 32,
            deep_smote_epochs: 200,
        }
    }
}

impl ClassifyConfig {
    /// How fits see slices. Of the additions among the real lesions none has a weight of its own.
    pub fn manner(&self) -> Manner {
        let extra_weight = if self.additions == Additions::OnTop { self.extra_weight } else { 0.0 };
        Manner { augment: self.augment, extra_weight }
    }

    /// The classifier of two classes of slices of `channels` channels and `side` pixels: the one place that says which
    /// network it is. Where its weights come from is added once they are read.
    pub fn classifier(&self, channels: usize, side: usize) -> ClassifierConfig {
        let stem = self.stem.unwrap_or_else(|| Stem::for_side(side));
        match self.network {
            NetworkChoice::Cnn => self.width.classifier(channels as i64),
            NetworkChoice::DensenetSmall => ClassifierConfig::Densenet(DensenetConfig::small(channels as i64, stem)),
            NetworkChoice::Densenet121 => densenet([6, 12, 24, 16], channels, stem),
            NetworkChoice::Densenet169 => densenet([6, 12, 32, 32], channels, stem),
            NetworkChoice::Densenet201 => densenet([6, 12, 48, 32], channels, stem),
        }
    }
}

fn densenet(blocks: [i64; 4], channels: usize, stem: Stem) -> ClassifierConfig {
    ClassifierConfig::Densenet(DensenetConfig::published(blocks, channels as i64, stem))
}

/// Which network tells classes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkChoice {
    /// Six units, 40 thousand parameters or, of width "paper", 282 thousand.
    Cnn,
    /// Blocks of two layers each, 29 thousand parameters.
    DensenetSmall,
    /// 7 million parameters.
    #[serde(rename = "densenet-121")]
    Densenet121,
    /// 12.5 million.
    #[serde(rename = "densenet-169")]
    Densenet169,
    /// 18 million.
    #[serde(rename = "densenet-201")]
    Densenet201,
}

impl NetworkChoice {
    /// Whether it is the default.
    pub fn is_cnn(&self) -> bool {
        *self == Self::Cnn
    }
}

/// Where what an arm adds stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Additions {
    /// Beside the real lesions, with a sampler and a weight of their own: the real ones are seen as in the None arm.
    OnTop,
    /// Among the real lesions: a batch has the None arm's share of rims, so that added ones displace real ones.
    InPlace,
}

/// Channels of the classifier's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Width {
    /// 8 to 32 channels, for two cores.
    Small,
    /// 16 to 128 channels, our reading of the paper.
    Paper,
}

impl Width {
    /// The units' network for two classes of slices with so many `channels`.
    pub fn classifier(self, channels: i64) -> ClassifierConfig {
        ClassifierConfig::Cnn(match self {
            Self::Small => CnnConfig::small(channels),
            Self::Paper => CnnConfig::paper(channels),
        })
    }
}

/// How the scores of a lesion's slices become the lesion's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Mean of all slices' logits.
    Mean,
    /// Mean of the higher half (rounded up): a rim need not show in the slices that graze a lesion.
    TopHalf,
}

/// How the threshold is chosen, on validation lesions only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThresholdRule {
    /// Largest sensitivity + specificity - 1.
    Youden,
    /// Largest F1.
    F1,
}

/// Runs whose result is known beforehand; they test the machinery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Training and validation labels are dealt out anew: AUROC's interval must cover .5.
    ShuffleLabels,
    /// Test lesions are copied into the training set with their labels: AUROC must rise towards 1.
    DuplicateLeak,
}

impl Control {
    /// As written in a study file.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShuffleLabels => "shuffle-labels",
            Self::DuplicateLeak => "duplicate-leak",
        }
    }
}

impl Settings for ClassifyConfig {
    const SECTION: &'static str = "classify";

    fn check(&self) -> Result<()> {
        require_each_once::<Self>(&self.arms)?;
        self.primary.check(&self.arms)?;
        Self::within("seeds", self.seeds, 1, MOST_SEEDS)?;
        Self::within("epochs", self.epochs, 1, MOST)?;
        Self::within("batch", self.batch, 4, MOST)?;
        Self::positive("learning_rate", self.learning_rate, 1e3)?;
        self.check_network()?;
        Self::within("extra", self.extra, 1, MOST)?;
        Self::positive("non_rims_per_rim", self.non_rims_per_rim, 1e9)?;
        Self::within("extra_weight", self.extra_weight, 0.0, 1e3)?;
        self.check_extra_weights()?;
        Self::within("deep_smote_latent", self.deep_smote_latent, 2, 1024)?;
        Self::within("deep_smote_epochs", self.deep_smote_epochs, 1, MOST)?;
        Self::within("bootstrap_draws", self.bootstrap_draws, 100, 10_000_000)?;
        if self.reference_prevalence > 0.0 && self.reference_prevalence < 1.0 {
            Ok(())
        } else {
            Err(Self::refuse("reference_prevalence", self.reference_prevalence, "a share above 0 and below 1"))
        }
    }
}

impl ClassifyConfig {
    fn check_network(&self) -> Result<()> {
        if self.network.is_cnn() && self.stem.is_some() {
            let stem = if self.stem == Some(Stem::Full) { "\"full\"" } else { "\"small\"" };
            return Err(Self::refuse("stem", stem, "a DenseNet in classify.network, which has one"));
        }
        let Some(file) = &self.weights else { return Ok(()) };
        if matches!(self.network, NetworkChoice::Cnn | NetworkChoice::DensenetSmall) {
            let expected = "classify.network = \"densenet-121\", \"densenet-169\" or \"densenet-201\", whose weights are \
                            published";
            return Err(Self::refuse("weights", format!("{:?}", file.display().to_string()), expected));
        }
        Self::named("weights", &file.display().to_string())
    }

    fn check_extra_weights(&self) -> Result<()> {
        let weights = &self.extra_weights;
        for &weight in weights {
            Self::within("extra_weights", weight, 0.0, 1e3)?;
        }
        let refuse = |expected: &str| Err(Self::refuse("extra_weights", format!("{weights:?}"), expected));
        if (1..weights.len()).any(|at| weights[..at].contains(&weights[at])) {
            return refuse("each weight once");
        }
        if !weights.is_empty() && (self.additions != Additions::OnTop || !self.arms.contains(&Arm::None)) {
            return refuse("classify.additions = \"on-top\" and \"none\" in classify.arms, beside which they stand");
        }
        Ok(())
    }
}

/// Counts that no run comes to an end with.
const MOST: u64 = 1_000_000;

/// Repetitions, at most: what each learns from is dealt before the first is fitted.
pub const MOST_SEEDS: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_toml() {
        let config = ClassifyConfig::default();
        config.check().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert!(text.contains("\"ada-gan+ld\""), "{text}");
        assert_eq!(toml::from_str::<ClassifyConfig>(&text).unwrap(), config);
        assert!(toml::from_str::<ClassifyConfig>("epoch = 3").is_err());
    }

    #[test]
    fn refuses_an_arm_named_twice_and_settings_out_of_range() {
        let twice = ClassifyConfig { arms: vec![Arm::None, Arm::Affine, Arm::None], ..Default::default() };
        assert!(twice.check().unwrap_err().to_string().contains("arm None is named twice"));
        assert!(ClassifyConfig { learning_rate: f64::NAN, ..Default::default() }.check().is_err());
    }
}

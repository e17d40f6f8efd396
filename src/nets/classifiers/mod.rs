//! Networks that tell classes apart, behind one trait.
//!
//! A new network is a file here that implements [`Classifier`] and a variant of [`ClassifierConfig`]; what fits, scores
//! and draws goes through the two and names no network.

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use super::network::{Named, Network};
use crate::seed::RunSeed;
use cnn::{Cnn, CnnConfig};
use densenet::{Densenet, DensenetConfig, Start};

pub mod cnn;

pub mod densenet;

mod loss;

pub use loss::cross_entropy;

/// Which network, and its sizes.
///
/// Finished fits are known by this text. The first network is written without its name; another variant goes above it
/// and is written under its own, so that no two networks' texts are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassifierConfig {
    /// Blocks of layers of which each sees all before it.
    Densenet(DensenetConfig),
    /// Convolutional units and a linear head.
    #[serde(untagged)]
    Cnn(CnnConfig),
}

impl ClassifierConfig {
    /// The network; its first values depend on `seed` alone, not on libtorch's generator.
    pub fn build(&self, seed: RunSeed, device: Device) -> Box<dyn Classifier> {
        match self {
            Self::Densenet(config) => Box::new(Densenet::new(config, seed, device)),
            Self::Cnn(config) => Box::new(Cnn::new(config, seed, device)),
        }
    }

    /// The network that tensors of these names and shapes are of; `None` where there is no such.
    pub fn of(tensors: &Named) -> Option<Self> {
        let densenet = || DensenetConfig::of(tensors).map(Self::Densenet);
        CnnConfig::of(tensors).map(Self::Cnn).or_else(densenet)
    }

    /// The same for another number of classes.
    pub fn of_classes(self, classes: usize) -> Self {
        match self {
            Self::Densenet(config) => Self::Densenet(config.of_classes(classes)),
            Self::Cnn(config) => Self::Cnn(config.of_classes(classes)),
        }
    }

    /// The file whose weights the network starts from, where it does not start from drawn ones.
    pub fn start(&self) -> Option<Start> {
        match self {
            Self::Densenet(config) => config.start,
            Self::Cnn(_) => None,
        }
    }

    /// Images must be at least so many pixels wide and high.
    pub fn smallest_side(&self) -> i64 {
        match self {
            Self::Densenet(config) => config.smallest(),
            Self::Cnn(_) => cnn::SMALLEST,
        }
    }

    /// In words.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Densenet(config) => config.title(),
            Self::Cnn(_) => "a six-unit CNN",
        }
    }
}

/// Whether normalisation uses the batch's own moments (and updates the running ones) or the running ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Of the batch.
    Train,
    /// Of all batches seen.
    Evaluate,
}

/// A network that tells `k` classes apart; an image is float32 \[channels, height, width\] in \[-1, 1\].
pub trait Classifier: Network {
    /// `k`, at least 2.
    fn classes(&self) -> i64;

    /// `C`, the channels of the images that it takes.
    fn channels(&self) -> i64;

    /// Images \[N, C, H, W\] -> logits \[N, k\].
    fn forward(&self, images: &Tensor, mode: Mode) -> Tensor;

    /// Images \[N, C, H, W\] and others beside them \[M, C, H, W\] -> logits \[N, k\] and \[M, k\] in training mode.
    /// Those of the first are what [`Classifier::forward`] gives, to the bit; the others are normalised by the moments
    /// of the first, so that no moment, running ones included, knows of them.
    fn forward_beside(&self, images: &Tensor, beside: &Tensor) -> (Tensor, Tensor);

    /// Images \[N, C, H, W\] -> what of the logit of `class` above the mean of the other logits comes from where, \[N,
    /// H', W'\] in evaluation mode: the class activation map of Zhou et al. 2016 (arXiv 1512.04150). The mean of a map
    /// is that difference.
    fn activation(&self, images: &Tensor, class: i64) -> Tensor;

    /// Names of its layers from the image to the head, which is the last; the tensors of a layer are called
    /// "<layer>.<tensor>".
    fn layers(&self) -> Vec<String>;

    /// Images \[N, C, H, W\] -> what its first `layers` layers make of them, \[N, C', H', W'\] in evaluation mode; at
    /// least one layer, and the head not among them.
    fn features(&self, images: &Tensor, layers: usize) -> Tensor;

    /// What [`Classifier::features`] gave for as many `layers` -> logits \[N, k\].
    fn logits_of(&self, features: &Tensor, layers: usize) -> Tensor;

    /// Images \[N, C, H, W\] -> the log-odds of each class, ln p / (1 - p), \[N, k\] in evaluation mode: its logit
    /// minus the log of the sum of the others' exponentials. Of two classes that is the difference of the two logits.
    fn scores(&self, images: &Tensor) -> Tensor {
        log_odds(&self.forward(images, Mode::Evaluate))
    }
}

/// Logits \[N, k\] -> log-odds \[N, k\] of the softmax.
pub fn log_odds(logits: &Tensor) -> Tensor {
    let count = logits.size()[1];
    let of = |class: i64| {
        let others: Vec<i64> = (0..count).filter(|&other| other != class).collect();
        let others = logits.index_select(1, &Tensor::from_slice(&others).to_device(logits.device()));
        logits.select(1, class) - others.to_kind(Kind::Float).logsumexp([1i64].as_slice(), false)
    };
    Tensor::stack(&(0..count).map(of).collect::<Vec<_>>(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_written_as_its_network_is_and_builds_it() {
        let small = CnnConfig::small(2);
        let config = ClassifierConfig::Cnn(small);
        assert_eq!(serde_json::to_string(&config).unwrap(), r#"{"channels":2,"widths":[8,16,24,32,32,32]}"#);
        let dense = ClassifierConfig::Densenet(DensenetConfig::small(3, densenet::Stem::Small));
        let text = r#"{"densenet":{"channels":3,"growth":8,"first":16,"blocks":[2,2,2,2],"classes":2,"stem":"small"}}"#;
        assert_eq!(serde_json::to_string(&dense).unwrap(), text);
        assert_eq!(ClassifierConfig::of(&dense.build(RunSeed(1), Device::Cpu).tensors()), Some(dense));
        let three = config.of_classes(3);
        let network = three.build(RunSeed(1), Device::Cpu);
        assert_eq!(network.classes(), 3);
        let smallest = Tensor::zeros([1, 2, three.smallest_side(), three.smallest_side()], (Kind::Float, Device::Cpu));
        let own = Cnn::new(&small.of_classes(3), RunSeed(1), Device::Cpu);
        assert_eq!(network.scores(&smallest), own.scores(&smallest));
    }

    #[test]
    fn log_odds_by_hand() {
        // Probabilities 1/7, 2/7, 4/7: odds 1/6, 2/5, 4/3. Adding a constant to all logits changes nothing.
        let logits = Tensor::from_slice(&[0.0f32, 2f32.ln(), 4f32.ln()]).view([1, 3]) + 3.0;
        let odds = Vec::<f32>::try_from(log_odds(&logits).exp().reshape([-1])).unwrap();
        for (found, expected) in odds.iter().zip([1.0 / 6.0, 2.0 / 5.0, 4.0 / 3.0]) {
            approx::assert_abs_diff_eq!(*found, expected, epsilon = 1e-5);
        }
        let two = log_odds(&Tensor::from_slice(&[0.3f32, -1.7]).view([1, 2]));
        assert_eq!(Vec::<f32>::try_from(two.reshape([-1])).unwrap(), [2.0, -2.0]);
    }
}

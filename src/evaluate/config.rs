//! What a person sets about evaluating.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::classify::Arm;
use crate::classify::made::of_data::needs_data_alone;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::settings::Settings;

/// Endings of files of weights.
const ENDINGS: [&str; 4] = [".pt", ".pth", ".bin", ".safetensors"];

/// How sets of images are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Weights of Inception v3, VGG16, AlexNet or SqueezeNet 1.1 behind the distances between sets; without a file the
    /// program's own small net.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<PathBuf>,
    /// Weights of VGG16, AlexNet or SqueezeNet 1.1 behind the distance between two images; without a file the program's
    /// own small net.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lpips: Option<PathBuf>,
    /// LPIPS weights for it, where they are a file of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lpips_weights: Option<PathBuf>,
    /// Weights of CLIP's image encoder, by whose embeddings CMMD compares sets; without a file there is no CMMD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<PathBuf>,
    /// Images of a set, at most; all sets of a table have as many as the smallest.
    pub images: u64,
    /// Principal axes of the held-out images that a Frechet distance of the program's own net is taken on; the
    /// published one of a file is taken on all features.
    pub components: u64,
    /// Neighbours of precision, recall, density and coverage.
    pub neighbours: u64,
    /// Pairs of images whose likeness is the diversity of a set.
    pub pairs: u64,
    /// Lesions or images that a training set adds to the real ones.
    pub extra: u64,
    /// Arms of `classify` that need nothing but the data set, whose training sets are compared, too; for DeepSMOTE an
    /// autoencoder is trained.
    pub arms: Vec<Arm>,
    /// Draws of every interval.
    pub draws: u64,
    /// Whether real images are blurred, and their rims lowered, to see which measures notice.
    pub yardsticks: bool,
    /// Paths of the network's path length; 0 leaves it out.
    pub paths: u64,
    /// Truncations at which the network's images are compared.
    pub truncations: Vec<f64>,
    /// Class of a conditional network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassChoice>,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            features: None,
            lpips: None,
            lpips_weights: None,
            clip: None,
            images: 1000,
            components: 32,
            neighbours: 5,
            pairs: 100,
            extra: 100,
            arms: vec![Arm::Affine, Arm::Smote],
            draws: 200,
            yardsticks: true,
            paths: 100,
            truncations: vec![0.5, 0.7, 1.0],
            class: None,
        }
    }
}

impl EvaluateConfig {
    /// The files of weights that are named, by setting.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let keys = ["evaluate.features", "evaluate.lpips", "evaluate.lpips_weights", "evaluate.clip"];
        let files = [&self.features, &self.lpips, &self.lpips_weights, &self.clip];
        keys.into_iter().zip(files).filter_map(|(key, file)| Some((key, file.as_ref()?)))
    }
}

impl Settings for EvaluateConfig {
    const SECTION: &'static str = "evaluate";

    fn check(&self) -> Result<()> {
        for (name, file) in self.files() {
            let text = file.to_string_lossy();
            let good = |ending: &&str| text.strip_suffix(*ending).is_some_and(|stem| !stem.trim().is_empty());
            if !ENDINGS.iter().any(good) {
                let expected = format!("a file of weights ({})", ENDINGS.join(", "));
                return Err(Self::refuse(name.trim_start_matches("evaluate."), format!("{text:?}"), expected));
            }
        }
        if self.lpips_weights.is_some() && self.lpips.is_none() {
            return Err(Self::refuse("lpips_weights", "a file", "the net that they weigh as evaluate.lpips (--lpips)"));
        }
        Self::within("images", self.images, 8, 100_000)?;
        Self::within("components", self.components, 1, 4096)?;
        Self::within("neighbours", self.neighbours, 1, 1000)?;
        Self::within("pairs", self.pairs, 1, 1_000_000)?;
        Self::within("extra", self.extra, 1, 1_000_000)?;
        if let Some(arm) = self.arms.iter().find(|arm| !needs_data_alone(**arm)) {
            let expected = "arms made of the data set alone: affine, smote, deep-smote, deep-smote-code";
            return Err(Self::refuse("arms", format!("{:?}", arm.key()), expected));
        }
        if let Some(arm) =
            self.arms.iter().enumerate().find_map(|(at, arm)| self.arms[..at].contains(arm).then_some(arm))
        {
            return Err(Self::refuse("arms", format!("{:?} twice", arm.key()), "each arm once"));
        }
        Self::within("draws", self.draws, 20, 100_000)?;
        Self::within("paths", self.paths, 0, 1_000_000)?;
        self.truncations.iter().try_for_each(|&psi| Self::within("truncations", psi, 0.0, 2.0))?;
        match &self.class {
            Some(class) if !class.could_be() => {
                Err(Self::refuse("class", class.quoted(), "the name of a class, or its number from 0"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_layers_need_a_net() {
        let config = EvaluateConfig { lpips_weights: Some("alex.pth".into()), ..EvaluateConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("--lpips"));
        assert!(EvaluateConfig { lpips: Some("alexnet.pth".into()), ..config }.check().is_ok());
        let wrong = EvaluateConfig { features: Some("inception.onnx".into()), ..EvaluateConfig::default() };
        assert!(wrong.check().unwrap_err().to_string().contains("a file of weights"));
    }
}

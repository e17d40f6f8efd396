//! The network that a fit begins with: drawn, or with the weights of a file, held to the hash that the fit's key knows.

use std::path::Path;

use tch::Device;

use super::config::ClassifyConfig;
use crate::data::Prepared;
use crate::digest;
use crate::name::shown_path;
use crate::nets::classifiers::densenet::{DensenetConfig, Start, Stem};
use crate::nets::classifiers::{Classifier, ClassifierConfig};
use crate::pickle::densenet_file;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Which network all fits of `config` begin with, of `classes` classes.
///
/// # Errors
/// No such file of weights, another than its name says, or images that are not in three colours.
pub(super) fn classifier(data: &Prepared, config: &ClassifyConfig, classes: usize) -> Result<ClassifierConfig> {
    let [channels, _, side] = data.image_shape();
    match (config.classifier(channels, side).of_classes(classes), &config.weights) {
        (ClassifierConfig::Densenet(shape), Some(file)) => {
            if channels != 3 {
                return Err(Problem::usage(format!("classify.weights for images of {channels} channels"))
                    .expected("images in three colours, as the published weights are for")
                    .advice("leave classify.weights (--weights) out"));
            }
            let start = Some(densenet_file::start(file)?);
            Ok(ClassifierConfig::Densenet(DensenetConfig { start, ..shape }))
        }
        (classifier, _) => Ok(classifier),
    }
}

/// What the record should say of a network that is not the usual one.
pub(super) fn told(classifier: &ClassifierConfig, weights: Option<&Path>) -> Option<String> {
    let ClassifierConfig::Densenet(shape) = classifier else { return None };
    let stem = match shape.stem {
        Stem::Full => "as published",
        Stem::Small => "for small images (stride 1, no pooling)",
    };
    let from = match (shape.start, weights) {
        (Some(Start(sha256)), Some(file)) => {
            format!("weights of {} (SHA-256 {}), head drawn", shown_path(file), digest::hex(sha256))
        }
        _ => "weights drawn".to_owned(),
    };
    Some(format!("classifier: {}, stem {stem}, {from}", shape.title()))
}

/// The network, its first values drawn with `seed` where `weights` has none for them.
///
/// # Errors
/// A file of weights that changed since the fits began, or of another network.
pub(super) fn network(
    classifier: &ClassifierConfig,
    weights: Option<&Path>,
    seed: RunSeed,
    device: Device,
) -> Result<Box<dyn Classifier>> {
    let mut network = classifier.build(seed, device);
    if let (Some(start), Some(file)) = (classifier.start(), weights) {
        let tensors = densenet_file::read(file, start, network.as_ref())?;
        network.load(&tensors).map_err(|problem| problem.at(file))?;
    }
    Ok(network)
}

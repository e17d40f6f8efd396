//! A network opened for projection: frozen weights, its cloud of w, its feature nets.

use std::path::Path;

use tch::{Device, Tensor};

use super::targets::Target;
use crate::commands::network_source::{network_file, one_hot};
use crate::nets::network::Network;
use crate::nets::perceptual::{DiscriminatorFeatures, FeatureNet, PixelPyramid, RandomVgg, TorchScriptFeatures};
use crate::nets::weights::load_network;
use crate::nets::{Discriminator, Generator};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::project::{Descent, Draws, LatentCloud, ProjectConfig, Projected, optimise};
use crate::seed::RunSeed;

/// Names of the built-in feature nets; the last needs a network file with its discriminator.
pub const BUILT_IN: [&str; 3] = ["random-vgg", "pixels", "discriminator"];

pub struct Projector {
    pub generator: Generator,
    pub discriminator: Option<Discriminator>,
    pub cloud: LatentCloud,
    pub network_sha256: String,
    /// Manifest of the data set that the network was trained on, where it says so.
    pub data_sha256: Option<String>,
    pub device: Device,
    sides: Vec<i64>,
}

impl Projector {
    /// Opens a network file, or the network in the folder of a training run or an import.
    pub fn open(path: &Path, config: &ProjectConfig, device: Device) -> Result<Self> {
        let network = load_network(network_file(path)?, device)?;
        for (_, parameter) in network.generator.parameters() {
            let _ = parameter.set_requires_grad(false);
        }
        for (_, parameter) in network.discriminator.iter().flat_map(Network::parameters) {
            let _ = parameter.set_requires_grad(false);
        }
        let condition = one_hot(network.generator.config().c_dim, config.condition, "--condition", device)?;
        let cloud = LatentCloud::sample(&network.generator, config.w_samples as i64, condition.as_ref());
        Ok(Self {
            sides: network.generator.synthesis.noise_shapes().into_iter().map(|(_, side)| side).collect(),
            generator: network.generator,
            discriminator: network.discriminator,
            cloud,
            network_sha256: network.sha256,
            data_sha256: network.description.provenance["data_sha256"].as_str().map(str::to_owned),
            device,
        })
    }

    /// Image shape of the network: channels, height, width.
    pub fn shape(&self) -> [i64; 3] {
        let config = self.generator.config();
        [config.channels, config.resolution, config.resolution]
    }

    /// What "auto" means without a measurement on the data at hand. The discriminator's features kept most of known rims'
    /// contrast where the three were compared (README, "What was measured"); an imported network may come without it.
    pub fn usual_features(&self) -> &'static str {
        if self.discriminator.is_some() { "discriminator" } else { "random-vgg" }
    }

    /// A feature net by its name in the settings.
    pub fn features(&self, name: &str) -> Result<Box<dyn FeatureNet + '_>> {
        let [channels, _, _] = self.shape();
        match (name, &self.discriminator) {
            ("random-vgg", _) => Ok(Box::new(RandomVgg::new(channels, self.device))),
            ("pixels", _) => Ok(Box::new(PixelPyramid)),
            ("discriminator", Some(discriminator)) => Ok(Box::new(DiscriminatorFeatures(discriminator))),
            ("discriminator", None) => Err(Problem::usage("the network file holds no discriminator")
                .advice("take the file of a training run, or --features random-vgg")),
            (file, _) if file.ends_with(".pt") => {
                Ok(Box::new(TorchScriptFeatures::load(Path::new(file), self.device)?))
            }
            (other, _) => Err(Problem::usage(format!("unknown feature net {other:?}"))
                .expected(format!("auto, {}, or a TorchScript file (.pt)", BUILT_IN.join(", ")))),
        }
    }

    /// Projects one batch; advances `observer` by the batch's size at every step.
    pub fn project(
        &self,
        features: &dyn FeatureNet,
        batch: &[Target],
        descent: &Descent,
        seed: RunSeed,
        observer: &dyn Observer,
    ) -> Result<Projected> {
        let names: Vec<String> = batch.iter().map(|target| target.id.clone()).collect();
        let w_dim = self.generator.config().w_dim;
        let draws = Draws::sample(seed, &names, &self.sides, w_dim, descent.steps, self.device);
        let [channels, height, width] = self.shape();
        let pixels: Vec<f32> = batch.iter().flat_map(|target| target.pixels.iter().copied()).collect();
        let targets =
            Tensor::from_slice(&pixels).view([batch.len() as i64, channels, height, width]).to_device(self.device);
        optimise(&self.generator, features, &targets, &self.cloud, &draws, descent, &mut |_, _| {
            observer.advance(batch.len() as u64);
            !observer.stop_requested()
        })
        .map_err(|problem| match problem.kind() {
            crate::problem::Kind::Interrupted => {
                problem.advice("the same command goes on from the last finished batch")
            }
            _ => problem,
        })
    }
}

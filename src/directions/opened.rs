//! A network opened for its directions: its layers, its codes and how they spread.

use std::path::Path;

use super::codes::{self, ClassShares, Codes};
use super::config::DirectionsConfig;
use super::layers::{self, StyleLayer};
use super::principal::Spread;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::network_source::{NetworkImages, network_file};
use crate::latent::cloud::LatentCloud;
use crate::nets::SavedNetwork;
use crate::nets::weights::load_image_network;
use crate::problem::Result;

/// Codes of the cloud that the distance to it is taken to: enough for a nearest neighbour, few enough to be quick.
const NEIGHBOURS: i64 = 2000;

/// A network and its codes.
pub struct Opened {
    /// The network.
    pub network: SavedNetwork,
    /// What its file says about its images.
    pub source: NetworkImages,
    /// Classes of its codes.
    pub shares: ClassShares,
    /// The codes that are moved.
    pub codes: Codes,
    /// How codes spread.
    pub spread: Spread,
    /// Codes that the distance is taken to.
    pub cloud: LatentCloud,
    /// Its layers that take a w.
    pub layers: Vec<StyleLayer>,
}

impl Opened {
    /// Opens the network that `path` means.
    ///
    /// # Errors
    /// No network of images, or one whose images are not of the data set's shape; classes that cannot be drawn.
    pub fn new(path: &Path, data: &Prepared, config: &DirectionsConfig, lab: &Lab<'_>) -> Result<Self> {
        let file = network_file(path)?;
        let network = load_image_network(&file, lab.engine.device)?;
        let source = NetworkImages::of(&network.description);
        source.require_of(network.generator.config().channels, data)?;
        let generator = &network.generator;
        let shares = ClassShares::new(generator, &source, data, config.class.as_ref())?;
        let codes = codes::of_seeds(generator, &shares, config.codes as usize, lab.seed);
        let samples = codes::cloud(generator, &shares, config.samples as usize, lab.seed);
        Ok(Self {
            spread: Spread::of(&samples),
            cloud: LatentCloud::new(samples.narrow(0, 0, NEIGHBOURS.min(samples.size()[0]))),
            layers: layers::of(generator),
            network,
            source,
            shares,
            codes,
        })
    }

    /// Name of a class, or its number where it has none.
    pub fn class_name(&self, class: usize) -> String {
        self.source.classes.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

//! The distance between two images, and its honest name: LPIPS is one only where both files of it are there.

use std::path::Path;

use tch::Device;

use crate::files;
use crate::nets::features::{DiscriminatorFeatures, FeatureNet, PixelPyramid, RandomVgg};
use crate::nets::{Discriminator, SavedNetwork};
use crate::pickle::{read_features, read_features_with_heads};
use crate::problem::{Problem, Result};
use crate::project::{BuiltIn, FeatureSetting};

/// Hexadecimal digits of a file's hash that a name shows.
const DIGITS: usize = 12;

/// A distance: squared, of the features of both images.
pub struct Distance<'a> {
    /// Gives the features.
    pub net: Box<dyn FeatureNet + 'a>,
    /// What every record and page calls it.
    pub name: String,
}

impl<'a> Distance<'a> {
    /// As the settings ask; `heads` are LPIPS weights in a file of their own.
    ///
    /// # Errors
    /// A file that is no feature net, weights of another net, heads for a net that takes none, or the discriminator of
    /// a network file without one.
    pub fn open(
        network: &'a SavedNetwork,
        asked: &FeatureSetting,
        heads: Option<&Path>,
        device: Device,
    ) -> Result<Self> {
        let (file, heads) = match (asked, heads) {
            (FeatureSetting::Weights(file), heads) => (file, heads),
            (_, Some(heads)) => {
                return Err(Problem::usage("LPIPS weights without the net that they weigh")
                    .at(heads)
                    .expected("directions.features (--features) to name the file of VGG16, AlexNet or SqueezeNet"));
            }
            (asked, None) => return Self::built_in(network, asked, device),
        };
        let net = match heads {
            Some(heads) => read_features_with_heads(file, heads, device)?,
            None => read_features(file, device)?,
        };
        let digits = |path: &Path| Ok::<_, Problem>(files::sha256(path)?[..DIGITS].to_owned());
        let mut hashes = digits(file)?;
        if let Some(heads) = heads {
            hashes += &format!(" and {}", digits(heads)?);
        }
        let name = if net.weighs_layers() {
            format!("LPIPS v0.1, {} (SHA-256 {hashes})", net.architecture().title())
        } else {
            format!("{} (SHA-256 {hashes})", net.name())
        };
        Ok(Self { net: Box::new(net), name })
    }

    fn built_in(network: &'a SavedNetwork, asked: &FeatureSetting, device: Device) -> Result<Self> {
        let of = |discriminator: &'a Discriminator| Box::new(DiscriminatorFeatures(discriminator));
        let channels = network.generator.config().channels;
        let net: Box<dyn FeatureNet + 'a> = match (asked, &network.discriminator) {
            (FeatureSetting::Auto | FeatureSetting::BuiltIn(BuiltIn::Discriminator), Some(own)) => of(own),
            (FeatureSetting::BuiltIn(BuiltIn::Discriminator), None) => {
                return Err(Problem::usage("the network file holds no discriminator")
                    .advice("take the file of a training run, or directions.features = \"random-vgg\" (--features)"));
            }
            (FeatureSetting::BuiltIn(BuiltIn::Pixels), _) => Box::new(PixelPyramid),
            _ => Box::new(RandomVgg::new(channels, device)),
        };
        let name = format!("distance of {}", net.name());
        Ok(Self { net, name })
    }
}

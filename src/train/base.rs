//! The network that training starts from.

use tch::Device;

use super::{BaseChoice, embedded};
use crate::feed::network_source::{NetworkImages, network_file};
use crate::nets::weights::{self, SavedNetwork};
use crate::problem::{Problem, Result};
use crate::records::label::Contrast;
use crate::records::training::BaseGenerator;
use crate::train::TrainState;

/// A network to start from.
pub struct Base {
    name: String,
    network: SavedNetwork,
    contrasts: Vec<Contrast>,
    classes: Vec<String>,
}

impl Base {
    /// The network that `base` names, for data with the channels `own`; `None` for random weights.
    ///
    /// # Errors
    /// No such file, or one that is no network.
    pub fn open(base: &BaseChoice, own: &[Contrast], device: Device) -> Result<Option<Self>> {
        let (name, network) = match base {
            BaseChoice::None => return Ok(None),
            BaseChoice::Embedded => embedded::base_network(own, device)?,
            BaseChoice::File(file) => {
                let path = network_file(file)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (name, weights::load_image_network(path, device)?)
            }
        };
        let NetworkImages { contrasts, classes, .. } = NetworkImages::of(&network.description);
        Ok(Some(Self { name, network, contrasts, classes }))
    }

    /// SHA-256 of its file.
    pub fn sha256(&self) -> &str {
        &self.network.sha256
    }

    /// Gives `state` what it can of the network; returns what starts anew.
    ///
    /// # Errors
    /// Networks that differ in more than classes and channels, or channels that cannot be told apart.
    pub fn start(
        &self,
        state: &mut TrainState,
        own: &[Contrast],
        classes: &[String],
        frozen: u64,
    ) -> Result<Vec<String>> {
        let channels = self.channels(own)?;
        let known = &self.classes;
        if !known.is_empty() && !classes.is_empty() && known != classes {
            return Err(Problem::usage(format!("a base network of the classes {}", known.join(", ")))
                .at(&self.name)
                .expected(classes.join(", "))
                .advice("start from a network without classes, or from one of the same"));
        }
        if frozen > 0 && channels.contains(&None) {
            return Err(Problem::usage(format!(
                "freeze_discriminator = {frozen} with channels that the base network does not know"
            ))
            .at(&self.name)
            .expected("freeze_discriminator = 0: the layers that see the new channels have to learn"));
        }
        state
            .start_from(&self.network.generator, self.network.discriminator.as_ref(), &channels)
            .map_err(|problem| problem.at(&self.name))
    }

    /// For each own channel the base's channel of the same name.
    fn channels(&self, own: &[Contrast]) -> Result<Vec<Option<i64>>> {
        let count = self.network.generator.config().channels;
        if self.contrasts.is_empty() {
            return if own.len() as i64 == count {
                Ok((0..count).map(Some).collect())
            } else {
                Err(Problem::usage(format!("a base network of {count} channels that it does not name"))
                    .at(&self.name)
                    .expected(format!("{} channels", own.len())))
            };
        }
        let place = |contrast: &Contrast| self.contrasts.iter().position(|known| known.name == contrast.name);
        let map: Vec<Option<i64>> = own.iter().map(|contrast| place(contrast).map(|at| at as i64)).collect();
        if map.iter().all(Option::is_none) {
            let list = |contrasts: &[Contrast]| {
                contrasts.iter().map(|contrast| contrast.name.as_str()).collect::<Vec<_>>().join(", ")
            };
            return Err(Problem::usage(format!("a base network of {}", list(&self.contrasts)))
                .at(&self.name)
                .expected(format!("one that shows at least one of {}", list(own)))
                .advice("train with base = \"none\""));
        }
        Ok(map)
    }

    pub fn describe(&self, fresh: &[String]) -> BaseGenerator {
        let provenance = &self.network.description.label.provenance;
        let images = provenance.images;
        let data = if provenance.simulated == Some(true) { ", trained on a simulated cohort" } else { "" };
        let images = images.map_or(String::new(), |images| format!(", {images} images"));
        let fresh = if fresh.is_empty() { String::new() } else { format!("; new: {}", fresh.join(", ")) };
        BaseGenerator {
            description: format!("{}{data}{images}{fresh}", self.name),
            sha256: self.network.sha256.clone(),
        }
    }
}

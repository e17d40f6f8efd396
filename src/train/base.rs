//! The network that training starts from.

use tch::Device;

use super::{BaseChoice, embedded};
use crate::feed::network_source::{NetworkImages, network_file};
use crate::nets::stylegan2::inflate;
use crate::nets::weights::{self, SavedNetwork};
use crate::problem::{Problem, Result};
use crate::records::label::{Contrast, Provenance, UNKNOWN_DATA};
use crate::records::training::BaseGenerator;
use crate::seed::RunSeed;
use crate::train::TrainState;

/// A network to start from.
pub struct Base {
    name: String,
    network: SavedNetwork,
    contrasts: Vec<Contrast>,
    classes: Vec<String>,
    /// Comes with the program, of a simulated cohort that no study uses.
    embedded: bool,
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
        let embedded = *base == BaseChoice::Embedded;
        Ok(Some(Self { name, network, contrasts, classes, embedded }))
    }

    /// The same for volumes: a network of images is inflated, its noise drawn by `seed`.
    ///
    /// # Errors
    /// As [`Base::open`]; a network of images that cannot be inflated.
    pub fn of_volumes(base: &BaseChoice, own: &[Contrast], seed: RunSeed, device: Device) -> Result<Option<Self>> {
        let (name, network) = match base {
            BaseChoice::None => return Ok(None),
            BaseChoice::Embedded => embedded::base_network(own, device)?,
            BaseChoice::File(file) => {
                let path = network_file(file)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (name, weights::load_network(path, device)?)
            }
        };
        let NetworkImages { contrasts, classes, .. } = NetworkImages::of(&network.description);
        let embedded = *base == BaseChoice::Embedded;
        if network.generator.config().dimensions == 3 {
            return Ok(Some(Self { name, network, contrasts, classes, embedded }));
        }
        let generator = inflate::generator(&network.generator, seed).map_err(|problem| problem.at(&name))?;
        let discriminator = network.discriminator.as_ref().map(|images| inflate::discriminator(images, seed));
        let discriminator = discriminator.transpose().map_err(|problem| problem.at(&name))?;
        let network = SavedNetwork { generator, discriminator, ..network };
        Ok(Some(Self { name: format!("{name}, inflated from images"), network, contrasts, classes, embedded }))
    }

    /// What a network that starts here says of the data sets that its weights knew before, `own` apart.
    pub fn ancestor_data(&self, own: &str) -> Vec<String> {
        if self.embedded { vec![] } else { ancestors(&self.network.description.label.provenance, own) }
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

/// The data sets of a network that training starts from: its own and those before it, each once, `own` left out.
fn ancestors(base: &Provenance, own: &str) -> Vec<String> {
    let last = base.data_sha256.as_deref().unwrap_or(UNKNOWN_DATA);
    let all = base.ancestor_data.iter().map(String::as_str).chain([last]);
    let mut found: Vec<String> = Vec::new();
    for data in all.filter(|data| *data != own) {
        if !found.iter().any(|known| known == data) {
            found.push(data.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_weights_knew_before_is_inherited_each_once_and_without_the_own() {
        let base = |data: Option<&str>, before: &[&str]| Provenance {
            data_sha256: data.map(str::to_owned),
            ancestor_data: before.iter().map(|&data| data.to_owned()).collect(),
            ..Provenance::default()
        };
        for (data, before, found) in [
            (Some("own"), &[][..], &[][..]),
            (Some("b"), &[], &["b"]),
            (None, &[], &["unknown"]),
            (Some("b"), &["a", "own"], &["a", "b"]),
            (Some("own"), &["a"], &["a"]),
            (None, &["unknown", "a"], &["unknown", "a"]),
        ] {
            assert_eq!(ancestors(&base(data, before), "own"), found, "{data:?} after {before:?}");
        }
    }

    #[test]
    fn the_embedded_network_is_no_ancestor() {
        let own = [crate::data::intensity::default_contrast("chimap")];
        let base = Base::open(&BaseChoice::Embedded, &own, Device::Cpu).unwrap().unwrap();
        assert!(base.ancestor_data("own").is_empty());
    }
}

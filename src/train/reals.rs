//! The training images of a run: chosen, padded to the network's square, with their classes.

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::augment::ChannelRule;
use crate::data::manifest::Manifest;
use crate::data::{Conditioned, Prepared};
use crate::digest;
use crate::feed::batches::{Batches, Images};
use crate::feed::padding;
use crate::nets::class::one_hot;
use crate::nets::weights::bytes_of;
use crate::problem::{Problem, Result};
use crate::records::label::Padding;
use crate::seed::RunSeed;
use crate::train::{RealBatches, TrainConfig};

/// Training images and their classes.
pub struct TrainingSet {
    /// The slices.
    pub chosen: Conditioned,
    /// Where they lie in the network's square.
    pub padding: Padding,
    /// Padded, on the host.
    pub images: Images,
}

impl TrainingSet {
    /// # Errors
    /// Nothing to learn from, or no classes where some are asked for.
    pub fn load(data: &Prepared, config: &TrainConfig, seed: RunSeed) -> Result<Self> {
        let [_, height, width] = data.image_shape();
        let padding = Padding::of(height, width);
        let chosen = Conditioned::choose(data, config.condition, config.non_rims_per_rim, seed)?;
        let mut images = Images::load(&chosen.slices, Device::Cpu).map_err(|problem| problem.at(data.root()))?;
        if images.is_empty() {
            let interest = data.classes().of_interest.as_ref();
            let wanted = interest.map(|class| format!(" of the class {class}")).unwrap_or_default();
            return Err(Problem::input(data.root(), format!("no training slice{wanted}"))
                .advice("check the labels (of a cohort: the reader table), or prepare with another split"));
        }
        images.pixels = padding::pad(&padding, &images.pixels);
        Ok(Self { chosen, padding, images })
    }

    /// Number of classes; 0 without condition.
    pub fn c_dim(&self) -> i64 {
        self.chosen.names.len() as i64
    }

    /// One-hot \[images, c_dim\]; `None` without classes.
    pub fn one_hot(&self) -> Option<Tensor> {
        let numbers: Vec<i64> = self.chosen.classes.iter().map(|&class| class as i64).collect();
        (self.c_dim() > 0).then(|| one_hot(&numbers, self.c_dim(), Device::Cpu))
    }

    /// Positions of the images that a generator is compared with: those of interest, or all where no class holds just
    /// them.
    pub fn compared(&self) -> Vec<i64> {
        let of_interest = |at: &usize| self.chosen.interest.is_none_or(|class| self.chosen.classes[*at] == class);
        (0..self.images.len()).filter(of_interest).map(|at| at as i64).collect()
    }

    /// Lesions that the images are of.
    pub fn lesions(&self) -> u64 {
        self.images.lesions.iter().collect::<std::collections::BTreeSet<_>>().len() as u64
    }

    /// Hash of every training pixel, its class, and of the base network.
    pub fn sha256(&self, base: Option<&str>) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(bytes_of(&self.images.pixels.to_kind(Kind::Float))?);
        hash.update(base.unwrap_or_default());
        self.chosen.classes.iter().for_each(|class| hash.update(class.to_le_bytes()));
        Ok(digest::hex(hash.finalize()))
    }

    /// The endless batches that training sees.
    ///
    /// # Errors
    /// No images.
    pub fn batches(&self, size: u64, seed: RunSeed) -> Result<RealBatches> {
        let batches = Batches::new(self.images.shallow_clone(), size as usize, seed, "train.reals")?;
        Ok(RealBatches { batches, classes: self.one_hot() })
    }
}

/// What the augmentation may do to a contrast in `unit`: maps of probability and of regions, which are no intensities,
/// are moved, not recoloured.
pub fn channel_rule(unit: &str) -> ChannelRule {
    if ["probability", "region"].contains(&unit) { ChannelRule::GeometryOnly } else { ChannelRule::Image }
}

/// That of each channel of a data set.
pub fn channel_rules(manifest: &Manifest) -> Vec<ChannelRule> {
    manifest.contrasts.iter().map(|contrast| channel_rule(&contrast.unit)).collect()
}

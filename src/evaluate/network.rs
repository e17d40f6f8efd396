//! A network alone: how far its images change along short steps in W, and its images at several truncations.

use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

use super::config::EvaluateConfig;
use super::eye::Eye;
use crate::feed::image::Image;
use crate::feed::network_source::{NetworkImages, network_file};
use crate::feed::padding;
use crate::latent::draw::{BATCH, NoiseMode, draw, styles};
use crate::metrics::path_length::{STEP, interval};
use crate::nets::Noise;
use crate::nets::class::{class_number, one_hot};
use crate::nets::weights::{self, SavedNetwork};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::evaluate::{NetworkCurves, PathLength};
use crate::seed::RunSeed;

/// A network and the class of it that is looked at.
pub struct Opened {
    file: PathBuf,
    network: SavedNetwork,
    /// What the file says about the images.
    pub source: NetworkImages,
    class: Option<Tensor>,
    number: Option<i64>,
}

/// "Stopped while ...".
pub fn stopped() -> Problem {
    Problem::new(Kind::Interrupted, "stopped while evaluating").advice("run the same command again")
}

impl Opened {
    /// Reads what `path` means, a file or a folder.
    ///
    /// # Errors
    /// No usable network, or a class that it does not have.
    pub fn load(path: &Path, config: &EvaluateConfig, device: Device) -> Result<Self> {
        let file = network_file(path)?;
        let network = weights::load_image_network(&file, device)?;
        let source = NetworkImages::of(&network.description);
        let c_dim = network.generator.config().c_dim;
        let number = class_number(c_dim, &source.classes, config.class.as_ref(), "evaluate.class (--class)")?;
        let class = number.map(|number| one_hot(&[number], c_dim, device));
        Ok(Self { file, network, source, class, number })
    }

    /// Channels, height and width of its images.
    pub fn shape(&self) -> [usize; 3] {
        let channels = self.network.generator.config().channels as usize;
        [channels, self.source.padding.height, self.source.padding.width]
    }

    /// The images of the first `count` seeds, \[C, H, W\] each.
    ///
    /// # Errors
    /// Stopped on request.
    pub fn images(&self, count: usize, truncation: f64, observer: &dyn Observer) -> Result<Vec<Vec<f32>>> {
        let seeds: Vec<u32> = (0..count as u32).collect();
        let mut images = Vec::new();
        for chunk in seeds.chunks(BATCH) {
            if observer.stop_requested() {
                return Err(stopped());
            }
            let drawn = draw(&self.network.generator, chunk, self.class.as_ref(), truncation, NoiseMode::Const);
            let split = Image::drawn(&padding::crop(&self.source.padding, &drawn), &self.file)?;
            images.extend(split.into_iter().map(|image| image.pixels));
        }
        Ok(images)
    }

    /// What is known without real images: the path length in W at the beginnings of `paths` straight ways between
    /// latents (StyleGAN2's convention: W, end points, the whole image, the network's own noise).
    ///
    /// # Errors
    /// As the net that compares images, or stopped on request.
    pub fn curves(&self, eye: &Eye, paths: u64, seed: RunSeed, observer: &dyn Observer) -> Result<NetworkCurves> {
        let generator = &self.network.generator;
        let mut lengths = Vec::new();
        let all: Vec<u32> = (0..2 * paths as u32).collect();
        for chunk in all.chunks(BATCH) {
            if observer.stop_requested() {
                return Err(stopped());
            }
            let of = |odd: u32| chunk.iter().copied().filter(|seed| seed % 2 == odd).collect::<Vec<_>>();
            let [from, to] = [0, 1].map(|odd| styles(generator, &of(odd), self.class.as_ref(), 1.0));
            let near = &from + (&to - &from) * STEP;
            let images = [from, near].map(|w| {
                let drawn = tch::no_grad(|| generator.synthesis.forward(&w, &Noise::Const));
                padding::crop(&self.source.padding, &drawn)
            });
            let found = eye.between(&images[0], &images[1])?;
            lengths.extend(found.into_iter().map(|distance| distance / (STEP * STEP)));
        }
        let class = self
            .number
            .map(|number| self.source.classes.get(number as usize).cloned().unwrap_or_else(|| number.to_string()));
        let path_length = interval(&lengths, 2000, seed).map(|length| PathLength {
            name: eye.names.path_length.clone(),
            length,
            step: STEP,
        });
        Ok(NetworkCurves { sha256: self.network.sha256.clone(), class, path_length })
    }
}

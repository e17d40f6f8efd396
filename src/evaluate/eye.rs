//! The nets that look at images, and what values behind them may be called.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use super::config::EvaluateConfig;
use super::network::stopped;
use crate::digest::sha256;
use crate::files;
use crate::nets::features::clip::Clip;
use crate::nets::features::recognise::Architecture;
use crate::nets::features::{FeatureNet, FrechetFeatures, Pretrained, RandomVgg, published, squared_distance};
use crate::observer::Observer;
use crate::pickle::{read_clip, read_features, read_features_with_heads};
use crate::problem::{Problem, Result};

/// Images that pass through a net at a time.
const BATCH: i64 = 16;

/// Images that pass through CLIP at a time.
const CLIP_BATCH: usize = 4;

/// Digits of a file's hash in a name.
const DIGITS: usize = 12;

/// The two nets of an evaluation.
pub struct Eye {
    vectors: Vectors,
    pair: Box<dyn FeatureNet>,
    clip: Option<Clip>,
    /// Of CLIP's weights.
    clip_is_published: bool,
    /// Where they are.
    clip_file: Option<PathBuf>,
    /// Embeddings of images by the hash of their pixels: CLIP takes seconds for each, and the held-out ones stand in
    /// every table.
    embedded: RefCell<HashMap<String, Tensor>>,
    device: Device,
    /// What they are called.
    pub names: Names,
}

enum Vectors {
    Own(FrechetFeatures),
    File(Pretrained),
}

/// What is measured with which net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Net behind the distances between sets.
    pub features: String,
    /// Of the Frechet distance: "FID" only with the published weights.
    pub frechet: String,
    /// Of the cubic kernel distance: "KID" likewise.
    pub cubic: String,
    /// Net behind the distances between two images.
    pub perceptual: String,
    /// Of the distance between two images: "LPIPS (VGG16)" only with the published weights of net and layers.
    pub pair: String,
    /// Of the path length: "PPL" likewise, with VGG16.
    pub path_length: String,
    /// Of the distance by CLIP's embeddings: "CMMD" only with the published weights; absent without a file.
    pub clip: Option<String>,
}

impl Eye {
    /// Reads the files that the settings name, for images of `channels` channels.
    ///
    /// # Errors
    /// A file that is no net of the kind.
    pub fn open(config: &EvaluateConfig, channels: i64, device: Device) -> Result<Self> {
        let (vectors, features, frechet, cubic) = match &config.features {
            None => {
                let net = FrechetFeatures::new(channels, device);
                let name = net.name().to_owned();
                let own = |what: &str| format!("{what}, own random VGG-like net");
                (Vectors::Own(net), name, own("Frechet distance"), own("kernel distance (cubic)"))
            }
            Some(file) => {
                let net = read_features(file, device)?;
                let (told, standard) = told(&net, file)?;
                let fid = standard && net.architecture() == Architecture::FidInception && matches!(channels, 1 | 3);
                let named =
                    |fid_name: &str, what: &str| if fid { fid_name.to_owned() } else { format!("{what}, {told}") };
                let (frechet, cubic) = (named("FID", "Frechet distance"), named("KID", "kernel distance (cubic)"));
                (Vectors::File(net), told, frechet, cubic)
            }
        };
        let (pair, perceptual, pair_name, path_length): (Box<dyn FeatureNet>, _, _, _) = match &config.lpips {
            None => {
                let net = RandomVgg::new(channels, device);
                let perceptual = net.name().to_owned();
                let own = |what: &str| format!("{what}, own random VGG-like net");
                (Box::new(net), perceptual, own("perceptual distance"), own("path length in W"))
            }
            Some(file) => {
                let heads = config.lpips_weights.as_deref();
                let net = match heads {
                    Some(heads) => read_features_with_heads(file, heads, device)?,
                    None => read_features(file, device)?,
                };
                if matches!(net.architecture(), Architecture::InceptionV3 | Architecture::FidInception) {
                    return Err(Problem::input(file, net.architecture().title())
                        .expected("VGG16, AlexNet or SqueezeNet 1.1, whose layers LPIPS compares"));
                }
                let (told, standard) = told(&net, file)?;
                let weighed = match heads {
                    Some(heads) => published::lpips_weights(net.architecture(), &files::sha256(heads)?).is_some(),
                    None => false,
                };
                let lpips = standard && weighed && matches!(channels, 1 | 3);
                let told = if net.weighs_layers() && !weighed { format!("{told}, LPIPS weights") } else { told };
                let title = net.architecture().title();
                let pair = if lpips { format!("LPIPS ({title})") } else { format!("perceptual distance, {told}") };
                let ppl = lpips && net.architecture() == Architecture::Vgg16;
                let path = if ppl { "PPL (W, end points)".into() } else { format!("path length in W, {told}") };
                (Box::new(net), told, pair, path)
            }
        };
        let clip = config.clip.as_deref().map(|file| Ok::<_, Problem>((read_clip(file, device)?, file))).transpose()?;
        let clip_name = clip.as_ref().map(|(clip, file)| cmmd(clip, file, channels)).transpose()?;
        let (clip_name, clip_is_published) = clip_name.map_or((None, false), |(name, known)| (Some(name), known));
        let names = Names { features, frechet, cubic, perceptual, pair: pair_name, path_length, clip: clip_name };
        Ok(Self {
            vectors,
            pair,
            clip: clip.map(|(clip, _)| clip),
            clip_is_published,
            clip_file: config.clip.clone(),
            embedded: RefCell::default(),
            device,
            names,
        })
    }

    /// Whether CLIP's weights are the published ones; `None` without a CLIP.
    pub fn clip_is_published(&self) -> Option<bool> {
        self.clip.as_ref().map(|_| self.clip_is_published)
    }

    /// Whether the distances between sets are of the program's own net.
    pub fn is_own(&self) -> bool {
        matches!(self.vectors, Vectors::Own(_))
    }

    /// float64 \[N, F\] on the CPU of images \[N, C, H, W\] in -1..1.
    ///
    /// # Errors
    /// Stopped on request: a batch takes seconds with the largest net.
    pub fn vectors(&self, images: &Tensor, observer: &dyn Observer) -> Result<Tensor> {
        let batch = |images: Tensor| {
            if observer.stop_requested() {
                return Err(stopped());
            }
            let images = images.to_device(self.device);
            let vectors = match &self.vectors {
                Vectors::Own(net) => net.of(&images),
                // The published distance is one of pictures of 256 levels.
                Vectors::File(net) if net.architecture() == Architecture::FidInception => net.pooled(&levels(&images)),
                Vectors::File(net) => net.pooled(&images),
            };
            Ok(vectors.to_device(Device::Cpu).to_kind(Kind::Double))
        };
        Ok(Tensor::cat(&batches(images).map(batch).collect::<Result<Vec<_>>>()?, 0))
    }

    /// float64 \[N, F\] on the CPU, CLIP's embeddings of images \[N, C, H, W\] in -1..1; `None` without a CLIP.
    ///
    /// # Errors
    /// Stopped on request.
    pub fn embeddings(&self, images: &Tensor, observer: &dyn Observer) -> Result<Option<Tensor>> {
        let Some(clip) = &self.clip else { return Ok(None) };
        let hash = |at| {
            let pixels = Vec::<f32>::try_from(images.get(at).reshape([-1]))?;
            Ok(sha256(pixels.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()))
        };
        let hashes: Vec<String> = (0..images.size()[0]).map(hash).collect::<Result<_>>()?;
        let mut known = self.embedded.borrow_mut();
        let new = (0..).zip(&hashes).filter(|(_, hash)| !known.contains_key(*hash));
        let new: Vec<(&String, i64)> =
            new.map(|(at, hash)| (hash, at)).collect::<BTreeMap<_, _>>().into_iter().collect();
        for some in new.chunks(CLIP_BATCH) {
            if observer.stop_requested() {
                return Err(stopped());
            }
            let rows: Vec<i64> = some.iter().map(|(_, at)| *at).collect();
            let found = clip.embeddings(&images.index_select(0, &Tensor::from_slice(&rows)).to_device(self.device));
            let found = found.to_device(Device::Cpu).to_kind(Kind::Double);
            known.extend(some.iter().zip(0..).map(|((hash, _), row)| ((*hash).clone(), found.get(row))));
        }
        let all = Tensor::stack(&hashes.iter().map(|hash| &known[hash]).collect::<Vec<_>>(), 0);
        let fault = if !bool::try_from(all.isfinite().all())? {
            Some("embeddings of images that are NaN or infinite")
        } else if hashes.iter().any(|hash| *hash != hashes[0]) && bool::try_from(all.eq_tensor(&all.get(0)).all())? {
            Some("the same embedding for all images")
        } else {
            None
        };
        match fault {
            Some(found) => Err(Problem::input(self.clip_file.clone().unwrap_or_default(), found)
                .expected("an encoder that tells images apart")
                .advice("look whether the file was converted whole: some of its tensors may be zeros")),
            None => Ok(Some(all)),
        }
    }

    /// Distance of each image to that at the same place: two \[N, C, H, W\] to N numbers.
    ///
    /// # Errors
    /// As the net.
    pub fn between(&self, a: &Tensor, b: &Tensor) -> Result<Vec<f64>> {
        let mut distances = Vec::new();
        for (a, b) in batches(a).zip(batches(b)) {
            let of = |images: Tensor| tch::no_grad(|| self.pair.features(&images.to_device(self.device)));
            let found = squared_distance(&of(a)?, &of(b)?).to_device(Device::Cpu).to_kind(Kind::Double);
            distances.extend(Vec::<f64>::try_from(found)?);
        }
        Ok(distances)
    }
}

/// Parts of a set.
fn batches(images: &Tensor) -> impl Iterator<Item = Tensor> + '_ {
    let count = images.size()[0];
    (0..count).step_by(BATCH as usize).map(move |at| images.narrow(0, at, BATCH.min(count - at)))
}

/// As a picture of eight bits has them.
fn levels(images: &Tensor) -> Tensor {
    ((images.clamp(-1.0, 1.0) + 1.0) * 127.5).round() / 127.5 - 1.0
}

/// What the distance by a CLIP's embeddings is called: CMMD (Jayasumana et al. 2024) is defined with OpenAI's weights
/// of ViT-L/14 at 336 px, and on colours or grey.
fn cmmd(clip: &Clip, file: &Path, channels: i64) -> Result<(String, bool)> {
    let sha256 = files::sha256(file)?;
    let title = clip.size().title();
    let known = published::clip(&sha256);
    let name = match (known, channels) {
        (Some(_), 1 | 3) => "CMMD".to_owned(),
        (Some(published), _) => format!("kernel distance (Gaussian, sigma 10) x 1000, {title} ({})", published.file),
        (None, _) => {
            format!("kernel distance (Gaussian, sigma 10) x 1000, {title} (weights sha256 {}..)", &sha256[..DIGITS])
        }
    };
    Ok((name, known.is_some()))
}

/// What a file's net is called, and whether its weights are the published ones.
fn told(net: &Pretrained, file: &Path) -> Result<(String, bool)> {
    let sha256 = files::sha256(file)?;
    let title = net.architecture().title();
    Ok(match published::weights(net.architecture(), &sha256) {
        Some(published) => (format!("{title} ({})", published.file), true),
        None => (format!("{title} (weights sha256 {}..)", &sha256[..DIGITS]), false),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn the_own_net_carries_no_published_name() {
        let eye = Eye::open(&EvaluateConfig::default(), 1, Device::Cpu).unwrap();
        let names = format!("{:?}", eye.names);
        assert!(["FID", "KID", "LPIPS", "PPL", "CMMD"].iter().all(|name| !names.contains(name)), "{names}");
        let images = Tensor::rand([19, 1, 16, 16], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        let vectors = eye.vectors(&images, &Silent).unwrap();
        assert_eq!((vectors.size()[0], vectors.kind()), (19, Kind::Double));
        let same = eye.between(&images, &images).unwrap();
        assert!(same.len() == 19 && same.iter().all(|distance| *distance == 0.0));
    }

    #[test]
    fn eight_bits_keep_the_ends_and_the_middle_within_a_level() {
        let images = Tensor::from_slice(&[-1.0f32, 0.0, 0.3, 1.0, 1.7]);
        let found: Vec<f32> = Vec::try_from(levels(&images)).unwrap();
        assert_eq!((found[0], found[3], found[4]), (-1.0, 1.0, 1.0));
        assert!((found[2] - 0.3).abs() <= 0.5 / 127.5 + 1e-6);
    }
}

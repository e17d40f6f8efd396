//! What all parts of an inversion work with: the network, its cloud of w, what images are compared by.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use super::config::InvertConfig;
use crate::digest;
use crate::engine::Place;
use crate::files;
use crate::latent::cloud::LatentCloud;
use crate::latent::seeds::RandomState;
use crate::nets::class::one_hot;
use crate::nets::features::{FeatureNet, squared_distance};
use crate::nets::{Generator, Noise, SavedNetwork};
use crate::observer::Observer;
use crate::problem::Result;
use crate::run_dir::InversionDir;
use crate::seed::RunSeed;

/// Version of the procedure; what another one made is made again.
const PROCEDURE: u32 = 1;

/// Seed of the cloud's latents, as in the published projector.
const CLOUD_SEED: u32 = 123;

/// Images that are drawn or measured at a time.
pub(super) const CHUNK: i64 = 16;

/// The place where all of it is done.
pub(super) struct Bench<'a> {
    /// The network, frozen.
    pub generator: &'a Generator,
    /// Of w that random latents have, of all classes alike.
    pub cloud: LatentCloud,
    /// What images are compared by.
    pub features: &'a dyn FeatureNet,
    /// How.
    pub config: &'a InvertConfig,
    /// Of every draw.
    pub seed: RunSeed,
    /// Where it is computed.
    pub place: &'a Place,
    /// Where results go.
    pub dir: &'a InversionDir,
    /// Is told, and tells whether to stop.
    pub observer: &'a dyn Observer,
    /// What every result depends on: network, data, feature net.
    pub identity: Value,
    /// Whether a GPU records the steps of descents.
    pub graphs: bool,
    /// What the network's file holds beside the generator: for the files of tuned ones.
    pub file: &'a SavedNetwork,
    /// Of the data set's manifest.
    pub data_sha256: &'a str,
}

impl Bench<'_> {
    /// Where tensors are.
    pub fn device(&self) -> Device {
        self.generator.device()
    }

    /// Deviation of one number of w.
    pub fn unit(&self) -> f64 {
        (self.cloud.deviation() / (self.generator.config().w_dim as f64).sqrt()).max(1e-12)
    }

    /// Takes away the record and the sheets before anything is made anew: what lies in the folder is of an unfinished
    /// run then.
    ///
    /// # Errors
    /// They cannot be deleted.
    pub fn unpublish(&self) -> Result<()> {
        files::remove(&self.dir.record())?;
        InversionDir::SHEETS.iter().try_for_each(|side| files::remove(&self.dir.root().join(InversionDir::sheet(side))))
    }

    /// What a result called `what` is known by that depends on `more` beside the bench.
    pub fn key(&self, what: &str, more: &Value) -> String {
        digest::sha256(json!([PROCEDURE, what, self.identity, self.seed.0, more]).to_string())
    }

    /// `count` random w \[N, w_dim\], of random classes where there are some.
    pub fn random_w(&self, count: i64, stream: &mut ChaCha8Rng) -> Tensor {
        let &Self { generator, .. } = self;
        let (z_dim, c_dim) = (generator.config().z_dim, generator.config().c_dim);
        let values: Vec<f32> = StandardNormal.sample_iter(&mut *stream).take((count * z_dim) as usize).collect();
        let z = Tensor::from_slice(&values).view([count, z_dim]).to_device(self.device());
        let classes: Vec<i64> = (0..count).map(|_| stream.random_range(0..c_dim.max(1))).collect();
        let c = (c_dim > 0).then(|| one_hot(&classes, c_dim, self.device()));
        tch::no_grad(|| generator.mapping.forward(&z, c.as_ref()).select(1, 0).contiguous())
    }

    /// Mean squared difference of two batches of images \[N, C, R, R\] on -1..1, a scalar.
    pub fn l2(a: &Tensor, b: &Tensor) -> Tensor {
        (a - b).square().mean(Kind::Float)
    }

    /// Mean feature distance of two batches of images, a scalar.
    pub fn distance(&self, images: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let wanted = tch::no_grad(|| self.features.features(targets))?;
        Ok(squared_distance(&self.features.features(images)?, &wanted).mean(Kind::Float))
    }

    /// Feature distance of each pair, \[N\].
    pub fn distances(&self, images: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
        let mut all = Vec::new();
        for (images, targets) in images.split(CHUNK, 0).iter().zip(targets.split(CHUNK, 0)) {
            let found = tch::no_grad(|| {
                let [a, b] = [images, &targets].map(|images| self.features.features(images));
                Result::Ok(squared_distance(&a?, &b?).to_kind(Kind::Double))
            })?;
            all.extend(Vec::<f64>::try_from(found.to_device(Device::Cpu))?);
        }
        Ok(all)
    }
}

/// The cloud of a network: of all its classes alike.
pub(super) fn cloud(generator: &Generator, count: i64) -> LatentCloud {
    let c_dim = generator.config().c_dim;
    if c_dim == 0 {
        return LatentCloud::sample(generator, count, None);
    }
    let samples = tch::no_grad(|| {
        let z = RandomState::new(CLOUD_SEED).randn(count, generator.config().z_dim).to_device(generator.device());
        let classes: Vec<i64> = (0..count).map(|at| at % c_dim).collect();
        let c = one_hot(&classes, c_dim, generator.device());
        generator.mapping.forward(&z, Some(&c)).select(1, 0).contiguous()
    });
    LatentCloud::new(samples)
}

/// ws \[N, num_ws, w_dim\] of w \[N, L, w_dim\], L 1 or as many as there are.
pub(super) fn widened(generator: &Generator, w: &Tensor) -> Tensor {
    w.expand([-1, generator.synthesis.num_ws(), -1], false)
}

/// Images \[N, C, R, R\] of w \[N, L, w_dim\] with the network's own noise.
pub(super) fn drawn(generator: &Generator, w: &Tensor) -> Tensor {
    generator.synthesis.forward(&widened(generator, w), &Noise::Const)
}

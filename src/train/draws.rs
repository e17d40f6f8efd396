//! Everything random about a training phase, drawn before anything is computed: what is computed is then a plain
//! function, and can be held against another implementation.
//!
//! What belongs to one image comes from a stream of its own, so that a replica draws its images alone; what is decided
//! over the batch (augmentation, replacements of dead codes) from one stream, by every replica alike.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Tensor};

use super::Rows;

use super::config::{Loss, Resolved};
use super::schedule::Phase;
use crate::augment::params::BatchSize;
use crate::augment::{AugmentParams, VolumesSize};
use crate::nets::Generator;
use crate::nets::class::one_hot;
use crate::seed::RunSeed;

/// The path-length phase takes this part of the batch.
const PATH_LENGTH_SHRINK: u64 = 2;

/// Latents, classes, style mixing and noise of a batch of generated images.
#[derive(Debug)]
pub struct FakeDraws {
    /// \[N, z_dim\].
    pub z: Tensor,
    /// One-hot \[N, c_dim\]; absent without classes.
    pub c: Option<Tensor>,
    /// Second latents; absent where no styles are mixed.
    pub mixing: Option<Mixing>,
    /// One \[N, 1, r, r\] for each styled convolution, of volumes \[N, 1, r, r, r\].
    pub noise: Vec<Tensor>,
}

/// Style mixing (StyleGAN, section 3.1).
#[derive(Debug)]
pub struct Mixing {
    /// int64 \[N\]: layer from which an image takes its second latent; the number of layers keeps the first throughout.
    pub cutoffs: Tensor,
    /// \[N, z_dim\].
    pub z: Tensor,
}

/// What draws depend on beside the settings.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Of the present attempt.
    pub seed: RunSeed,
    /// Step, counted from 0.
    pub step: u64,
    /// Augmentation probability.
    pub p: f64,
    /// Images that are drawn.
    pub rows: Rows,
}

/// All draws of one phase.
#[derive(Debug)]
pub enum Draws {
    /// Of [`Phase::GeneratorMain`].
    GeneratorMain {
        /// Latents of the generated images.
        fakes: FakeDraws,
        /// Of the generated images.
        augment: AugmentParams,
        /// Of the real images that a relativistic loss holds them to.
        augment_reals: Option<AugmentParams>,
        /// Share of the images that is learnt from; absent where it is all of them throughout.
        share: Option<f64>,
    },
    /// Of [`Phase::GeneratorPathLength`].
    GeneratorPathLength {
        /// Latents of the generated images.
        fakes: FakeDraws,
        /// Standard normals of the images' shape, their direction.
        direction: Tensor,
    },
    /// Of [`Phase::DiscriminatorMain`].
    DiscriminatorMain {
        /// Latents of the generated images.
        fakes: FakeDraws,
        /// Of the generated images.
        augment_fakes: AugmentParams,
        /// Of the real images.
        augment_reals: AugmentParams,
        /// Weight of LeCam regularisation; absent where there is none throughout.
        lecam: Option<f64>,
        /// For each quantised block positions of the features that take the place of dead codes, \[codes\].
        picks: Vec<Tensor>,
    },
    /// Of [`Phase::DiscriminatorR1`].
    DiscriminatorR1 {
        /// Of the real images.
        augment: AugmentParams,
        /// Generated images, where their gradient is penalised, too, and their augmentation.
        fakes: Option<(FakeDraws, AugmentParams)>,
    },
}

impl Draws {
    /// Draws for `phase` at a `moment` of the run, on the host: of the moment's rows what each image has of its own,
    /// of the whole batch the augmentation.
    pub fn sample(phase: Phase, settings: &Resolved, generator: &Generator, moment: Moment) -> Self {
        let (batch, objective) = (settings.batch, &settings.objective);
        let images = moment.step * batch;
        let mut whole = moment.seed.stream(names(phase).batch, moment.step);
        let mut augment = || augment(settings, moment.p, &mut whole);
        let fakes = |batch: u64| Fakes { settings, generator, streams: moment.streams(phase, batch, settings) };
        match phase {
            Phase::GeneratorMain => Self::GeneratorMain {
                fakes: fakes(batch).sample(),
                augment: augment(),
                augment_reals: (objective.loss == Loss::Relativistic).then(&mut augment),
                share: objective.share_at(images),
            },
            Phase::GeneratorPathLength => {
                let mut fakes = fakes((batch / PATH_LENGTH_SHRINK).max(1));
                let of_one = settings.generator.images(1);
                Self::GeneratorPathLength { fakes: fakes.sample(), direction: normal(&of_one[1..], &mut fakes.streams) }
            }
            Phase::DiscriminatorMain => Self::DiscriminatorMain {
                fakes: fakes(batch).sample(),
                augment_fakes: augment(),
                augment_reals: augment(),
                lecam: objective.lecam_at(images),
                picks: picks(settings, &mut whole),
            },
            Phase::DiscriminatorR1 => Self::DiscriminatorR1 {
                augment: augment(),
                fakes: objective.r2.then(|| (fakes(batch).sample(), augment())),
            },
        }
    }

    /// The phase that they are for.
    pub fn phase(&self) -> Phase {
        match self {
            Self::GeneratorMain { .. } => Phase::GeneratorMain,
            Self::GeneratorPathLength { .. } => Phase::GeneratorPathLength,
            Self::DiscriminatorMain { .. } => Phase::DiscriminatorMain,
            Self::DiscriminatorR1 { .. } => Phase::DiscriminatorR1,
        }
    }
}

/// Names of the random streams of a phase.
struct Names {
    /// One for each image, numbered through all steps.
    image: &'static str,
    /// One for each step.
    batch: &'static str,
}

fn names(phase: Phase) -> Names {
    let (image, batch) = match phase {
        Phase::GeneratorMain => ("train.generator-main", "train.generator-main/batch"),
        Phase::GeneratorPathLength => ("train.generator-path-length", "train.generator-path-length/batch"),
        Phase::DiscriminatorMain => ("train.discriminator-main", "train.discriminator-main/batch"),
        Phase::DiscriminatorR1 => ("train.discriminator-r1", "train.discriminator-r1/batch"),
    };
    Names { image, batch }
}

impl Moment {
    /// One for each own image of `images` at this step.
    fn streams(&self, phase: Phase, images: u64, settings: &Resolved) -> Vec<ChaCha8Rng> {
        let first = self.step * settings.batch;
        let stream = |image: u64| self.seed.stream(names(phase).image, first + image);
        self.rows.positions(images).into_iter().map(stream).collect()
    }
}

/// What generated images are drawn by.
struct Fakes<'a> {
    settings: &'a Resolved,
    generator: &'a Generator,
    /// One an image.
    streams: Vec<ChaCha8Rng>,
}

impl Fakes<'_> {
    fn sample(&mut self) -> FakeDraws {
        let Self { settings, generator, streams } = self;
        let z_dim = settings.generator.z_dim;
        let z = normal(&[z_dim], streams);
        let c = classes(&settings.fake_classes, streams);
        let mixing = (settings.style_mixing > 0.0).then(|| {
            let layers = settings.generator.num_ws();
            let cutoff = |draws: &mut ChaCha8Rng| {
                if draws.random_bool(settings.style_mixing) { draws.random_range(1..layers) } else { layers }
            };
            let cutoffs: Vec<i64> = streams.iter_mut().map(cutoff).collect();
            Mixing { cutoffs: Tensor::from_slice(&cutoffs), z: normal(&[z_dim], streams) }
        });
        let dimensions = settings.generator.dimensions;
        let map = |side: i64| -> Vec<i64> { std::iter::once(1).chain((0..dimensions).map(|_| side)).collect() };
        let shapes = generator.synthesis.noise_shapes();
        let noise = shapes.into_iter().map(|(_, side)| normal(&map(side), streams)).collect();
        FakeDraws { z, c, mixing, noise }
    }
}

/// One-hot classes drawn with `shares`; `None` where there are none.
fn classes(shares: &[f64], streams: &mut [ChaCha8Rng]) -> Option<Tensor> {
    (!shares.is_empty()).then(|| {
        let drawn: Vec<i64> = streams.iter_mut().map(|draws| class_at(shares, draws.random())).collect();
        one_hot(&drawn, shares.len() as i64, Device::Cpu)
    })
}

/// The class at `quantile` (0..1) of the classes laid side by side, each as wide as its share.
pub fn class_at(shares: &[f64], quantile: f64) -> i64 {
    let mut left = quantile;
    let chosen = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    // The shares' rounded sum may be a little below 1.
    chosen.unwrap_or(shares.len() - 1) as i64
}

fn augment(settings: &Resolved, p: f64, draws: &mut impl Rng) -> AugmentParams {
    let net = &settings.generator;
    let side = net.resolution as usize;
    if net.dimensions == 3 {
        let size = VolumesSize { volumes: settings.batch as usize, channels: net.channels as usize, side };
        return AugmentParams::sample_volumes(draws, p, &settings.augment, size);
    }
    let size =
        BatchSize { images: settings.batch as usize, channels: net.channels as usize, height: side, width: side };
    AugmentParams::sample(draws, p, &settings.augment, size)
}

/// Positions for dead codes, which the layer takes modulo its number of places; small enough for float32, by way of
/// which a GPU gets them.
fn picks(settings: &Resolved, draws: &mut impl Rng) -> Vec<Tensor> {
    let Some(quantise) = &settings.discriminator.quantise else {
        return Vec::new();
    };
    let mut of_a_block = || {
        let picks: Vec<i64> = (0..quantise.codes).map(|_| draws.random_range(0..1 << 24)).collect();
        Tensor::from_slice(&picks)
    };
    quantise.sides.iter().map(|_| of_a_block()).collect()
}

/// Standard normal draws, float32, of this shape from each stream.
fn normal(of_one: &[i64], streams: &mut [ChaCha8Rng]) -> Tensor {
    let count = of_one.iter().product::<i64>() as usize;
    let mut values: Vec<f32> = Vec::with_capacity(count * streams.len());
    for draws in &mut *streams {
        values.extend(Distribution::<f32>::sample_iter(StandardNormal, draws).take(count));
    }
    let shape: Vec<i64> = std::iter::once(streams.len() as i64).chain(of_one.iter().copied()).collect();
    Tensor::from_slice(&values).reshape(&shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn classes_come_as_often_as_their_shares() {
        let mut streams: Vec<_> = (0..4000).map(|image| RunSeed(3).stream("classes", image)).collect();
        let drawn = classes(&[0.25, 0.0, 0.75], &mut streams).unwrap();
        let counts = Vec::<f64>::try_from(drawn.sum_dim_intlist([0i64].as_slice(), false, Kind::Double)).unwrap();
        assert_eq!((counts[1], counts.iter().sum::<f64>()), (0.0, 4000.0));
        assert!((counts[0] - 1000.0).abs() < 110.0, "{counts:?}");
        assert!(classes(&[], &mut streams).is_none());
    }
}

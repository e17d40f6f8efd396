//! Everything random about a training phase, drawn before anything is computed: what is computed is then a plain
//! function, and can be held against another implementation.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Tensor};

use super::config::{Loss, Resolved};
use super::schedule::Phase;
use crate::augment::params::BatchSize;
use crate::augment::{AugmentParams, VolumesSize};
use crate::nets::Generator;
use crate::nets::class::one_hot;

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
    /// Augmentation probability.
    pub p: f64,
    /// Real images shown before the step.
    pub images: u64,
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
    /// Draws for `phase` at a `moment` of the run, on the host.
    pub fn sample(
        phase: Phase,
        settings: &Resolved,
        generator: &Generator,
        moment: Moment,
        draws: &mut impl Rng,
    ) -> Self {
        let (batch, objective) = (settings.batch, &settings.objective);
        let Moment { p, images } = moment;
        match phase {
            Phase::GeneratorMain => Self::GeneratorMain {
                fakes: FakeDraws::sample(settings, generator, batch, draws),
                augment: augment(settings, p, draws),
                augment_reals: (objective.loss == Loss::Relativistic).then(|| augment(settings, p, draws)),
                share: objective.share_at(images),
            },
            Phase::GeneratorPathLength => {
                let batch = (batch / PATH_LENGTH_SHRINK).max(1);
                let net = &settings.generator;
                let shape = net.images(batch as i64);
                Self::GeneratorPathLength {
                    fakes: FakeDraws::sample(settings, generator, batch, draws),
                    direction: normal(&shape, draws),
                }
            }
            Phase::DiscriminatorMain => Self::DiscriminatorMain {
                fakes: FakeDraws::sample(settings, generator, batch, draws),
                augment_fakes: augment(settings, p, draws),
                augment_reals: augment(settings, p, draws),
                lecam: objective.lecam_at(images),
                picks: picks(settings, draws),
            },
            Phase::DiscriminatorR1 => Self::DiscriminatorR1 {
                augment: augment(settings, p, draws),
                fakes: objective
                    .r2
                    .then(|| (FakeDraws::sample(settings, generator, batch, draws), augment(settings, p, draws))),
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

impl FakeDraws {
    fn sample(settings: &Resolved, generator: &Generator, batch: u64, draws: &mut impl Rng) -> Self {
        let count = batch as i64;
        let shape = [count, settings.generator.z_dim];
        let z = normal(&shape, draws);
        let c = classes(&settings.fake_classes, batch, draws);
        let mixing = (settings.style_mixing > 0.0).then(|| {
            let layers = settings.generator.num_ws();
            let cutoffs: Vec<i64> = (0..batch)
                .map(|_| if draws.random_bool(settings.style_mixing) { draws.random_range(1..layers) } else { layers })
                .collect();
            Mixing { cutoffs: Tensor::from_slice(&cutoffs), z: normal(&shape, draws) }
        });
        let shapes = generator.synthesis.noise_shapes();
        let dimensions = settings.generator.dimensions;
        let maps = |side: i64| -> Vec<i64> { [count, 1].into_iter().chain((0..dimensions).map(|_| side)).collect() };
        let noise = shapes.into_iter().map(|(_, side)| normal(&maps(side), draws)).collect();
        Self { z, c, mixing, noise }
    }
}

/// One-hot classes drawn with `shares`; `None` where there are none.
fn classes(shares: &[f64], batch: u64, draws: &mut impl Rng) -> Option<Tensor> {
    (!shares.is_empty()).then(|| {
        let drawn: Vec<i64> = (0..batch).map(|_| class_at(shares, draws.random())).collect();
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

/// Standard normal draws, float32.
fn normal(shape: &[i64], draws: &mut impl Rng) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    let values: Vec<f32> = StandardNormal.sample_iter(draws).take(count).collect();
    Tensor::from_slice(&values).reshape(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;
    use tch::Kind;

    #[test]
    fn classes_come_as_often_as_their_shares() {
        let mut draws = RunSeed(3).stream("classes", 0);
        let drawn = classes(&[0.25, 0.0, 0.75], 4000, &mut draws).unwrap();
        let counts = Vec::<f64>::try_from(drawn.sum_dim_intlist([0i64].as_slice(), false, Kind::Double)).unwrap();
        assert_eq!((counts[1], counts.iter().sum::<f64>()), (0.0, 4000.0));
        assert!((counts[0] - 1000.0).abs() < 110.0, "{counts:?}");
        assert!(classes(&[], 4, &mut draws).is_none());
    }
}

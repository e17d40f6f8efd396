//! One function per training phase: run the networks, take the gradient, step the optimiser.
//!
//! Each phase draws from a stream of its own name and step, never from libtorch's shared generator, so that it
//! repeats wherever training was interrupted and whatever else the process does.

use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

use super::adam::{Adam, AdamConfig};
use super::config::{Resolved, Symmetry};
use super::draws::{Draws, FakeDraws, Mixing};
use super::schedule::{Phase, lazy_optimiser};
use super::state::TrainState;
use super::stats::Quantity;
use super::{RealBatch, loss};
use crate::augment::{self, AugmentParams};
use crate::nets::{Generator, Noise};
use crate::seed::RunSeed;

/// Share of a batch's mean w in w_avg, complement of.
const W_AVG_BETA: f64 = 0.995;

/// Share of a batch's mean in the running path length.
const PATH_LENGTH_DECAY: f64 = 0.01;

/// What the phases of one step share.
pub struct Step<'a> {
    pub settings: &'a Resolved,
    /// Of the current attempt (another after each rollback).
    pub seed: RunSeed,
    /// Counted from 0.
    pub index: u64,
    /// Factor on the learning rates (halved by each rollback).
    pub learning_rate_scale: f64,
    /// Real images of the step.
    pub reals: &'a RealBatch,
}

/// Runs one phase; returns loss + squared norm of the gradient, float64: where that is finite, so are the gradient,
/// Adam's moments and the new weights.
pub fn run(phase: Phase, state: &mut TrainState, step: &Step<'_>) -> Tensor {
    let mut stream = step.seed.stream(stream(phase), step.index);
    let draws = Draws::sample(phase, step.settings, &state.generator, state.ada.p, &mut stream);
    descend_with(&draws, state, step)
}

/// Runs the phase that `draws` are of; returns what [`run`] does.
pub fn descend_with(draws: &Draws, state: &mut TrainState, step: &Step<'_>) -> Tensor {
    match draws {
        Draws::GeneratorMain { fakes, augment } => generator_main(state, step, fakes, augment),
        Draws::GeneratorPathLength { fakes, direction } => generator_path_length(state, step, fakes, direction),
        Draws::DiscriminatorMain { fakes, augment_fakes, augment_reals } => {
            discriminator_main(state, step, fakes, [augment_fakes, augment_reals])
        }
        Draws::DiscriminatorR1 { augment } => discriminator_r1(state, step, augment),
    }
}

fn generator_main(state: &mut TrainState, step: &Step<'_>, fakes: &FakeDraws, augment: &AugmentParams) -> Tensor {
    let ws = latents(&mut state.generator, fakes);
    let images = augment::apply(&state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise)), augment);
    let logits = state.discriminator.forward(&images, fakes.c.as_ref());
    let loss = loss::generator_logistic(&logits);
    state.tick_sums.add(Quantity::LossGenerator, &loss);
    descend(&mut state.generator_adam, &loss, 1.0, &generator_optimiser(step))
}

fn generator_path_length(state: &mut TrainState, step: &Step<'_>, fakes: &FakeDraws, direction: &Tensor) -> Tensor {
    let ws = latents(&mut state.generator, fakes);
    let images = state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise));
    let pixels = (images.size()[2] * images.size()[3]) as f64;
    let projected = (images * (direction / pixels.sqrt())).sum(Kind::Float);
    let gradient = Tensor::run_backward(&[projected], &[&ws], true, true);
    let lengths = loss::path_lengths(&gradient[0]);
    let mean = loss::path_length_mean(&state.path_length_mean, &lengths, PATH_LENGTH_DECAY);
    let loss = loss::path_length_penalty(&lengths, &mean, step.settings.path_length_weight);
    state.path_length_mean = mean.detach();
    state.tick_sums.add(Quantity::PathLength, &lengths);
    let gain = step.settings.lazy.gain(Phase::GeneratorPathLength);
    descend(&mut state.generator_adam, &loss, gain, &generator_optimiser(step))
}

fn discriminator_main(
    state: &mut TrainState,
    step: &Step<'_>,
    fakes: &FakeDraws,
    [augment_fakes, augment_reals]: [&AugmentParams; 2],
) -> Tensor {
    let images = tch::no_grad(|| {
        let ws = latents(&mut state.generator, fakes);
        augment::apply(&state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise)), augment_fakes)
    });
    let reals = augment::apply(&step.reals.pixels, augment_reals);
    let both = [(&images, fakes.c.as_ref()), (&reals, step.reals.classes.as_ref())];
    let [fake_logits, real_logits] = state.discriminator.forward_both(both);
    let loss = loss::discriminator_logistic(&fake_logits, &real_logits);
    state.tick_sums.add(Quantity::LossDiscriminator, &loss);
    let signs = real_logits.detach().sign();
    state.tick_sums.add(Quantity::RealSign, &signs);
    let sum = signs.sum(Kind::Double);
    state.ada_signal += Tensor::stack(&[sum.shallow_clone(), sum.full_like(signs.numel() as f64)], 0);
    descend(&mut state.discriminator_adam, &loss, 1.0, &discriminator_optimiser(step))
}

fn discriminator_r1(state: &mut TrainState, step: &Step<'_>, augment: &AugmentParams) -> Tensor {
    // The penalty is on the discriminator's own input: the augmented image.
    let images = augment::apply(&step.reals.pixels, augment).detach().set_requires_grad(true);
    let logits = state.discriminator.forward(&images, step.reals.classes.as_ref());
    let gradient = Tensor::run_backward(&[logits.sum(Kind::Float)], &[&images], true, true);
    let loss = loss::r1_penalty(&gradient[0], step.settings.r1_gamma);
    state.tick_sums.add(Quantity::R1, &loss);
    let gain = step.settings.lazy.gain(Phase::DiscriminatorR1);
    descend(&mut state.discriminator_adam, &loss, gain, &discriminator_optimiser(step))
}

/// One optimiser step down `gain` x `loss`.
fn descend(adam: &mut Adam, loss: &Tensor, gain: f64, config: &AdamConfig) -> Tensor {
    let scaled = loss * gain;
    let gradients = Tensor::run_backward(&[&scaled], adam.parameters(), false, false);
    let gradient = adam.flatten(&gradients);
    adam.step(&gradient, config);
    gradient.square().sum(Kind::Double) + loss.detach()
}

/// ws \[batch, num_ws, w_dim\], some mixed of two; moves w_avg.
fn latents(generator: &mut Generator, draws: &FakeDraws) -> Tensor {
    let ws = generator.mapping.forward(&draws.z, draws.c.as_ref());
    generator.mapping.update_w_avg(&ws.detach(), W_AVG_BETA);
    let Some(Mixing { cutoffs, z }) = &draws.mixing else {
        return ws;
    };
    let (batch, layers) = (ws.size()[0], ws.size()[1]);
    let layer = Tensor::arange(layers, (Kind::Int64, ws.device())).view([1, layers, 1]);
    let second = generator.mapping.forward(z, draws.c.as_ref());
    ws.where_self(&layer.less_tensor(&cutoffs.view([batch, 1, 1])), &second)
}

/// Each image turned by a random element of the symmetry group that the data are declared to have.
pub fn symmetric(images: &Tensor, symmetry: Symmetry, draws: &mut impl Rng) -> Tensor {
    let count = images.size()[0];
    let mut chosen = || {
        let picks: Vec<bool> = (0..count).map(|_| draws.random_bool(0.5)).collect();
        Tensor::from_slice(&picks).to_device(images.device()).view([count, 1, 1, 1])
    };
    let mirrored = |images: &Tensor, picks: Tensor| images.flip([3]).where_self(&picks, images);
    match symmetry {
        Symmetry::None => images.shallow_clone(),
        Symmetry::Mirror => mirrored(images, chosen()),
        Symmetry::Dihedral => {
            let images = mirrored(images, chosen());
            let images = images.flip([2]).where_self(&chosen(), &images);
            images.transpose(2, 3).where_self(&chosen(), &images)
        }
    }
}

fn generator_optimiser(step: &Step<'_>) -> AdamConfig {
    optimiser(step, step.settings.lazy.path_length_every)
}

fn discriminator_optimiser(step: &Step<'_>) -> AdamConfig {
    optimiser(step, step.settings.lazy.r1_every)
}

fn optimiser(step: &Step<'_>, regularised_every: u64) -> AdamConfig {
    let rate = step.settings.learning_rate * step.learning_rate_scale;
    let (learning_rate, betas) = lazy_optimiser(rate, step.settings.betas, regularised_every);
    AdamConfig { learning_rate, betas, epsilon: step.settings.epsilon }
}

fn stream(phase: Phase) -> &'static str {
    match phase {
        Phase::GeneratorMain => "train.generator-main",
        Phase::GeneratorPathLength => "train.generator-path-length",
        Phase::DiscriminatorMain => "train.discriminator-main",
        Phase::DiscriminatorR1 => "train.discriminator-r1",
    }
}

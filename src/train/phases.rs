//! One function per training phase: draw, run the networks, take the gradient, step the optimiser.
//!
//! Each phase draws from a stream of its own name and step, never from libtorch's shared generator, so that it
//! repeats wherever training was interrupted and whatever else the process does.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Kind, Tensor};

use super::adam::{Adam, AdamConfig};
use super::config::{Resolved, Symmetry};
use super::loss;
use super::schedule::{Phase, lazy_optimiser};
use super::state::TrainState;
use super::stats::Quantity;
use crate::augment::params::BatchSize;
use crate::augment::{self, AugmentParams};
use crate::nets::{Generator, Noise};
use crate::seed::RunSeed;

/// Adam's epsilon.
const EPSILON: f64 = 1e-8;

/// Share of a batch's mean w in w_avg, complement of.
const W_AVG_BETA: f64 = 0.995;

/// Share of a batch's mean in the running path length.
const PATH_LENGTH_DECAY: f64 = 0.01;

/// The path-length phase takes this part of the batch.
const PATH_LENGTH_SHRINK: u64 = 2;

/// What the phases of one step share.
pub struct Step<'a> {
    pub settings: &'a Resolved,
    /// Of the current attempt (another after each rollback).
    pub seed: RunSeed,
    /// Counted from 0.
    pub index: u64,
    /// Factor on the learning rates (halved by each rollback).
    pub learning_rate_scale: f64,
    /// Real images of the step \[batch, C, H, W\].
    pub reals: &'a Tensor,
}

/// Runs one phase; returns loss + squared norm of the gradient, float64: where that is finite, so are the gradient,
/// Adam's moments and the new weights.
pub fn run(phase: Phase, state: &mut TrainState, step: &Step<'_>) -> Tensor {
    let mut draws = step.seed.stream(stream(phase), step.index);
    match phase {
        Phase::GeneratorMain => generator_main(state, step, &mut draws),
        Phase::GeneratorPathLength => generator_path_length(state, step, &mut draws),
        Phase::DiscriminatorMain => discriminator_main(state, step, &mut draws),
        Phase::DiscriminatorR1 => discriminator_r1(state, step, &mut draws),
    }
}

fn generator_main(state: &mut TrainState, step: &Step<'_>, draws: &mut impl Rng) -> Tensor {
    let ws = latents(&mut state.generator, step, step.settings.batch, draws);
    let fakes = synthesise(&state.generator, &ws, draws);
    let logits = state.discriminator.forward(&augmented(&fakes, state.ada.p, step, draws), None);
    let loss = loss::generator_logistic(&logits);
    state.tick_sums.add(Quantity::LossGenerator, &loss);
    descend(&mut state.generator_adam, &loss, 1.0, &generator_optimiser(step))
}

fn generator_path_length(state: &mut TrainState, step: &Step<'_>, draws: &mut impl Rng) -> Tensor {
    let batch = (step.settings.batch / PATH_LENGTH_SHRINK).max(1);
    let ws = latents(&mut state.generator, step, batch, draws);
    let fakes = synthesise(&state.generator, &ws, draws);
    let pixels = (fakes.size()[2] * fakes.size()[3]) as f64;
    let noise = normal(&fakes.size(), fakes.device(), draws) / pixels.sqrt();
    let gradient = Tensor::run_backward(&[(fakes * noise).sum(Kind::Float)], &[&ws], true, true);
    let lengths = loss::path_lengths(&gradient[0]);
    state.path_length_mean = loss::path_length_mean(&state.path_length_mean, &lengths, PATH_LENGTH_DECAY).detach();
    let loss = loss::path_length_penalty(&lengths, &state.path_length_mean, step.settings.path_length_weight);
    state.tick_sums.add(Quantity::PathLength, &lengths);
    let gain = step.settings.lazy.gain(Phase::GeneratorPathLength);
    descend(&mut state.generator_adam, &loss, gain, &generator_optimiser(step))
}

fn discriminator_main(state: &mut TrainState, step: &Step<'_>, draws: &mut impl Rng) -> Tensor {
    let fakes = tch::no_grad(|| {
        let ws = latents(&mut state.generator, step, step.settings.batch, draws);
        synthesise(&state.generator, &ws, draws)
    });
    let fake_logits = state.discriminator.forward(&augmented(&fakes, state.ada.p, step, draws), None);
    let real_logits = state.discriminator.forward(&augmented(step.reals, state.ada.p, step, draws), None);
    let loss = loss::discriminator_logistic(&fake_logits, &real_logits);
    state.tick_sums.add(Quantity::LossDiscriminator, &loss);
    let signs = real_logits.detach().sign();
    state.tick_sums.add(Quantity::RealSign, &signs);
    let sum = signs.sum(Kind::Double);
    state.ada_signal += Tensor::stack(&[sum.shallow_clone(), sum.full_like(signs.numel() as f64)], 0);
    descend(&mut state.discriminator_adam, &loss, 1.0, &discriminator_optimiser(step))
}

fn discriminator_r1(state: &mut TrainState, step: &Step<'_>, draws: &mut impl Rng) -> Tensor {
    // The penalty is on the discriminator's own input: the augmented image.
    let images = augmented(step.reals, state.ada.p, step, draws).detach().set_requires_grad(true);
    let logits = state.discriminator.forward(&images, None);
    let gradient = Tensor::run_backward(&[logits.sum(Kind::Float)], &[&images], true, true);
    let loss = loss::r1_penalty(&gradient[0], step.settings.r1_gamma);
    state.tick_sums.add(Quantity::R1, &loss);
    let gain = step.settings.lazy.gain(Phase::DiscriminatorR1);
    descend(&mut state.discriminator_adam, &loss, gain, &discriminator_optimiser(step))
}

fn augmented(images: &Tensor, p: f64, step: &Step<'_>, draws: &mut impl Rng) -> Tensor {
    let [count, channels, height, width] = [0, 1, 2, 3].map(|axis| images.size()[axis] as usize);
    let size = BatchSize { images: count, channels, height, width };
    augment::apply(images, &AugmentParams::sample(draws, p, &step.settings.augment, size))
}

/// One optimiser step down `gain` x `loss`.
fn descend(adam: &mut Adam, loss: &Tensor, gain: f64, config: &AdamConfig) -> Tensor {
    let scaled = loss * gain;
    let gradients = Tensor::run_backward(&[&scaled], adam.parameters(), false, false);
    let gradient = adam.flatten(&gradients);
    adam.step(&gradient, config);
    gradient.square().sum(Kind::Double) + loss.detach()
}

/// ws \[batch, num_ws, w_dim\] of fresh latents, some mixed of two (StyleGAN, section 3.1); moves w_avg.
fn latents(generator: &mut Generator, step: &Step<'_>, batch: u64, draws: &mut impl Rng) -> Tensor {
    let (batch, device) = (batch as i64, generator.device());
    let shape = [batch, step.settings.generator.z_dim];
    let ws = generator.mapping.forward(&normal(&shape, device, draws), None);
    generator.mapping.update_w_avg(&ws.detach(), W_AVG_BETA);
    if step.settings.style_mixing == 0.0 {
        return ws;
    }
    let layers = ws.size()[1];
    // Layer from which an image takes its second latent; `layers` keeps the first throughout.
    let cutoffs: Vec<i64> = (0..batch)
        .map(|_| match draws.random_bool(step.settings.style_mixing) {
            true => draws.random_range(1..layers),
            false => layers,
        })
        .collect();
    let cutoffs = Tensor::from_slice(&cutoffs).to_device(device).view([batch, 1, 1]);
    let layer = Tensor::arange(layers, (Kind::Int64, device)).view([1, layers, 1]);
    let second = generator.mapping.forward(&normal(&shape, device, draws), None);
    ws.where_self(&layer.less_tensor(&cutoffs), &second)
}

/// Images of `ws` with fresh noise in every layer.
fn synthesise(generator: &Generator, ws: &Tensor, draws: &mut impl Rng) -> Tensor {
    let (count, device) = (ws.size()[0], ws.device());
    let shapes = generator.synthesis.noise_shapes();
    let maps: Vec<Tensor> = shapes.iter().map(|(_, side)| normal(&[count, 1, *side, *side], device, draws)).collect();
    generator.synthesis.forward(ws, &Noise::Given(&maps))
}

/// Standard normal draws, float32.
fn normal(shape: &[i64], device: Device, draws: &mut impl Rng) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    let values: Vec<f32> = StandardNormal.sample_iter(draws).take(count).collect();
    Tensor::from_slice(&values).reshape(shape).to_device(device)
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
    AdamConfig { learning_rate, betas, epsilon: EPSILON }
}

fn stream(phase: Phase) -> &'static str {
    match phase {
        Phase::GeneratorMain => "train.generator-main",
        Phase::GeneratorPathLength => "train.generator-path-length",
        Phase::DiscriminatorMain => "train.discriminator-main",
        Phase::DiscriminatorR1 => "train.discriminator-r1",
    }
}

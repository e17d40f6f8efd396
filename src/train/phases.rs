//! One function per training phase: run the networks, take the gradient, step the optimiser. They compute from tensors of the
//! device alone and change tensors of the state in place, so that a GPU can record them.

use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

use super::config::{Resolved, Symmetry};
use super::draws::{FakeDraws, Mixing};
use super::inputs::Inputs;
use super::loss;
use super::schedule::{Phase, lazy_optimiser};
use super::state::TrainState;
use super::stats::Quantity;
use crate::augment::{AugmentTensors, carry_out};
use crate::nets::{Generator, Noise};
use crate::optim::adam::{Adam, AdamConfig};

/// Share of a batch's mean w in w_avg, complement of.
const W_AVG_BETA: f64 = 0.995;

/// Share of a batch's mean in the running path length.
const PATH_LENGTH_DECAY: f64 = 0.01;

/// Runs one phase and tells the state's probes how it went.
pub fn descend(phase: Phase, inputs: &Inputs, state: &mut TrainState, settings: &Resolved) {
    let probe = match phase {
        Phase::GeneratorMain => generator_main(inputs, state, settings),
        Phase::GeneratorPathLength => generator_path_length(inputs, state, settings),
        Phase::DiscriminatorMain => discriminator_main(inputs, state, settings),
        Phase::DiscriminatorR1 => discriminator_r1(inputs, state, settings),
    };
    state.probes.add(phase, &probe);
}

fn generator_main(inputs: &Inputs, state: &mut TrainState, settings: &Resolved) -> Tensor {
    let fakes = inputs.fakes();
    let ws = latents(&mut state.generator, fakes);
    let images = state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise));
    let logits = state.discriminator.forward(&augmented(&images, &inputs.augment_fakes), fakes.c.as_ref());
    let loss = loss::generator_logistic(&logits);
    state.tick_sums.add(Quantity::LossGenerator, &loss);
    step_down(&mut state.generator_adam, &loss, Phase::GeneratorMain, inputs, settings)
}

fn generator_path_length(inputs: &Inputs, state: &mut TrainState, settings: &Resolved) -> Tensor {
    let fakes = inputs.fakes();
    let ws = latents(&mut state.generator, fakes);
    let images = state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise));
    let pixels = (images.size()[2] * images.size()[3]) as f64;
    let direction = inputs.direction.as_ref().expect("the path-length phase has a direction");
    let projected = (images * (direction / pixels.sqrt())).sum(Kind::Float);
    let gradient = Tensor::run_backward(&[projected], &[&ws], true, true);
    let lengths = loss::path_lengths(&gradient[0]);
    let mean = loss::path_length_mean(&state.path_length_mean, &lengths, PATH_LENGTH_DECAY);
    let loss = loss::path_length_penalty(&lengths, &mean, settings.path_length_weight);
    state.tick_sums.add(Quantity::PathLength, &lengths);
    let probe = step_down(&mut state.generator_adam, &loss, Phase::GeneratorPathLength, inputs, settings);
    // After the gradient, which the mean of before has a part in.
    state.path_length_mean.copy_(&mean.detach());
    probe
}

fn discriminator_main(inputs: &Inputs, state: &mut TrainState, settings: &Resolved) -> Tensor {
    let (fakes, shown) = (inputs.fakes(), inputs.reals());
    let images = tch::no_grad(|| {
        let ws = latents(&mut state.generator, fakes);
        augmented(&state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise)), &inputs.augment_fakes)
    });
    let reals = augmented(&shown.pixels, &inputs.augment_reals);
    let both = [(&images, fakes.c.as_ref()), (&reals, shown.classes.as_ref())];
    let [fake_logits, real_logits] = state.discriminator.forward_both(both);
    let loss = loss::discriminator_logistic(&fake_logits, &real_logits);
    state.tick_sums.add(Quantity::LossDiscriminator, &loss);
    let signs = real_logits.detach().sign();
    state.tick_sums.add(Quantity::RealSign, &signs);
    let sum = signs.sum(Kind::Double);
    state.ada_signal += Tensor::stack(&[sum.shallow_clone(), sum.full_like(signs.numel() as f64)], 0);
    step_down(&mut state.discriminator_adam, &loss, Phase::DiscriminatorMain, inputs, settings)
}

fn discriminator_r1(inputs: &Inputs, state: &mut TrainState, settings: &Resolved) -> Tensor {
    let shown = inputs.reals();
    // The penalty is on the discriminator's own input: the augmented image.
    let images = augmented(&shown.pixels, &inputs.augment_reals).detach().set_requires_grad(true);
    let logits = state.discriminator.forward(&images, shown.classes.as_ref());
    let gradient = Tensor::run_backward(&[logits.sum(Kind::Float)], &[&images], true, true);
    let loss = loss::r1_penalty(&gradient[0], settings.r1_gamma);
    state.tick_sums.add(Quantity::R1, &loss);
    step_down(&mut state.discriminator_adam, &loss, Phase::DiscriminatorR1, inputs, settings)
}

fn augmented(images: &Tensor, operations: &Option<AugmentTensors>) -> Tensor {
    carry_out(images, operations.as_ref().expect("the phase augments"))
}

/// One optimiser step down the phase's gain x `loss`. Returns loss + squared norm of the gradient, float64: where that is
/// finite, so are the gradient, Adam's moments and the new weights.
fn step_down(adam: &mut Adam, loss: &Tensor, phase: Phase, inputs: &Inputs, settings: &Resolved) -> Tensor {
    let scaled = loss * settings.lazy.gain(phase);
    let gradients = Tensor::run_backward(&[&scaled], adam.parameters(), false, false);
    let gradient = adam.flatten(&gradients);
    adam.step(&gradient, &inputs.rates, &optimiser(phase, settings, 1.0)) + loss.detach()
}

/// Adam's settings for a phase; `rate_scale` is a factor on the learning rate.
pub(super) fn optimiser(phase: Phase, settings: &Resolved, rate_scale: f64) -> AdamConfig {
    let regularised_every = match phase {
        Phase::GeneratorMain | Phase::GeneratorPathLength => settings.lazy.path_length_every,
        Phase::DiscriminatorMain | Phase::DiscriminatorR1 => settings.lazy.r1_every,
    };
    let (learning_rate, betas) = lazy_optimiser(settings.learning_rate * rate_scale, settings.betas, regularised_every);
    AdamConfig { learning_rate, betas, epsilon: settings.epsilon }
}

/// ws \[batch, num_ws, w_dim\], some mixed of two; moves w_avg.
fn latents(generator: &mut Generator, draws: &FakeDraws) -> Tensor {
    let ws = generator.mapping.forward(&draws.z, draws.c.as_ref());
    generator.mapping.update_w_avg(&ws.detach(), W_AVG_BETA);
    let Some(Mixing { cutoffs, z }) = &draws.mixing else {
        return ws;
    };
    let (batch, layers) = (ws.size()[0], ws.size()[1]);
    let layer = Tensor::arange(layers, (cutoffs.kind(), ws.device())).view([1, layers, 1]);
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

//! One function per training phase: run the networks, take the gradient, step the optimiser. They compute from tensors
//! of the device alone and change tensors of the state in place, so that a GPU can record them.

use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

use super::RealBatch;
use super::config::{Loss, Resolved, Symmetry};
use super::draws::{FakeDraws, Mixing};
use super::inputs::{DiscriminatorMain, DiscriminatorR1, GeneratorMain, GeneratorPathLength, Inputs, OfPhase};
use super::loss::{self, PathLengthMeans};
use super::schedule::Phase;
use super::state::{Optimised, TrainState};
use super::stats::Quantity;
use crate::augment::{AugmentTensors, carry_out};
use crate::nets::{Generator, Mapping, Noise};
use crate::optim::Peers;
use crate::problem::Result;

/// Share of a batch's mean w in w_avg, complement of.
const W_AVG_BETA: f64 = 0.995;

/// Share of a batch's mean in the running means of logits (Tseng et al. 2021, section 4).
const LOGIT_MEAN_DECAY: f64 = 0.01;

/// What every phase needs besides its inputs and the state.
struct Shared<'a> {
    rates: &'a Tensor,
    settings: &'a Resolved,
    peers: &'a dyn Peers,
}

/// Runs one phase and tells the state's probes how it went.
///
/// # Errors
/// Another replica of the run has gone.
pub fn descend(inputs: &Inputs, state: &mut TrainState, settings: &Resolved, peers: &dyn Peers) -> Result<()> {
    let shared = &Shared { rates: &inputs.rates, settings, peers };
    let probe = match &inputs.of_phase {
        OfPhase::GeneratorMain(inputs) => generator_main(inputs, state, shared),
        OfPhase::GeneratorPathLength(inputs) => generator_path_length(inputs, state, shared),
        OfPhase::DiscriminatorMain(inputs) => discriminator_main(inputs, state, shared),
        OfPhase::DiscriminatorR1(inputs) => discriminator_r1(inputs, state, shared),
    }?;
    state.probes.add(inputs.phase(), &probe);
    Ok(())
}

fn generator_main(inputs: &GeneratorMain, state: &mut TrainState, shared: &Shared<'_>) -> Result<Tensor> {
    let GeneratorMain { fakes, augment, pairs, share } = inputs;
    let c = classes(fakes, pairs.as_ref().map(|(reals, _)| reals));
    let ws = latents(&mut state.generator, fakes, c, shared.peers)?;
    let images = state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise));
    let (logits, commitment) = state.discriminator.forward_quantised(&carry_out(&images, augment), c);
    let against = pairs.as_ref().map(|(reals, augment)| {
        tch::no_grad(|| state.discriminator.forward(&carry_out(&reals.pixels, augment), reals.classes.as_ref()))
    });
    let loss = match (share, against) {
        (None, None) => loss::generator_logistic(&logits),
        (None, Some(against)) => loss::relativistic(&logits, &against),
        (Some(share), against) => {
            let better = against.map_or_else(|| logits.shallow_clone(), |against| &logits - against);
            loss::mean_of_kept(&(-better).softplus(), &loss::most_realistic(&logits, c, share))
        }
    };
    state.tick_sums.add(Quantity::LossGenerator, &loss);
    let loss = committed(loss, commitment, shared.settings);
    step_down(Phase::GeneratorMain, &loss, state, shared)
}

fn generator_path_length(inputs: &GeneratorPathLength, state: &mut TrainState, shared: &Shared<'_>) -> Result<Tensor> {
    let GeneratorPathLength { fakes, direction } = inputs;
    let ws = latents(&mut state.generator, fakes, fakes.c.as_ref(), shared.peers)?;
    let images = state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise));
    let pixels = images.size()[2..].iter().product::<i64>() as f64;
    let projected = (images * (direction / pixels.sqrt())).sum(Kind::Float);
    let gradient = Tensor::run_backward(&[projected], &[&ws], true, true);
    let lengths = loss::path_lengths(&gradient[0]);
    let mut of_batch = lengths.detach().mean(Kind::Float);
    shared.peers.mean(&mut of_batch)?;
    let means = PathLengthMeans::after(&state.path_length_mean, of_batch);
    let loss = loss::path_length_penalty(&lengths, &means) * shared.settings.path_length_weight;
    state.tick_sums.add(Quantity::PathLength, &lengths);
    let probe = step_down(Phase::GeneratorPathLength, &loss, state, shared)?;
    state.path_length_mean.copy_(&means.running);
    Ok(probe)
}

fn discriminator_main(inputs: &DiscriminatorMain, state: &mut TrainState, shared: &Shared<'_>) -> Result<Tensor> {
    let DiscriminatorMain { fakes, augment_fakes, augment_reals, reals: shown, lecam, picks } = inputs;
    let relativistic = shared.settings.objective.loss == Loss::Relativistic;
    let c = classes(fakes, relativistic.then_some(shown));
    let images = shown_fakes((fakes, c, augment_fakes), state, shared)?;
    let reals = carry_out(&shown.pixels, augment_reals);
    let both = [(&images, c), (&reals, shown.classes.as_ref())];
    // What went by way of a GPU's fixed tensors is float32.
    let picks: Vec<Tensor> = picks.iter().map(|picks| picks.to_kind(Kind::Int64)).collect();
    let ([fake_logits, real_logits], commitment) = state.discriminator.forward_both_quantised(both, Some(&picks));
    let loss = match shared.settings.objective.loss {
        Loss::Logistic => loss::discriminator_logistic(&fake_logits, &real_logits),
        Loss::Relativistic => loss::relativistic(&real_logits, &fake_logits),
    };
    state.tick_sums.add(Quantity::LossDiscriminator, &loss);
    let loss = committed(loss, commitment, shared.settings);
    let loss = match lecam {
        Some(weight) => {
            let means = running_means(state, &real_logits, &fake_logits, shared.peers)?;
            loss + loss::lecam(&real_logits, &fake_logits, &means) * weight
        }
        None => loss,
    };
    state.tick_sums.add(Quantity::RealSign, &real_logits.detach().sign());
    step_down(Phase::DiscriminatorMain, &loss, state, shared)
}

fn discriminator_r1(inputs: &DiscriminatorR1, state: &mut TrainState, shared: &Shared<'_>) -> Result<Tensor> {
    let DiscriminatorR1 { augment, reals: shown, fakes } = inputs;
    let gamma = shared.settings.r1_gamma;
    // The penalty is on the discriminator's own input: the augmented image.
    let penalty = |state: &TrainState, images: Tensor, c: Option<&Tensor>| {
        let images = images.detach().set_requires_grad(true);
        let logits = state.discriminator.forward(&images, c);
        let gradient = Tensor::run_backward(&[logits.sum(Kind::Float)], &[&images], true, true);
        loss::r1_penalty(&gradient[0], gamma)
    };
    let loss = penalty(state, carry_out(&shown.pixels, augment), shown.classes.as_ref());
    state.tick_sums.add(Quantity::R1, &loss);
    let loss = match fakes {
        Some((fakes, augment)) => {
            let images = shown_fakes((fakes, fakes.c.as_ref(), augment), state, shared)?;
            loss + penalty(state, images, fakes.c.as_ref())
        }
        None => loss,
    };
    step_down(Phase::DiscriminatorR1, &loss, state, shared)
}

/// Of generated images: those of the real ones that they are held to, pair by pair, where there are some, else as
/// drawn.
fn classes<'a>(fakes: &'a FakeDraws, pairs: Option<&'a RealBatch>) -> Option<&'a Tensor> {
    pairs.map_or(fakes.c.as_ref(), |reals| reals.classes.as_ref())
}

/// Generated images of these draws and classes, augmented, as the discriminator is shown them: without gradient.
fn shown_fakes(
    (fakes, c, augment): (&FakeDraws, Option<&Tensor>, &AugmentTensors),
    state: &mut TrainState,
    shared: &Shared<'_>,
) -> Result<Tensor> {
    tch::no_grad(|| {
        let ws = latents(&mut state.generator, fakes, c, shared.peers)?;
        Ok(carry_out(&state.generator.synthesis.forward(&ws, &Noise::Given(&fakes.noise)), augment))
    })
}

/// The loss with what features are away from their codes.
fn committed(loss: Tensor, commitment: Option<Tensor>, settings: &Resolved) -> Tensor {
    match (commitment, settings.commitment) {
        (Some(distance), Some(weight)) => loss + distance * weight,
        _ => loss,
    }
}

/// Moves the running means of logits \[N, 1\] and returns those of real and of generated images, \[2\], free of the
/// zeros that they began with.
fn running_means(state: &mut TrainState, real: &Tensor, fake: &Tensor, peers: &dyn Peers) -> Result<Tensor> {
    let mean = |logits: &Tensor| logits.detach().mean(Kind::Float);
    let real = mean(real);
    let mut new = Tensor::stack(&[real.shallow_clone(), mean(fake), real.ones_like()], 0);
    peers.mean(&mut new)?;
    state.logit_means.copy_(&state.logit_means.lerp(&new, LOGIT_MEAN_DECAY));
    Ok(state.logit_means.narrow(0, 0, 2) / state.logit_means.get(2))
}

/// One optimiser step down the phase's gain x `loss`, by the gradient of all replicas. Returns loss + squared norm of
/// the gradient, float64: where that is finite, so are the gradient, Adam's moments and the new weights.
fn step_down(phase: Phase, loss: &Tensor, state: &mut TrainState, shared: &Shared<'_>) -> Result<Tensor> {
    let scaled = loss * shared.settings.lazy.gain(phase);
    let Optimised { flat, adam } = state.optimised(phase.trains());
    let mut gradient = flat.gradient(&scaled);
    shared.peers.mean(&mut gradient)?;
    Ok(adam.step(&gradient, shared.rates) + loss.detach())
}

/// ws \[batch, num_ws, w_dim\] of classes `c`, some mixed of two; moves w_avg.
fn latents(generator: &mut Generator, draws: &FakeDraws, c: Option<&Tensor>, peers: &dyn Peers) -> Result<Tensor> {
    let ws = generator.mapping.forward(&draws.z, c);
    let mut mean = Mapping::mean(&ws.detach());
    peers.mean(&mut mean)?;
    generator.mapping.update_w_avg(&mean, W_AVG_BETA);
    let Some(Mixing { cutoffs, z }) = &draws.mixing else {
        return Ok(ws);
    };
    let (batch, layers) = (ws.size()[0], ws.size()[1]);
    let layer = Tensor::arange(layers, (cutoffs.kind(), ws.device())).view([1, layers, 1]);
    let second = generator.mapping.forward(z, c);
    Ok(ws.where_self(&layer.less_tensor(&cutoffs.view([batch, 1, 1])), &second))
}

/// Each image turned by a random element of the symmetry group that the data are declared to have.
pub fn symmetric(images: &Tensor, symmetry: Symmetry, draws: &mut impl Rng) -> Tensor {
    let count = images.size()[0];
    let mut chosen = || {
        let picks: Vec<bool> = (0..count).map(|_| draws.random_bool(0.5)).collect();
        let each: Vec<i64> = std::iter::once(count).chain((1..images.dim()).map(|_| 1)).collect();
        Tensor::from_slice(&picks).to_device(images.device()).view(each.as_slice())
    };
    let mirrored = |images: &Tensor, picks: Tensor| images.flip([-1]).where_self(&picks, images);
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

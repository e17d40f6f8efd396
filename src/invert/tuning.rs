//! Pivotal tuning (Roich et al. 2022): the codes stay where they are, all weights of the synthesis move until it draws
//! the images there, with the network's own noise. The mapping stays as it is, so that a tuned network's w are the old
//! one's.

use rand::RngExt;
use tch::{Kind, Tensor};

use super::bench::{Bench, drawn};
use super::fitting::{Course, Losses, Step, fit};
use crate::nets::{Generator, Network};
use crate::problem::Result;
use crate::seed::RunSeed;

/// Weight of the feature distance beside an L2 of weight 1, as published.
const FEATURES: f64 = 1.0;

/// Truncation of the random w that the tuned generator is held at, as published.
const PSI: f64 = 0.5;

/// What a generator is tuned to.
pub(super) struct Pivots<'a> {
    /// Codes \[N, L, w_dim\].
    pub w: &'a Tensor,
    /// What should be seen there, \[N, C, R, R\].
    pub images: &'a Tensor,
    /// Of the random draws.
    pub purpose: &'a str,
}

/// A copy of the bench's generator whose synthesis can be moved.
pub(super) fn copied(bench: &Bench<'_>) -> Result<Generator> {
    let mut copy = Generator::new(bench.generator.config(), RunSeed(0), bench.device())?;
    copy.copy_from(bench.generator)?;
    for (name, tensor) in copy.parameters() {
        let _ = tensor.set_requires_grad(is_moved(&name));
    }
    Ok(copy)
}

fn is_moved(name: &str) -> bool {
    name.starts_with("synthesis.")
}

/// Tunes a copy of the generator.
///
/// # Errors
/// Stopped on request, a loss that is not a number, or what the feature net reports.
pub(super) fn tune(bench: &Bench<'_>, course: &Course, pivots: &Pivots<'_>) -> Result<(Generator, Losses)> {
    let config = bench.config;
    let tuned = copied(bench)?;
    let moved = tuned.parameters().into_iter().filter(|(name, _)| is_moved(name)).map(|(_, tensor)| tensor).collect();
    let count = pivots.w.size()[0];
    let batch = (config.batch as i64).min(count);
    let enough = |distance: f64| distance <= config.pivotal_stop;
    let losses = fit(bench, course, moved, &enough, &mut |flat, step| {
        let mut stream = bench.seed.stream(pivots.purpose, step);
        let rows: Vec<i64> = if batch == count {
            (0..count).collect()
        } else {
            (0..batch).map(|_| stream.random_range(0..count)).collect()
        };
        let first = rows.first().copied().unwrap_or_default();
        let rows = Tensor::from_slice(&rows).to_device(bench.device());
        let (w, images) = (pivots.w.index_select(0, &rows), pivots.images.index_select(0, &rows));
        let made = drawn(&tuned, &w);
        let distance = bench.distance(&made, &images)?;
        let mut loss = Bench::l2(&made, &images) + &distance * FEATURES;
        if config.locality > 0.0 {
            let random = bench.random_w(1, &mut stream);
            let nearby = beside(bench, &pivots.w.narrow(0, first, 1), &random);
            let before = tch::no_grad(|| drawn(bench.generator, &nearby));
            let after = drawn(&tuned, &nearby);
            loss += (Bench::l2(&after, &before) + bench.distance(&after, &before)?) * config.locality;
        }
        Ok(Step { gradient: flat.gradient(&loss), losses: Tensor::stack(&[loss.detach(), distance.detach()], 0) })
    })?;
    for (_, tensor) in tuned.parameters() {
        let _ = tensor.set_requires_grad(false);
    }
    Ok((tuned, losses))
}

/// From a code \[1, L, w_dim\] so many deviations of w towards a random w \[1, w_dim\], which is drawn half-way to the
/// mean.
fn beside(bench: &Bench<'_>, pivot: &Tensor, random: &Tensor) -> Tensor {
    let random = bench.cloud.mean().lerp(random, PSI).unsqueeze(1);
    let way = random - pivot;
    let length = way.square().sum_dim_intlist([2i64].as_slice(), true, None::<Kind>).sqrt().clamp_min(1e-8);
    pivot + way / length * (bench.config.locality_step * bench.cloud.deviation())
}

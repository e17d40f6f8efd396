//! Training of the hypernetwork on training images alone: on drawn ones the encoder is what is amiss, not the
//! generator.

use rand::RngExt;
use serde_json::json;
use tch::{Kind, Tensor};

use super::bench::{Bench, widened};
use super::encoding::{Fitted, trunk};
use super::fitting::{Course, Step, fit};
use super::kept::{self, Note};
use super::material::Images;
use crate::nets::Network;
use crate::nets::inversion::{Encoder, Head, Hypernetwork, HypernetworkConfig, Kernel};
use crate::problem::Result;

/// Numbers that the heads read.
const FEATURES: i64 = 128;

/// The trained hypernetwork: read back, or trained from where it was stopped. Each pass has a loss of its own and knows
/// nothing of the one before; their gradients add up to one step.
///
/// # Errors
/// Stopped on request, a loss that is not a number, a failed read or write.
pub(super) fn hypernetwork(bench: &Bench<'_>, learnt: &Images, encoder: &Encoder) -> Result<Fitted<Hypernetwork>> {
    let config = bench.config;
    let head = match config.hyper_rank {
        0 => Head::Dense,
        rank => Head::LowRank(rank as i64),
    };
    let trunk = trunk(bench, 2 * bench.generator.config().channels);
    let sizes = HypernetworkConfig { trunk, features: FEATURES, head, kernels: Kernel::of(bench.generator)? };
    let key = bench.key("hypernetwork", &config.of_hypernetwork());
    let path = bench.dir.hypernetwork();
    let mut network = Hypernetwork::new(&sizes, bench.seed, bench.device());
    if let Some(kept) = kept::read(bench, &path, &key)? {
        network.load(&kept.tensors).map_err(|problem| problem.at(&path))?;
        return Ok(Fitted { network, kept });
    }
    bench.unpublish()?;
    let course = Course {
        whose: "the hypernetwork".into(),
        steps: config.hyper_steps,
        rate: config.learning_rate,
        falls: true,
        key: key.clone(),
        underway: bench.dir.underway("hypernetwork"),
    };
    let parameters = network.parameters().into_iter().map(|(_, tensor)| tensor).collect();
    let losses = fit(bench, &course, parameters, &|_| false, &mut |flat, step| {
        let mut stream = bench.seed.stream("hypernetwork batch", step);
        let rows: Vec<i64> = (0..config.hyper_batch).map(|_| stream.random_range(0..learnt.len() as i64)).collect();
        let images = learnt.pixels.index_select(0, &Tensor::from_slice(&rows).to_device(bench.device()));
        let ws = widened(bench.generator, &tch::no_grad(|| encoder.forward(&images)));
        let wanted = tch::no_grad(|| bench.features.features(&images))?;
        let mut gradient = flat.values().zeros_like();
        let mut losses = Tensor::zeros([2], (Kind::Float, bench.device()));
        let mut failed = Ok(());
        let _ = network.passes(bench.generator, [&images, &ws], config.hyper_passes, |image| {
            let loss = bench.features.features(image).map(|found| {
                let distance = crate::nets::features::squared_distance(&found, &wanted).mean(Kind::Float);
                (Bench::l2(image, &images) + &distance * config.feature_weight, distance.detach())
            });
            match loss {
                Ok((loss, distance)) => {
                    gradient += flat.gradient(&loss);
                    losses = Tensor::stack(&[loss.detach(), distance], 0);
                }
                Err(problem) => failed = Err(problem),
            }
        });
        failed?;
        // What is told is the last pass.
        Ok(Step { gradient, losses })
    })?;
    let note = Note::new(bench, &key, json!(sizes), losses);
    let kept = kept::write(&path, network.tensors(), note)?;
    crate::files::remove(&course.underway)?;
    Ok(Fitted { network, kept })
}

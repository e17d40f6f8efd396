//! Training of the encoder: on training images and on drawn ones, whose w are known, in every batch. On drawn ones
//! alone it would reconstruct real ones poorly, on real ones alone it would leave the cloud.

use rand::RngExt;
use serde_json::json;
use tch::{Kind, Tensor};

use super::bench::{Bench, drawn};
use super::fitting::{Course, Step, fit};
use super::kept::{self, Kept, Note};
use super::material::Images;
use crate::nets::inversion::trunk::TrunkConfig;
use crate::nets::inversion::{Encoder, EncoderConfig};
use crate::nets::{GeneratorConfig, Network};
use crate::problem::Result;

/// Times that channels double.
const WIDEST: i64 = 8;

/// An encoder and its file.
pub(super) struct Fitted<N> {
    /// On the bench's device.
    pub network: N,
    /// As it lies on disk.
    pub kept: Kept,
}

/// Residual network for images of the generator's side with so many channels.
pub(super) fn trunk(bench: &Bench<'_>, channels: i64) -> TrunkConfig {
    let width = bench.config.width as i64;
    TrunkConfig { channels, side: bench.generator.config().resolution, width, most: WIDEST * width }
}

/// Places a side that the encoder keeps apart; see [`EncoderConfig::pool`].
const POOL: i64 = 4;

/// The trained encoder: read back, or trained from where it was stopped.
///
/// # Errors
/// Stopped on request, a loss that is not a number, a failed read or write.
pub(super) fn encoder(bench: &Bench<'_>, learnt: &Images) -> Result<Fitted<Encoder>> {
    let GeneratorConfig { w_dim, channels, .. } = *bench.generator.config();
    let layers = if bench.config.encoder_w_plus { bench.generator.synthesis.num_ws() } else { 1 };
    let sizes = EncoderConfig { trunk: trunk(bench, channels), pool: POOL, w_dim, layers };
    let key = bench.key("encoder", &bench.config.of_encoder());
    let path = bench.dir.encoder();
    if let Some(kept) = kept::read(bench, &path, &key)? {
        let mut network = Encoder::unfilled(&sizes, bench.device());
        network.load(&kept.tensors).map_err(|problem| problem.at(&path))?;
        return Ok(Fitted { network, kept });
    }
    bench.unpublish()?;
    let network = Encoder::new(&sizes, bench.cloud.mean(), bench.unit(), bench.seed);
    let course = Course {
        whose: "the encoder".into(),
        steps: bench.config.encoder_steps,
        rate: bench.config.learning_rate,
        falls: true,
        key: key.clone(),
        underway: bench.dir.underway("encoder"),
    };
    let parameters = network.parameters().into_iter().map(|(_, tensor)| tensor).collect();
    let losses = fit(bench, &course, parameters, &|_| false, &mut |flat, step| {
        let batch = Batch::draw(bench, learnt, step);
        let w = network.forward(&batch.images);
        let images = drawn(bench.generator, &w);
        let distance = bench.distance(&images, &batch.images)?;
        let mut loss = Bench::l2(&images, &batch.images) + &distance * bench.config.feature_weight;
        if let Some(known) = &batch.known {
            // The drawn ones come last.
            let guessed = w.narrow(0, w.size()[0] - known.size()[0], known.size()[0]);
            let apart = (guessed - known.unsqueeze(1)) / bench.unit();
            loss += apart.square().mean(Kind::Float) * bench.config.w_weight;
        }
        Ok(Step { gradient: flat.gradient(&loss), losses: Tensor::stack(&[loss.detach(), distance.detach()], 0) })
    })?;
    let note = Note::new(bench, &key, json!(sizes), losses);
    let kept = kept::write(&path, network.tensors(), note)?;
    crate::files::remove(&course.underway)?;
    Ok(Fitted { network, kept })
}

/// Images to be encoded.
struct Batch {
    /// \[N, C, R, R\]: training images, then drawn ones.
    images: Tensor,
    /// w \[M, w_dim\] of the drawn ones, where there are any.
    known: Option<Tensor>,
}

impl Batch {
    fn draw(bench: &Bench<'_>, learnt: &Images, step: u64) -> Self {
        let mut stream = bench.seed.stream("encoder batch", step);
        let batch = bench.config.batch as i64;
        let made = ((batch as f64 * bench.config.drawn_share).round() as i64).clamp(0, batch);
        let mut parts = Vec::new();
        if made < batch {
            let rows: Vec<i64> = (made..batch).map(|_| stream.random_range(0..learnt.len() as i64)).collect();
            parts.push(learnt.pixels.index_select(0, &Tensor::from_slice(&rows).to_device(bench.device())));
        }
        let known = (made > 0).then(|| bench.random_w(made, &mut stream));
        if let Some(w) = &known {
            parts.push(tch::no_grad(|| drawn(bench.generator, &w.unsqueeze(1))));
        }
        Self { images: Tensor::cat(&parts, 0), known }
    }
}

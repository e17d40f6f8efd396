//! The first stage: codes of images, batch by batch, each finished batch of a descent kept until all are.

use serde_json::{Value, json};
use tch::Tensor;

use super::bench::{Bench, CHUNK};
use super::descent::Descents;
use super::kept::{self, Note};
use super::material::Images;
use super::method::Embed;
use crate::files;
use crate::nets::inversion::Encoder;
use crate::nets::network::Named;
use crate::problem::{Kind, Problem, Result};
use crate::project::Space;

/// Codes of N images.
#[derive(Debug)]
pub(super) struct Codes {
    /// \[N, L, w_dim\], L 1 where one w serves all layers.
    pub w: Tensor,
    /// Noise maps \[N, 1, r, r\] that were found with them; empty for the network's own.
    pub noise: Vec<Tensor>,
}

impl Codes {
    /// By name, as they lie in files.
    pub fn tensors(&self) -> Named {
        let noise = self.noise.iter().enumerate().map(|(at, map)| (format!("noise.{at:02}"), map.shallow_clone()));
        noise.chain([("w".to_owned(), self.w.shallow_clone())]).collect()
    }

    /// From such a file.
    pub fn from_tensors(tensors: &Named, device: tch::Device) -> Option<Self> {
        let w = tensors.get("w").filter(|w| w.dim() == 3)?.to_device(device);
        let noise = tensors.iter().filter(|(name, _)| name.starts_with("noise."));
        Some(Self { w, noise: noise.map(|(_, map)| map.to_device(device)).collect() })
    }

    fn joined(parts: &[Self]) -> Self {
        let cat = |of: &dyn Fn(&Self) -> &Tensor| Tensor::cat(&parts.iter().map(of).collect::<Vec<_>>(), 0);
        let maps = 0..parts.first().map_or(0, |part| part.noise.len());
        Self { w: cat(&|part| &part.w), noise: maps.map(|map| cat(&|part| &part.noise[map])).collect() }
    }
}

/// Codes of `images`, known as `which` ("training", "inverted", "compared") among those of their kind.
///
/// # Errors
/// Stopped on request, a descent that diverged, a failed read or write.
pub(super) fn embed(
    bench: &Bench<'_>,
    embed: Embed,
    encoder: Option<&Encoder>,
    images: &Images,
    which: &str,
) -> Result<Codes> {
    let space = match (embed, encoder) {
        (Embed::Encoder, Some(encoder)) => {
            let parts = images.pixels.split(CHUNK, 0);
            let w: Vec<Tensor> = tch::no_grad(|| parts.iter().map(|part| encoder.forward(part)).collect());
            return Ok(Codes { w: Tensor::cat(&w, 0), noise: vec![] });
        }
        (Embed::Encoder, None) => return Err(Problem::new(Kind::Internal, "codes of an encoder that is not there")),
        (Embed::WDescent, _) => Space::W,
        (Embed::WPlusDescent, _) => Space::WPlus,
    };
    descended(bench, (embed, space), images, which)
}

/// Codes by descent.
fn descended(bench: &Bench<'_>, (embed, space): (Embed, Space), images: &Images, which: &str) -> Result<Codes> {
    let name = format!("{}-{which}", space.name());
    let ids: Vec<&str> = images.items.iter().map(|item| item.id.as_str()).collect();
    let key = bench.key("embedding", &json!([bench.config.of_embedding(embed), which, ids]));
    let path = bench.dir.embedded(&name);
    let of = |kept: &kept::Kept| Codes::from_tensors(&kept.tensors, bench.device());
    if let Some(codes) = kept::read(bench, &path, &key)?.as_ref().and_then(of) {
        return Ok(codes);
    }
    bench.unpublish()?;
    let batch = bench.config.batch as usize;
    let places: Vec<usize> = (0..images.len()).collect();
    bench.observer.begin(
        &format!("descents in {}", space.name()),
        "image steps",
        places.len() as u64 * bench.config.descent_steps,
    );
    let mut descents = Descents::new(bench, space);
    let mut parts = Vec::new();
    let mut underway = Vec::new();
    for (number, places) in places.chunks(batch).enumerate() {
        let file = bench.dir.underway(&format!("{name}-{number:04}"));
        let key = format!("{key} {number}");
        let done = kept::read(bench, &file, &key)?;
        parts.push(match done.as_ref().and_then(of) {
            Some(codes) => {
                bench.observer.advance(places.len() as u64 * bench.config.descent_steps);
                codes
            }
            None => {
                let codes = descents.of(&images.of(places), "")?;
                kept::write(&file, codes.tensors(), Note::new(bench, &key, Value::Null, vec![]))?;
                codes
            }
        });
        underway.push(file);
    }
    bench.observer.end();
    let codes = Codes::joined(&parts);
    kept::write(&path, codes.tensors(), Note::new(bench, &key, json!(ids), vec![]))?;
    underway.iter().try_for_each(|file| files::remove(file))?;
    Ok(codes)
}

/// Codes of images that were edited, which nobody keeps.
///
/// # Errors
/// As [`embed`].
pub(super) fn again(bench: &Bench<'_>, embed: Embed, encoder: Option<&Encoder>, images: &Images) -> Result<Codes> {
    let space = match embed {
        Embed::Encoder => return self::embed(bench, embed, encoder, images, ""),
        Embed::WDescent => Space::W,
        Embed::WPlusDescent => Space::WPlus,
    };
    let places: Vec<usize> = (0..images.len()).collect();
    let mut descents = Descents::new(bench, space);
    let batches = places.chunks(bench.config.batch as usize);
    let parts = batches.map(|places| descents.of(&images.of(places), " edited")).collect::<Result<Vec<_>>>()?;
    Ok(Codes::joined(&parts))
}

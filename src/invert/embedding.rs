//! The first stage: codes of images, batch by batch, each finished batch of a descent kept until all are.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tch::Tensor;

use super::bench::{Bench, CHUNK};
use super::descent::Descents;
use super::kept::{self, Kept, Note};
use super::material::Images;
use super::method::Embed;
use super::opened::fits;
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

    /// From a file that was kept, where they are those of `count` images of the bench's generator; what is none is
    /// told, and made again.
    fn of_kept(bench: &Bench<'_>, path: &Path, kept: &Kept, count: usize) -> Option<Self> {
        let found = Self::from_tensors(&kept.tensors, bench.device());
        let found = found.filter(|codes| fits(codes, &[], count as i64, bench.generator));
        if found.is_none() {
            bench.observer.note(&format!("{}: no codes of its images; made again", path.display()));
        }
        found
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

/// The images of a list that are embedded by descent, and what they are known by.
struct Listed<'a> {
    bench: &'a Bench<'a>,
    images: &'a Images,
    ids: Vec<&'a str>,
    /// "w-training".
    name: String,
    key: String,
}

impl<'a> Listed<'a> {
    fn new(bench: &'a Bench<'a>, embed: Embed, (images, which): (&'a Images, &str)) -> Self {
        let ids: Vec<&str> = images.items.iter().map(|item| item.id.as_str()).collect();
        let key = bench.key("embedding", &json!([bench.config.of_embedding(embed), which, ids]));
        Self { bench, images, ids, name: list_name(embed, which), key }
    }

    fn begin(&self, space: Space, images: usize) {
        let steps = images as u64 * self.bench.config.descent_steps;
        self.bench.observer.begin(&format!("descents in {}", space.name()), "image steps", steps);
    }

    /// Places of a batch among the images.
    fn places(&self, number: usize) -> Vec<usize> {
        let size = self.bench.config.batch as usize;
        (number * size..self.images.len().min((number + 1) * size)).collect()
    }

    fn file(&self, number: usize) -> PathBuf {
        self.bench.dir.underway(&numbered(&self.name, number))
    }

    /// Codes of a batch: read back, or found and kept.
    fn batch(&self, descents: &mut Descents<'_>, number: usize) -> Result<Codes> {
        let Self { bench, images, .. } = self;
        let (file, key, places) = (self.file(number), format!("{} {number}", self.key), self.places(number));
        let done = kept::read(bench, &file, &key)?;
        if let Some(codes) = done.and_then(|kept| Codes::of_kept(bench, &file, &kept, places.len())) {
            bench.observer.advance(places.len() as u64 * bench.config.descent_steps);
            return Ok(codes);
        }
        let codes = descents.of(&images.of(&places), "")?;
        kept::write(&file, codes.tensors(), Note::new(bench, &key, Value::Null, vec![]))?;
        Ok(codes)
    }
}

/// The name of a list's files: "w-training".
pub(super) fn list_name(embed: Embed, which: &str) -> String {
    let space = if embed == Embed::WPlusDescent { Space::WPlus } else { Space::W };
    format!("{}-{which}", space.name())
}

/// The name of the file of a batch: "w-training-0003".
pub(super) fn batch_name(embed: Embed, which: &str, number: usize) -> String {
    numbered(&list_name(embed, which), number)
}

fn numbered(list: &str, number: usize) -> String {
    format!("{list}-{number:04}")
}

/// Codes of one batch of a list by descent, which stay in a file of their own; read back where they are there.
///
/// # Errors
/// As [`embed`].
pub(super) fn batch(bench: &Bench<'_>, embed: Embed, list: (&Images, &str), number: usize) -> Result<Codes> {
    let space = if embed == Embed::WPlusDescent { Space::WPlus } else { Space::W };
    let listed = Listed::new(bench, embed, list);
    listed.begin(space, listed.places(number).len());
    let codes = listed.batch(&mut Descents::new(bench, space), number)?;
    bench.observer.end();
    Ok(codes)
}

/// Codes by descent.
fn descended(bench: &Bench<'_>, (embed, space): (Embed, Space), images: &Images, which: &str) -> Result<Codes> {
    let listed = Listed::new(bench, embed, (images, which));
    let path = bench.dir.embedded(&listed.name);
    let of = |kept: Kept| Codes::of_kept(bench, &path, &kept, images.len());
    if let Some(codes) = kept::read(bench, &path, &listed.key)?.and_then(of) {
        return Ok(codes);
    }
    bench.unpublish()?;
    listed.begin(space, images.len());
    let mut descents = Descents::new(bench, space);
    let numbers = 0..images.len().div_ceil(bench.config.batch as usize);
    let parts = numbers.clone().map(|number| listed.batch(&mut descents, number)).collect::<Result<Vec<_>>>()?;
    bench.observer.end();
    let codes = Codes::joined(&parts);
    kept::write(&path, codes.tensors(), Note::new(bench, &listed.key, json!(listed.ids), vec![]))?;
    numbers.into_iter().try_for_each(|number| files::remove(&listed.file(number)))?;
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

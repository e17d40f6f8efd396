//! The generators that images were drawn from and projected into, and whether they may be used here.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tch::{Device, Tensor};

use super::extras::{Loaded, Network};
use super::listed::read_record;
use crate::data::Prepared;
use crate::data::origin::Origin;
use crate::feed::network_source::{NetworkImages, network_file};
use crate::name::shown;
use crate::nets::load_image_network;
use crate::problem::{Kind, Problem, Result};
use crate::run_dir::RECORD;

/// Opens the generator that lesions were projected into.
///
/// # Errors
/// No network of images, one that draws other images than the data set's, or one that may not be used here, as in
/// [`drawn::synthetic`](super::drawn::synthetic).
pub fn network(path: &Path, data: &Prepared, device: Device, trusted: bool) -> Result<Loaded<Network>> {
    let file = network_file(path)?;
    let saved = load_image_network(&file, device)?;
    let images = NetworkImages::of(&saved.description);
    let origin = Origin { data: images.data_sha256.as_deref(), before: &images.ancestor_data };
    let notes = origin.check(&file, "generator's", data.sha256(), trusted)?;
    let config = saved.generator.config();
    let found = [config.channels as usize, images.padding.height, images.padding.width];
    if found != data.image_shape() || !images.contrasts.is_empty() && images.contrasts != data.contrasts() {
        return Err(Problem::input(&file, format!("draws {found:?} (channels, height, width)"))
            .expected(format!("{:?} and the channels and windows of {}", data.image_shape(), data.root().display()))
            .advice("give the generator that was trained on this data set (--network)"));
    }
    let interest = data.classes().interest().unwrap_or_default() as i64;
    let class = (config.c_dim > 0)
        .then(|| Tensor::from_slice(&[interest]).one_hot(config.c_dim).to_kind(tch::Kind::Float).to_device(device));
    let network = Network { generator: saved.generator, padding: images.padding, class, sha256: saved.sha256 };
    Ok(Loaded { items: vec![network], notes })
}

/// Refuses folders of several generators that are not each of another, or not the same ones in the same order: in
/// each of `kinds` (what they hold, and the folders) those of one kind.
///
/// # Errors
/// `Kind::Gate`, with the folder.
pub fn require_other_generators(kinds: [(&str, &[PathBuf]); 2]) -> Result<()> {
    #[derive(Deserialize)]
    struct OfNetwork {
        network_sha256: Option<String>,
    }
    let mut first: Vec<String> = vec![];
    for (what, folders) in kinds.into_iter().filter(|(_, folders)| folders.len() > 1) {
        let mut seen: Vec<String> = vec![];
        for (at, folder) in folders.iter().enumerate() {
            let path = folder.join(RECORD);
            let record: OfNetwork = read_record(&path, "generate")?;
            let sha256 = record.network_sha256.unwrap_or_default();
            let refuse = |found: String| {
                Err(Problem::new(Kind::Gate, found)
                    .at(&path)
                    .expected("each folder of another generator, the same ones in the same order")
                    .advice("give --synthetic, --denoised and --network generator by generator"))
            };
            if let Some(before) = seen.iter().position(|other| *other == sha256) {
                return refuse(format!("{what} of the generator that {} is of, too", folders[before].display()));
            }
            if first.get(at).is_some_and(|other| *other != sha256) {
                return refuse(format!("{what} of network {}, the synthetic ones are of another", shown(&sha256)));
            }
            seen.push(sha256);
        }
        first = seen;
    }
    Ok(())
}

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

/// What is to be told where what is compared is of different generators: the `networks` that are drawn from, and in
/// `kinds` what folders hold.
///
/// # Errors
/// `Kind::Gate` where that is so of several generators, or a network is given twice: their part in the differences
/// would be made up.
pub fn told_apart(networks: &[Network], kinds: [(&str, &[PathBuf]); 2]) -> Result<Vec<String>> {
    let mut of: Vec<(&str, Vec<String>)> = vec![];
    for (what, folders) in kinds {
        of.push((what, folders.iter().map(|folder| network_of(&folder.join(RECORD))).collect::<Result<_>>()?));
    }
    of.push(("networks", networks.iter().map(|network| network.sha256.clone()).collect()));
    of.retain(|(_, hashes)| !hashes.is_empty());
    let advice = "give --synthetic, --denoised and --network generator by generator";
    let mut notes = vec![];
    if let Some((what, hashes)) = of.last()
        && let Some((at, hash)) = hashes.iter().enumerate().find(|(at, hash)| hashes[..*at].contains(hash))
    {
        return Err(Problem::new(Kind::Gate, format!("{what}: number {} is {} once more", at + 1, shown(hash)))
            .expected("each another generator")
            .advice(advice));
    }
    let Some(((first, expected), others)) = of.split_first() else { return Ok(notes) };
    for (what, hashes) in others {
        let Some((expected, found)) = expected.iter().zip(hashes).find(|(one, other)| one != other) else { continue };
        let (expected, found) = (shown(expected), shown(found));
        if hashes.len() > 1 {
            return Err(Problem::new(Kind::Gate, format!("{what} of network {found}"))
                .expected(format!("{expected}, of which the {first} in the same place are"))
                .advice(advice));
        }
        notes.push(format!(
            "The {first} are of network {expected}, the {what} of {found}: arms with one and with the other differ in \
             their generator, too."
        ));
    }
    Ok(notes)
}

/// The network that the images beside the record at `path` are of.
fn network_of(path: &Path) -> Result<String> {
    #[derive(Deserialize)]
    struct OfNetwork {
        network_sha256: Option<String>,
    }
    let record: OfNetwork = read_record(path, "generate")?;
    Ok(record.network_sha256.unwrap_or_default())
}

/// Refuses folders of several generators that are not each of another, or not the same ones in the same order: in
/// each of `kinds` (what they hold, and the folders) those of one kind.
///
/// # Errors
/// `Kind::Gate`, with the folder.
pub fn require_other_generators(kinds: [(&str, &[PathBuf]); 2]) -> Result<()> {
    let mut first: Vec<String> = vec![];
    for (what, folders) in kinds.into_iter().filter(|(_, folders)| folders.len() > 1) {
        let mut seen: Vec<String> = vec![];
        for (at, folder) in folders.iter().enumerate() {
            let path = folder.join(RECORD);
            let sha256 = network_of(&path)?;
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

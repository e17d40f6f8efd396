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
    let network = Network { generator: saved.generator, padding: images.padding, class, sha256: saved.sha256, file };
    Ok(Loaded { items: vec![network], notes })
}

/// What is to be told where what is compared is of different generators: the `networks` that are drawn from, and in
/// `kinds` what folders hold and the command that wrote them.
///
/// # Errors
/// `Kind::Gate` where that is so of several generators, or one of them is given twice: their part in the differences
/// would be made up.
pub fn told_apart(networks: &[Network], kinds: [(&str, &str, &[PathBuf]); 2]) -> Result<Vec<String>> {
    // Hashes, and where each is from.
    let mut of: Vec<(&str, Vec<(String, PathBuf)>)> = vec![];
    for (what, command, folders) in kinds {
        let of_folder = |folder: &PathBuf| Ok((network_of(&folder.join(RECORD), command)?, folder.clone()));
        of.push((what, folders.iter().map(of_folder).collect::<Result<_>>()?));
    }
    of.push(("networks", networks.iter().map(|network| (network.sha256.clone(), network.file.clone())).collect()));
    of.retain(|(_, given)| !given.is_empty());
    let refuse = |found: String, at: &Path, expected: String| {
        Err(Problem::new(Kind::Gate, found)
            .at(at)
            .expected(expected)
            .advice("give --synthetic, --denoised and --network generator by generator"))
    };
    let mut notes = vec![];
    for (what, given) in &of {
        for (at, (hash, path)) in given.iter().enumerate() {
            if let Some((_, first)) = given[..at].iter().find(|(other, _)| other == hash) {
                let found = format!("{what} of network {}, of which {} is, too", shown(hash), first.display());
                return refuse(found, path, "each of another generator".into());
            }
        }
    }
    let Some(((first, expected), others)) = of.split_first() else { return Ok(notes) };
    for (what, given) in others {
        let Some((expected, found)) = expected.iter().zip(given).find(|(one, other)| one.0 != other.0) else {
            continue;
        };
        let (sha256, path) = (shown(&expected.0), &found.1);
        if given.len() > 1 {
            let wanted = format!("{sha256}, of which the {first} in the same place are");
            return refuse(format!("{what} of network {}", shown(&found.0)), path, wanted);
        }
        notes.push(format!(
            "The {first} are of network {sha256}, the {what} of {}: arms with one and with the other differ in their \
             generator, too.",
            shown(&found.0)
        ));
    }
    Ok(notes)
}

/// The network that the images beside `command`'s record at `path` are of.
fn network_of(path: &Path, command: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct OfNetwork {
        network_sha256: Option<String>,
    }
    let record: OfNetwork = read_record(path, command)?;
    Ok(record.network_sha256.unwrap_or_default())
}

//! Networks: safetensors, the description within, pickles of the reference.

use std::fs;
use std::path::Path;

use rimforge::nets::weights::{load_network, read_tensors, save_network};
use rimforge::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
use rimforge::pickle::read_network;
use rimforge::pickle::weight_file::WeightFile;
use rimforge::records::label::NetworkLabel;
use rimforge::seed::RunSeed;
use tch::Device;

use super::parsers::{Finish, Parser};
use crate::parity::fixture;

pub const SAFETENSORS: Parser = Parser {
    name: "safetensors",
    header: 128,
    text: true,
    short: 3_000,
    finish: Finish::OftenRepaired(with_length),
    set_up: |_| vec![fs::read(fixture("pickles/tiny.weights.safetensors")).unwrap()],
    read: |place, bytes| {
        let path = place.join("tensors.safetensors");
        fs::write(&path, bytes).unwrap();
        read_tensors(path).map(drop)
    },
};

/// The mutated part is the header alone, in which the description stands; the tensors follow as they are.
pub const DESCRIPTION: Parser = Parser {
    name: "network file",
    header: 0,
    short: 2_000,
    set_up: |place| {
        let bytes = tiny(place, 8);
        let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        fs::write(place.join("tensors"), &bytes[end..]).unwrap();
        vec![bytes[..end].to_vec()]
    },
    read: |place, bytes| {
        let path = place.join("network.safetensors");
        let tensors = fs::read(place.join("tensors")).unwrap();
        fs::write(&path, [bytes, &tensors].concat()).unwrap();
        load_network(path, Device::Cpu).map(drop)
    },
    ..SAFETENSORS
};

pub const PICKLE: Parser = Parser {
    name: "network pickle",
    header: 256,
    text: false,
    short: 3_000,
    finish: Finish::AsItIs,
    set_up: |_| {
        ["protocol2", "protocol4"].map(|name| fs::read(fixture(&format!("pickles/tiny.{name}.pkl"))).unwrap()).to_vec()
    },
    read: |place, bytes| {
        let path = place.join("network.pkl");
        fs::write(&path, bytes).unwrap();
        read_network(path, true).map(drop)
    },
};

/// Weights of a feature net in an archive of PyTorch.
pub const WEIGHTS: Parser = Parser {
    name: "weights of a feature net",
    short: 1_500,
    set_up: |_| vec![fs::read(fixture("standin_perceptual.pt")).unwrap()],
    read: |place, bytes| {
        let path = place.join("net.pt");
        fs::write(&path, bytes).unwrap();
        let file = WeightFile::open(&path)?;
        let wanted = file.shapes().into_iter().map(|(name, _)| name).collect();
        file.read(&wanted).map(drop)
    },
    ..PICKLE
};

/// Writes `tiny.safetensors` into `place`, a network of images of `side` x `side` of some kilobytes; gives its bytes.
pub fn tiny(place: &Path, side: i64) -> Vec<u8> {
    fs::create_dir_all(place).unwrap();
    let config =
        GeneratorConfig { z_dim: 4, w_dim: 4, channel_base: 32, channel_max: 4, ..GeneratorConfig::small(side, 1) };
    let generator = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
    let discriminator = Discriminator::new(&DiscriminatorConfig::matching(&config), RunSeed(2), Device::Cpu).unwrap();
    let path = place.join("tiny.safetensors");
    save_network(&path, &generator, Some(&discriminator), NetworkLabel::default()).unwrap();
    fs::read(path).unwrap()
}

/// The length of the header set right: as far as its last closing brace before the tensors.
fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let json = bytes.get(8..).unwrap_or_default();
    let mut end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
    end = json[..end].iter().rposition(|byte| *byte == b'}').map_or(end, |at| at + 1);
    // Padding with blanks belongs to the header.
    end += json[end..].iter().take_while(|byte| **byte == b' ').count();
    if let Some(length) = bytes.first_chunk_mut::<8>() {
        *length = (end as u64).to_le_bytes();
    }
    bytes
}

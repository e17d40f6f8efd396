//! Names and shapes of the networks' tensors are what checkpoints and network files are made of: files that are out
//! there cannot be read any more once one of them changes. `tests/fixtures/stylegan2_tensors.txt` holds them.

use std::collections::BTreeSet;

use tch::Device;

use super::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Modulation, QuantiseConfig};
use crate::nets::Network;
use crate::nets::layers::resample::Resampling;
use crate::nets::network::Role;
use crate::seed::RunSeed;

const CONTRACT: &str = include_str!("../../../tests/fixtures/stylegan2_tensors.txt");

/// A line for each tensor: network, name, role, shape.
fn lines(network: &str, of: &dyn Network) -> Vec<String> {
    let mut lines = vec![];
    of.visit(&mut |name, tensor, role| {
        let role = match role {
            Role::Parameter => "parameter",
            Role::Buffer => "buffer",
        };
        let shape: Vec<String> = tensor.size().iter().map(i64::to_string).collect();
        let shape = if shape.is_empty() { "scalar".into() } else { shape.join("x") };
        lines.push(format!("{network} {name} {role} {shape}"));
    });
    lines
}

#[test]
fn names_and_shapes_of_tensors_are_those_of_the_files_out_there() {
    let small = GeneratorConfig::small(64, 1);
    let classes = GeneratorConfig { c_dim: 3, ..GeneratorConfig::small(16, 2) };
    let volumes = GeneratorConfig { dimensions: 3, ..GeneratorConfig::small(16, 1) };
    let tiny = GeneratorConfig { channel_base: 128, channel_max: 16, w_dim: 8, ..GeneratorConfig::small(16, 1) };
    let attention = GeneratorConfig { attention: Some(8), ..tiny.clone() };
    let strided = GeneratorConfig { resampling: Resampling::Transposed, ..tiny.clone() };
    let adain = GeneratorConfig { modulation: Modulation::Adain, ..tiny.clone() };
    let mut found = BTreeSet::new();
    for (name, config) in [
        ("small", small),
        ("paper", GeneratorConfig::paper(64, 1)),
        ("classes", classes),
        ("volumes", volumes),
        ("attention", attention),
        ("transposed", strided),
        ("adain", adain),
    ] {
        let generator = Generator::new(&config, RunSeed(0), Device::Cpu).unwrap();
        found.extend(lines(&format!("{name} G"), &generator));
        let config = DiscriminatorConfig::matching(&config);
        let discriminator = Discriminator::new(&config, RunSeed(0), Device::Cpu).unwrap();
        found.extend(lines(&format!("{name} D"), &discriminator));
    }
    let quantise = Some(QuantiseConfig { sides: vec![4, 8], codes: 32, ..QuantiseConfig::default() });
    let config = DiscriminatorConfig { quantise, ..DiscriminatorConfig::matching(&tiny) };
    found.extend(lines("quantised D", &Discriminator::new(&config, RunSeed(0), Device::Cpu).unwrap()));
    let known: BTreeSet<String> = CONTRACT.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let gone = known.difference(&found).map(|line| format!("- {line}"));
    let new = found.difference(&known).map(|line| format!("+ {line}"));
    let difference: Vec<String> = gone.chain(new).collect();
    assert!(difference.is_empty(), "tensors that are not those of the contract:\n{}", difference.join("\n"));
}

//! Networks of volumes: sizes, second derivatives, files.

use crate::records::label::NetworkLabel;
use tch::{Device, Kind, Tensor};

use super::derivatives::{second_derivative_is_right, smooth};
use super::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Noise};
use crate::nets::{Network, load_image_network, load_network, save_network};
use crate::seed::RunSeed;

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

fn generator() -> Generator {
    let small = GeneratorConfig { channel_base: 64, channel_max: 8, ..GeneratorConfig::small(8, 2) };
    let config = GeneratorConfig { z_dim: 6, w_dim: 6, conv_clamp: None, dimensions: 3, ..small };
    Generator::new(&config, RunSeed(1), Device::Cpu).unwrap()
}

fn discriminator(of: &Generator) -> Discriminator {
    Discriminator::new(&DiscriminatorConfig::matching(of.config()), RunSeed(1), Device::Cpu).unwrap()
}

#[test]
fn the_gradient_penalty_of_a_discriminator_has_a_gradient() {
    tch::manual_seed(1);
    let network = discriminator(&generator());
    let volumes = Tensor::rand([4, 2, 8, 8, 8], OPTIONS).set_requires_grad(true);
    second_derivative_is_right(&smooth(&network, ""), &|| {
        let logits = network.forward(&volumes, None);
        assert_eq!(logits.size(), [4, 1]);
        Tensor::run_backward(&[logits.sum(Kind::Float)], &[&volumes], true, true).remove(0).square().sum(Kind::Float)
    });
}

#[test]
fn the_path_length_of_a_generator_has_a_gradient() {
    tch::manual_seed(1);
    let network = generator();
    let ws = Tensor::rand([2, network.config().num_ws(), 6], OPTIONS).set_requires_grad(true);
    let directions = Tensor::randn([2, 2, 8, 8, 8], OPTIONS);
    second_derivative_is_right(&smooth(&network, "synthesis."), &|| {
        let volumes = network.synthesis.forward(&ws, &Noise::Const);
        assert_eq!(volumes.size(), [2, 2, 8, 8, 8]);
        let along = (volumes * &directions).sum(Kind::Float);
        Tensor::run_backward(&[along], &[&ws], true, true).remove(0).square().sum(Kind::Float)
    });
}

/// Sizes of networks of 64 x 64 x 64 voxels, counted by hand from the shapes of one layer after the other: the
/// synthesis has five resolutions with 64, 64, 64, 32 and 16 channels.
#[test]
fn a_network_of_volumes_has_kernels_of_27_taps() {
    let config = GeneratorConfig { dimensions: 3, ..GeneratorConfig::small(64, 1) };
    let network = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
    let styled = |inputs: u64, outputs: u64| 27 * inputs * outputs + outputs + 1 + 129 * inputs;
    let convolutions: u64 = [(64, 64), (64, 64), (64, 64), (64, 64), (64, 64), (64, 32), (32, 32), (32, 16), (16, 16)]
        .into_iter()
        .map(|(inputs, outputs)| styled(inputs, outputs))
        .sum();
    let images: u64 = [64, 64, 64, 32, 16].into_iter().map(|inputs| inputs + 1 + 129 * inputs).sum();
    let mapping = 2 * (128 * 128 + 128);
    assert_eq!(network.parameter_count(), mapping + 64 * 64 + convolutions + images);
}

#[test]
fn a_file_of_a_network_of_volumes_comes_back_and_is_no_network_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let network = generator();
    save_network(&path, &network, Some(&discriminator(&network)), NetworkLabel::default()).unwrap();
    let loaded = load_network(&path, Device::Cpu).unwrap();
    let z = Tensor::ones([1, 6], OPTIONS);
    let volumes = |network: &Generator| network.forward(&z, None, &Noise::Const);
    assert!(volumes(&loaded.generator).equal(&volumes(&network)));
    let problem = load_image_network(&path, Device::Cpu).unwrap_err().to_string();
    assert!(problem.contains("a network of volumes") && problem.contains("network.safetensors"), "{problem}");
}

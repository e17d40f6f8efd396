//! Networks with variants: second derivatives, what is off by default, codes, files.

use tch::{Device, Kind, Tensor};

use super::derivatives::{second_derivative_is_right, smooth};
use super::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Modulation, Noise, QuantiseConfig};
use crate::nets::layers::resample::Resampling;
use crate::nets::{Network, load_network, save_network};
use crate::records::label::NetworkLabel;
use crate::seed::RunSeed;

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

fn config() -> GeneratorConfig {
    let small = GeneratorConfig { channel_base: 64, channel_max: 8, ..GeneratorConfig::small(16, 2) };
    GeneratorConfig { z_dim: 6, w_dim: 6, conv_clamp: None, ..small }
}

/// Each modulation and resampling, with attention and without.
fn variants() -> Vec<GeneratorConfig> {
    [
        (Modulation::Adain, Resampling::Filter, None),
        (Modulation::Adain, Resampling::Transposed, Some(8)),
        (Modulation::Weights, Resampling::Transposed, None),
        (Modulation::Weights, Resampling::Filter, Some(16)),
    ]
    .map(|(modulation, resampling, attention)| GeneratorConfig { modulation, resampling, attention, ..config() })
    .into()
}

fn generator(config: &GeneratorConfig) -> Generator {
    Generator::new(config, RunSeed(1), Device::Cpu).unwrap()
}

fn discriminator(of: &GeneratorConfig, quantise: Option<QuantiseConfig>) -> Discriminator {
    // Attention of a generator may follow a block that the discriminator has not.
    let attention = of.attention.map(|side| side.min(8));
    let config = DiscriminatorConfig { quantise, attention, ..DiscriminatorConfig::matching(of) };
    Discriminator::new(&config, RunSeed(1), Device::Cpu).unwrap()
}

/// Sets tensors by the end of their names.
fn set(network: &dyn Network, end: &str, change: impl Fn(&Tensor) -> Tensor) {
    for (name, tensor) in network.tensors() {
        if name.ends_with(end) {
            tch::no_grad(|| tensor.shallow_clone().copy_(&change(&tensor)));
        }
    }
}

/// As [`smooth`], with attention that counts, and normalised maps that are shifted to where they are positive, too.
fn smooth_variant(network: &dyn Network, of: &str) -> Vec<Tensor> {
    let parameters = smooth(network, of);
    set(network, "attention.gamma", |gamma| gamma.ones_like() * 0.5);
    // Keys and queries of 16 x 16 places that fit so well that one takes all have no derivative to speak of.
    set(network, "attention.query.weight", |weight| weight * 0.1);
    let adain: Vec<Tensor> = network
        .parameters()
        .into_iter()
        .filter(|(name, tensor)| name.ends_with("affine.bias") && tensor.double_value(&[0]) == 0.0)
        .map(|(_, tensor)| tensor)
        .collect();
    for bias in adain {
        let half = bias.size()[0] / 2;
        let _ = tch::no_grad(|| bias.narrow(0, half, half).fill_(8.0));
    }
    parameters
}

#[test]
fn the_path_length_of_each_variant_has_a_gradient() {
    for config in variants() {
        tch::manual_seed(1);
        let network = generator(&config);
        let ws = Tensor::rand([2, config.num_ws(), 6], OPTIONS).set_requires_grad(true);
        let directions = Tensor::randn([2, 2, 16, 16], OPTIONS);
        second_derivative_is_right(&smooth_variant(&network, "synthesis."), &|| {
            let images = network.synthesis.forward(&ws, &Noise::Const);
            assert_eq!(images.size(), [2, 2, 16, 16]);
            let along = (images * &directions).sum(Kind::Float);
            Tensor::run_backward(&[along], &[&ws], true, true).remove(0).square().sum(Kind::Float)
        });
    }
}

#[test]
fn the_gradient_penalty_of_each_variant_has_a_gradient() {
    for config in variants() {
        tch::manual_seed(1);
        let network = discriminator(&config, None);
        let images = Tensor::rand([4, 2, 16, 16], OPTIONS).set_requires_grad(true);
        second_derivative_is_right(&smooth_variant(&network, ""), &|| {
            let logits = network.forward(&images, None);
            Tensor::run_backward(&[logits.sum(Kind::Float)], &[&images], true, true).remove(0).square().sum(Kind::Float)
        });
    }
}

/// A gradient penalty through codes is that of the features as they are: the way through the lookup is 1.
#[test]
fn a_gradient_passes_codes_as_if_they_were_not_there() {
    tch::manual_seed(2);
    let images = Tensor::rand([4, 2, 16, 16], OPTIONS).set_requires_grad(true);
    let gradient = |quantise| {
        // Where no activation is below zero and no image is held to others, what is above codes is linear, and what it
        // sees does not matter.
        let config = DiscriminatorConfig { quantise, mbstd_group: 1, ..DiscriminatorConfig::matching(&config()) };
        let network = Discriminator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let _ = smooth(&network, "");
        set(&network, "codes.sum", Tensor::abs);
        let logits = network.forward(&images, None);
        Tensor::run_backward(&[logits.sum(Kind::Float)], &[&images], false, false).remove(0)
    };
    let codes = |pass_on| Some(QuantiseConfig { sides: vec![4, 8], codes: 16, pass_on, ..QuantiseConfig::default() });
    let plain = gradient(None);
    for pass_on in [true, false] {
        assert!(gradient(codes(pass_on)).allclose(&plain, 1e-4, 1e-5, false));
    }
}

#[test]
fn attention_changes_nothing_until_it_is_learnt() {
    for attention in [4, 8, 16] {
        let with = GeneratorConfig { attention: Some(attention), ..config() };
        let (plain, own) = (generator(&config()), generator(&with));
        let ws = Tensor::randn([2, plain.config().num_ws(), 6], OPTIONS);
        let drawn = |network: &Generator| network.synthesis.forward(&ws, &Noise::Const);
        assert!(drawn(&plain).equal(&drawn(&own)));
        let images = Tensor::randn([4, 2, 16, 16], OPTIONS);
        let [plain, own] = [&config(), &with].map(|config| discriminator(config, None).forward(&images, None));
        assert!(plain.equal(&own));
    }
}

/// Neither scaled kernels nor scaled maps to the image: two styled convolutions a block with 2 C styles, none
/// elsewhere.
#[test]
fn a_network_with_adaptive_normalisation_scales_no_kernel() {
    let network = generator(&GeneratorConfig { modulation: Modulation::Adain, ..config() });
    let affine = |end: &str| {
        let tensors = network.tensors();
        let own =
            tensors.iter().filter(|(name, _)| name.ends_with(end)).map(|(name, tensor)| (name.clone(), tensor.size()));
        own.collect::<Vec<_>>()
    };
    let path = |name: &str| format!("synthesis.{name}.affine.weight");
    let expected = [("b16.conv0", 8), ("b16.conv1", 8), ("b4.conv1", 16), ("b8.conv0", 16), ("b8.conv1", 16)];
    assert_eq!(affine("affine.weight"), expected.map(|(name, styles)| (path(name), vec![styles, 6])));
    assert!(network.synthesis.kernels().is_empty());
    assert_eq!((network.synthesis.num_ws(), network.synthesis.noise_shapes().len()), (6, 5));
}

#[test]
fn codes_hold_features_and_follow_them_only_when_told() {
    tch::manual_seed(3);
    let quantise = QuantiseConfig { sides: vec![8, 4], codes: 6, decay: 0.5, pass_on: true };
    let network = discriminator(&config(), Some(quantise.clone()));
    let plain = discriminator(&config(), None);
    assert_eq!((network.quantised_blocks(), plain.quantised_blocks()), (2, 0));
    let images = Tensor::randn([8, 2, 16, 16], OPTIONS);
    let (reals, fakes) = (images.narrow(0, 0, 4), images.narrow(0, 4, 4));
    let batches = || [(&reals, None), (&fakes, None)];
    // Features are a distance: codes do not change them. Logits they do change where they are passed on.
    for (found, expected) in network.features(&images).iter().zip(plain.features(&images)) {
        assert!(found.equal(&expected));
    }
    assert!(!network.forward(&reals, None).equal(&plain.forward(&reals, None)));
    let silent = discriminator(&config(), Some(QuantiseConfig { pass_on: false, ..quantise }));
    let (logits, commitment) = silent.forward_quantised(&reals, None);
    assert!(logits.equal(&plain.forward(&reals, None)) && commitment.unwrap().double_value(&[]) > 0.0);
    assert!(plain.forward_both_quantised(batches(), None).1.is_none());
    // Looking changes nothing.
    let counts =
        || network.tensors().into_iter().filter(|(name, _)| name.ends_with("codes.count")).map(|(_, t)| t.copy());
    let before: Vec<Tensor> = counts().collect();
    let (logits, commitment) = network.forward_both_quantised(batches(), None);
    let both = network.forward_both(batches());
    assert!(logits.iter().zip(&both).all(|(found, expected)| found.equal(expected)));
    let alone = |images: &Tensor| network.forward_quantised(images, None).1.unwrap().double_value(&[]);
    let mean = (alone(&reals) + alone(&fakes)) / 2.0;
    let commitment = commitment.unwrap().double_value(&[]);
    assert!((commitment / mean - 1.0).abs() < 1e-5, "{commitment} {mean}");
    assert!(counts().zip(&before).all(|(now, before)| now.equal(before)));
    // Told to, they follow after the lookup: the same logits once more, then others and a lower commitment.
    let picks = [Tensor::arange(6, (Kind::Int64, Device::Cpu)), Tensor::arange(6, (Kind::Int64, Device::Cpu))];
    let (followed, _) = network.forward_both_quantised(batches(), Some(&picks));
    assert!(followed.iter().zip(&both).all(|(found, expected)| found.equal(expected)));
    for _ in 0..20 {
        let _ = network.forward_both_quantised(batches(), Some(&picks));
    }
    let (_, later) = network.forward_both_quantised(batches(), None);
    assert!(later.unwrap().double_value(&[]) < 0.8 * commitment);
    // 8 images of 8 x 8 and of 4 x 4 places; codes that came anew count one each.
    for (now, places) in counts().zip([512.0, 128.0]) {
        let total = now.sum(Kind::Float).double_value(&[]);
        assert!((total - places).abs() < 7.0, "{total}");
    }
}

#[test]
fn a_file_of_a_variant_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let config = GeneratorConfig { attention: Some(8), modulation: Modulation::Adain, ..config() };
    let network = generator(&config);
    let quantise = Some(QuantiseConfig { sides: vec![4], codes: 3, ..QuantiseConfig::default() });
    let mirror = discriminator(&config, quantise);
    save_network(&path, &network, Some(&mirror), NetworkLabel::default()).unwrap();
    let loaded = load_network(&path, Device::Cpu).unwrap();
    let z = Tensor::ones([2, 6], OPTIONS);
    let images = |network: &Generator| network.forward(&z, None, &Noise::Const);
    assert!(images(&loaded.generator).equal(&images(&network)));
    let logits = |network: &Discriminator| network.forward(&images(&loaded.generator), None);
    assert!(logits(&loaded.discriminator.unwrap()).equal(&logits(&mirror)));
}

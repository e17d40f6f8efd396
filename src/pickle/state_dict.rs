//! A network of ours under the module names of the reference.

use std::path::Path;

use serde_json::{Value, json};
use tch::{Kind as Type, Tensor};

use super::layout::{self, FILTER, Layer};
use super::writer::write_archive;
use crate::digest;
use crate::nets::layers::resample;
use crate::nets::network::Named;
use crate::nets::{DiscriminatorConfig, GeneratorConfig, Network, SavedNetwork};
use crate::problem::{Kind, Problem, Result};

/// Writes {"G_ema": {name: tensor}, "D": {..}} as PyTorch's `torch.save` would; returns the file's SHA-256.
///
/// # Errors
/// Writing failed; a network that the reference cannot compute.
pub fn write_state_dict(path: impl AsRef<Path>, network: &SavedNetwork) -> Result<String> {
    let path = path.as_ref();
    check_known(network)?;
    let generator = &network.generator;
    let mut sections = vec![("G_ema", named(&layout::generator(generator.config()), &generator.tensors())?)];
    if let Some(discriminator) = &network.discriminator {
        let layers = layout::discriminator(discriminator.config());
        sections.push(("D", named(&layers, &discriminator.tensors())?));
    }
    let bytes = write_archive(path, &sections)?;
    Ok(digest::sha256(&bytes))
}

/// Refuses a network that the reference cannot compute: one with a variant.
///
/// # Errors
/// `Kind::Usage`: the variants by name.
pub fn check_known(network: &SavedNetwork) -> Result<()> {
    let discriminator = network.discriminator.iter().flat_map(|network| network.config().departures());
    let mut departures = network.generator.config().departures();
    for one in discriminator {
        if !departures.contains(&one) {
            departures.push(one);
        }
    }
    if departures.is_empty() {
        return Ok(());
    }
    let listed: Vec<String> = departures.iter().map(|(name, word)| format!("{name} = {word}")).collect();
    Err(Problem::usage(format!("a network with {}", listed.join(", ")))
        .expected("one as StyleGAN2-ADA has it: the reference knows no such variants")
        .advice("use the network file with this program, or export one that was trained without them"))
}

/// Arguments that make the reference's generator of these sizes.
pub fn generator_arguments(config: &GeneratorConfig) -> Value {
    json!({
        "z_dim": config.z_dim,
        "c_dim": config.c_dim,
        "w_dim": config.w_dim,
        "img_resolution": config.resolution,
        "img_channels": config.channels,
        "mapping_kwargs": {"num_layers": config.mapping_layers},
        "synthesis_kwargs": {
            "channel_base": config.channel_base,
            "channel_max": config.channel_max,
            "num_fp16_res": 0,
            "conv_clamp": config.conv_clamp,
        },
    })
}

/// Arguments that make the reference's discriminator of these sizes.
pub fn discriminator_arguments(config: &DiscriminatorConfig) -> Value {
    json!({
        "c_dim": config.c_dim,
        "img_resolution": config.resolution,
        "img_channels": config.channels,
        "channel_base": config.channel_base,
        "channel_max": config.channel_max,
        "num_fp16_res": 0,
        "conv_clamp": config.conv_clamp,
        "mapping_kwargs": {"num_layers": config.mapping_layers},
        "epilogue_kwargs": {"mbstd_group_size": config.mbstd_group},
    })
}

/// Tensors in the order of the modules, with the filters that the reference keeps as buffers.
fn named(layers: &[Layer], tensors: &Named) -> Result<Vec<(String, Tensor)>> {
    let mut named = Vec::new();
    for layer in layers {
        for (name, _) in &layer.tensors {
            let name_of_all = layout::join(&layer.path, name);
            let tensor = match (*name, tensors.get(&name_of_all)) {
                (_, Some(tensor)) => tensor.shallow_clone(),
                (FILTER, None) => resample::filter(&Tensor::zeros([1], (Type::Float, tch::Device::Cpu))),
                _ => return Err(Problem::new(Kind::Internal, format!("no tensor {name_of_all} to export"))),
            };
            named.push((name_of_all, tensor));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::weights::save_network;
    use crate::nets::{Discriminator, Generator, Modulation, QuantiseConfig, load_network};
    use crate::records::label::NetworkLabel;
    use crate::seed::RunSeed;
    use tch::Device;

    #[test]
    fn a_variant_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |config: &GeneratorConfig, quantise: Option<QuantiseConfig>| {
            let path = folder.path().join("network.safetensors");
            let generator = Generator::new(config, RunSeed(1), Device::Cpu).unwrap();
            let config = DiscriminatorConfig { quantise, ..DiscriminatorConfig::matching(config) };
            let discriminator = Discriminator::new(&config, RunSeed(1), Device::Cpu).unwrap();
            save_network(&path, &generator, Some(&discriminator), NetworkLabel::default()).unwrap();
            let saved = load_network(&path, Device::Cpu).unwrap();
            write_state_dict(folder.path().join("state_dict.pt"), &saved).err().map(|problem| problem.to_string())
        };
        let plain = GeneratorConfig { channel_base: 64, channel_max: 4, w_dim: 4, ..GeneratorConfig::small(16, 1) };
        assert_eq!(refused(&plain, None), None);
        let variant = GeneratorConfig { modulation: Modulation::Adain, attention: Some(8), ..plain.clone() };
        let problem = refused(&variant, None).unwrap();
        assert!(problem.starts_with("a network with modulation = adain, attention = 8; expected"), "{problem}");
        let problem = refused(&plain, Some(QuantiseConfig { sides: vec![4], ..QuantiseConfig::default() })).unwrap();
        assert!(problem.contains("a network with quantise = [4];"), "{problem}");
    }
}

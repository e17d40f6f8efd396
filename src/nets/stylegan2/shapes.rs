//! Names and shapes of a network's tensors, told from its sizes alone: so that a file can be held to its description,
//! and a network's size to what a machine can hold, before anything is built.

use super::config::{DiscriminatorConfig, GeneratorConfig, resolutions};
use super::variants::Modulation;
use crate::nets::layers::{attention, axes};
use crate::nets::network::join;

/// Shapes by name, each name once.
pub type Shapes = Vec<(String, Vec<i64>)>;

/// Numbers in all tensors of `shapes`, as large as they may be.
pub fn numbers(shapes: &Shapes) -> u128 {
    let of_one = |shape: &[i64]| shape.iter().fold(1u128, |count, &side| count.saturating_mul(side.max(0) as u128));
    shapes.iter().fold(0, |sum, (_, shape)| sum.saturating_add(of_one(shape)))
}

/// Of a generator whose sizes each lie within their limits.
pub fn generator(config: &GeneratorConfig) -> Shapes {
    let GeneratorConfig { z_dim, w_dim, c_dim, channels, dimensions, .. } = *config;
    let mut shapes = Shapes::new();
    mapping(&mut shapes, [z_dim, c_dim, w_dim], config.mapping_layers);
    shapes.push(("mapping.w_avg".into(), vec![w_dim]));
    let mut inputs = config.channels_at(4);
    shapes.push(("synthesis.b4.const".into(), [vec![inputs], cube(4, dimensions)].concat()));
    for resolution in resolutions(config.resolution) {
        let block = format!("synthesis.b{resolution}");
        let outputs = config.channels_at(resolution);
        for (name, inputs) in [("conv0", inputs), ("conv1", outputs)] {
            if resolution == 4 && name == "conv0" {
                continue;
            }
            let path = join(&block, name);
            shapes.push((join(&path, "weight"), axes::kernel(outputs, inputs, 3, dimensions)));
            shapes.push((join(&path, "bias"), vec![outputs]));
            shapes.push((join(&path, "noise_strength"), vec![]));
            shapes.push((join(&path, "noise_const"), cube(resolution, dimensions)));
            let styles = match config.modulation {
                Modulation::Weights => inputs,
                Modulation::Adain => 2 * outputs,
            };
            linear(&mut shapes, &join(&path, "affine"), w_dim, styles);
        }
        if config.attention == Some(resolution) {
            attended(&mut shapes, &join(&block, "attention"), outputs);
        }
        let path = join(&block, "torgb");
        shapes.push((join(&path, "weight"), axes::kernel(channels, outputs, 1, dimensions)));
        shapes.push((join(&path, "bias"), vec![channels]));
        if config.modulation == Modulation::Weights {
            linear(&mut shapes, &join(&path, "affine"), w_dim, outputs);
        }
        inputs = outputs;
    }
    shapes
}

/// Of a discriminator whose sizes each lie within their limits.
pub fn discriminator(config: &DiscriminatorConfig) -> Shapes {
    let DiscriminatorConfig { channels, dimensions, c_dim, .. } = *config;
    let mut shapes = Shapes::new();
    for resolution in resolutions(config.resolution).rev().filter(|&resolution| resolution > 4) {
        let block = format!("b{resolution}");
        let (here, below) = (config.channels_at(resolution), config.channels_at(resolution / 2));
        let mut convolution = |name: &str, inputs, outputs, kernel, bias: bool| {
            let path = join(&block, name);
            shapes.push((join(&path, "weight"), axes::kernel(outputs, inputs, kernel, dimensions)));
            if bias {
                shapes.push((join(&path, "bias"), vec![outputs]));
            }
        };
        if resolution == config.resolution {
            convolution("fromrgb", channels, here, 1, true);
        }
        convolution("conv0", here, here, 3, true);
        convolution("conv1", here, below, 3, true);
        convolution("skip", here, below, 1, false);
        if config.attends(resolution) {
            attended(&mut shapes, &join(&block, "attention"), below);
        }
        if let Some(quantise) = config.codes_of(resolution) {
            let path = join(&block, "codes");
            shapes.push((join(&path, "count"), vec![quantise.codes]));
            shapes.push((join(&path, "sum"), vec![quantise.codes, below]));
        }
    }
    let last = config.channels_at(4);
    shapes.push(("b4.conv.weight".into(), axes::kernel(last, last + 1, 3, dimensions)));
    shapes.push(("b4.conv.bias".into(), vec![last]));
    linear(&mut shapes, "b4.fc", last * 4_i64.pow(dimensions as u32), last);
    linear(&mut shapes, "b4.out", last, if c_dim > 0 { last } else { 1 });
    if c_dim > 0 {
        mapping(&mut shapes, [0, c_dim, last], config.mapping_layers);
    }
    shapes
}

/// Layers below "mapping" from z_dim and c_dim to the width.
fn mapping(shapes: &mut Shapes, [z_dim, c_dim, width]: [i64; 3], layers: i64) {
    if c_dim > 0 {
        linear(shapes, "mapping.embed", c_dim, width);
    }
    let first = z_dim + if c_dim > 0 { width } else { 0 };
    for layer in 0..layers {
        linear(shapes, &format!("mapping.fc{layer}"), if layer == 0 { first } else { width }, width);
    }
}

/// Self-attention over activations of so many channels.
fn attended(shapes: &mut Shapes, path: &str, channels: i64) {
    let [compared, passed] = attention::widths(channels);
    for (name, inputs, outputs) in [
        ("query", channels, compared),
        ("key", channels, compared),
        ("value", channels, passed),
        ("out", passed, channels),
    ] {
        shapes.push((join(&join(path, name), "weight"), axes::kernel(outputs, inputs, 1, 2)));
    }
    shapes.push((join(path, "gamma"), vec![]));
}

fn linear(shapes: &mut Shapes, path: &str, inputs: i64, outputs: i64) {
    shapes.push((join(path, "weight"), vec![outputs, inputs]));
    shapes.push((join(path, "bias"), vec![outputs]));
}

/// A square or a cube.
fn cube(side: i64, dimensions: i64) -> Vec<i64> {
    (0..dimensions).map(|_| side).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tch::Device;

    use super::*;
    use crate::nets::layers::resample::Resampling;
    use crate::nets::stylegan2::QuantiseConfig;
    use crate::nets::{Discriminator, Generator, Network};
    use crate::seed::RunSeed;

    #[test]
    fn shapes_are_those_of_the_networks_that_are_built() {
        let of = |network: &dyn Network| -> BTreeMap<String, Vec<i64>> {
            network.tensors().into_iter().map(|(name, tensor)| (name, tensor.size())).collect()
        };
        for (c_dim, dimensions, resolution) in [(0, 2, 32), (3, 2, 8), (0, 3, 8), (2, 3, 16)] {
            let small = GeneratorConfig { channel_base: 64, channel_max: 8, ..GeneratorConfig::small(resolution, 2) };
            let config = GeneratorConfig { z_dim: 5, w_dim: 6, c_dim, dimensions, mapping_layers: 3, ..small };
            let network = Generator::new(&config, RunSeed(0), Device::Cpu).unwrap();
            let told = generator(&config);
            assert_eq!(numbers(&told), network.tensors().values().map(|tensor| tensor.numel() as u128).sum());
            assert_eq!(told.into_iter().collect::<BTreeMap<_, _>>(), of(&network));
            let config = DiscriminatorConfig { mapping_layers: 2, ..DiscriminatorConfig::matching(&config) };
            let network = Discriminator::new(&config, RunSeed(0), Device::Cpu).unwrap();
            assert_eq!(discriminator(&config).into_iter().collect::<BTreeMap<_, _>>(), of(&network));
        }
        for (modulation, attention) in
            [(Modulation::Adain, None), (Modulation::Weights, Some(8)), (Modulation::Adain, Some(4))]
        {
            let small = GeneratorConfig { channel_base: 128, channel_max: 24, ..GeneratorConfig::small(16, 2) };
            let config = GeneratorConfig { modulation, attention, resampling: Resampling::Transposed, ..small };
            let network = Generator::new(&config, RunSeed(0), Device::Cpu).unwrap();
            assert_eq!(generator(&config).into_iter().collect::<BTreeMap<_, _>>(), of(&network));
            let quantise = Some(QuantiseConfig { sides: vec![4, 8], codes: 5, ..QuantiseConfig::default() });
            let config = DiscriminatorConfig { quantise, ..DiscriminatorConfig::matching(&config) };
            let network = Discriminator::new(&config, RunSeed(0), Device::Cpu).unwrap();
            assert_eq!(discriminator(&config).into_iter().collect::<BTreeMap<_, _>>(), of(&network));
        }
    }
}

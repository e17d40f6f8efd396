//! Modules of the reference's networks that ours compute the same as: class, settings and tensors of each, by path.
//!
//! Import holds a pickle to this table, so that whatever ours do not express is refused by name; export takes the
//! names from it.

use std::f64::consts::SQRT_2;

use super::value::Value;
use crate::nets::{DiscriminatorConfig, GeneratorConfig};

/// Buffer of the low-pass filter; ours keep none, since there is one filter only.
pub const FILTER: &str = "resample_filter";

/// A module.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Names of the modules that hold it, joined by dots.
    pub path: String,
    /// Python's class name.
    pub class: &'static str,
    /// Attributes that decide what the module computes.
    pub settings: Vec<(&'static str, Setting)>,
    /// Own parameters and buffers with their shapes.
    pub tensors: Vec<(&'static str, Vec<i64>)>,
}

/// What an attribute has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// A string.
    Text(&'static str),
    /// A number, whole or not.
    Number(f64),
    /// True or False.
    Flag(bool),
    /// Python's None.
    None,
}

impl Setting {
    /// Gains were computed in float64 by NumPy or Python; they agree to rounding.
    pub fn matches(self, value: Value<'_>) -> bool {
        let near = |found: f64, expected: f64| (found - expected).abs() <= 1e-9 * expected.abs();
        match (self, value) {
            (Self::Text(expected), Value::Text(found)) => found == expected,
            (Self::Number(expected), Value::Int(found)) => near(found as f64, expected),
            (Self::Number(expected), Value::Float(found)) => near(found, expected),
            (Self::Flag(expected), Value::Bool(found)) => found == expected,
            (Self::None, Value::None) => true,
            _ => false,
        }
    }

    /// As Python writes it.
    pub fn describe(self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => if flag { "True" } else { "False" }.into(),
            Self::None => "None".into(),
        }
    }

    fn clamp(bound: Option<f64>) -> Self {
        bound.map_or(Self::None, Self::Number)
    }
}

/// Modules of a generator.
pub fn generator(config: &GeneratorConfig) -> Vec<Layer> {
    let GeneratorConfig { z_dim, w_dim, c_dim, .. } = *config;
    let clamp = Setting::clamp(config.conv_clamp);
    let number = |value: i64| Setting::Number(value as f64);
    let mut layers = vec![
        layer("", "Generator", vec![("num_ws", number(config.num_ws()))], vec![]),
        layer("synthesis", "SynthesisNetwork", vec![("num_ws", number(config.num_ws()))], vec![]),
    ];
    let mut settings = vec![("z_dim", number(z_dim)), ("c_dim", number(c_dim)), ("w_dim", number(w_dim))];
    settings.extend([("num_ws", number(config.num_ws())), ("num_layers", number(config.mapping_layers))]);
    layers.push(layer("mapping", "MappingNetwork", settings, vec![("w_avg", vec![w_dim])]));
    mapping(&mut layers, z_dim, c_dim, w_dim, config.mapping_layers);
    let mut inputs = config.channels_at(4);
    for resolution in resolutions(config.resolution) {
        let path = format!("synthesis.b{resolution}");
        let outputs = config.channels_at(resolution);
        let mut tensors = vec![(FILTER, vec![4, 4])];
        if resolution == 4 {
            tensors.push(("const", vec![outputs, 4, 4]));
        }
        layers.push(layer(&path, "SynthesisBlock", vec![("architecture", Setting::Text("skip"))], tensors));
        for (name, inputs, up) in [("conv0", inputs, 2), ("conv1", outputs, 1)] {
            if resolution == 4 && name == "conv0" {
                continue;
            }
            let path = format!("{path}.{name}");
            let settings = vec![
                ("up", number(up)),
                ("use_noise", Setting::Flag(true)),
                ("activation", Setting::Text("lrelu")),
                ("conv_clamp", clamp),
                ("padding", Setting::Number(1.0)),
                ("act_gain", Setting::Number(SQRT_2)),
            ];
            let tensors = vec![
                ("weight", vec![outputs, inputs, 3, 3]),
                ("noise_strength", vec![]),
                ("bias", vec![outputs]),
                (FILTER, vec![4, 4]),
                ("noise_const", vec![resolution, resolution]),
            ];
            layers.push(layer(&path, "SynthesisLayer", settings, tensors));
            layers.push(fully_connected(&format!("{path}.affine"), w_dim, inputs, "linear", 1.0));
        }
        let path = format!("{path}.torgb");
        let settings = vec![("conv_clamp", clamp), ("weight_gain", Setting::Number(1.0 / (outputs as f64).sqrt()))];
        let tensors = vec![("weight", vec![config.channels, outputs, 1, 1]), ("bias", vec![config.channels])];
        layers.push(layer(&path, "ToRGBLayer", settings, tensors));
        layers.push(fully_connected(&format!("{path}.affine"), w_dim, outputs, "linear", 1.0));
        inputs = outputs;
    }
    layers
}

/// Modules of a discriminator.
pub fn discriminator(config: &DiscriminatorConfig) -> Vec<Layer> {
    let residual = ("architecture", Setting::Text("resnet"));
    let clamp = config.conv_clamp;
    let mut layers = vec![layer("", "Discriminator", vec![], vec![])];
    for resolution in resolutions(config.resolution).rev().filter(|&resolution| resolution > 4) {
        let path = format!("b{resolution}");
        let (here, below) = (config.channels_at(resolution), config.channels_at(resolution / 2));
        layers.push(layer(&path, "DiscriminatorBlock", vec![residual], vec![(FILTER, vec![4, 4])]));
        if resolution == config.resolution {
            layers.push(convolution(&format!("{path}.fromrgb"), [config.channels, here, 1, 1], Some(clamp)));
        }
        layers.push(convolution(&format!("{path}.conv0"), [here, here, 3, 1], Some(clamp)));
        layers.push(convolution(&format!("{path}.conv1"), [here, below, 3, 2], Some(clamp)));
        layers.push(convolution(&format!("{path}.skip"), [here, below, 1, 2], None));
    }
    let last = config.channels_at(4);
    let classes = config.c_dim > 0;
    let cmap = if classes { last } else { 0 };
    layers.push(layer(
        "b4",
        "DiscriminatorEpilogue",
        vec![residual, ("cmap_dim", Setting::Number(cmap as f64))],
        vec![],
    ));
    let group = [("group_size", Setting::Number(config.mbstd_group as f64)), ("num_channels", Setting::Number(1.0))];
    layers.push(layer("b4.mbstd", "MinibatchStdLayer", group.to_vec(), vec![]));
    layers.push(convolution("b4.conv", [last + 1, last, 3, 1], Some(clamp)));
    layers.push(fully_connected("b4.fc", last * 16, last, "lrelu", 1.0));
    layers.push(fully_connected("b4.out", last, cmap.max(1), "linear", 1.0));
    if classes {
        let number = |value: i64| Setting::Number(value as f64);
        let settings = vec![("z_dim", number(0)), ("c_dim", number(config.c_dim)), ("w_dim", number(last))];
        layers.push(layer("mapping", "MappingNetwork", settings, vec![]));
        mapping(&mut layers, 0, config.c_dim, last, config.mapping_layers);
    }
    layers
}

/// Layers below "mapping".
fn mapping(layers: &mut Vec<Layer>, z_dim: i64, c_dim: i64, width: i64, depth: i64) {
    const MULTIPLIER: f64 = 0.01;
    if c_dim > 0 {
        layers.push(fully_connected("mapping.embed", c_dim, width, "linear", 1.0));
    }
    for i in 0..depth {
        let first = z_dim + if c_dim > 0 { width } else { 0 };
        let inputs = if i == 0 { first } else { width };
        layers.push(fully_connected(&format!("mapping.fc{i}"), inputs, width, "lrelu", MULTIPLIER));
    }
}

fn fully_connected(path: &str, inputs: i64, outputs: i64, activation: &'static str, multiplier: f64) -> Layer {
    let settings = vec![
        ("activation", Setting::Text(activation)),
        ("weight_gain", Setting::Number(multiplier / (inputs as f64).sqrt())),
        ("bias_gain", Setting::Number(multiplier)),
    ];
    layer(path, "FullyConnectedLayer", settings, vec![("weight", vec![outputs, inputs]), ("bias", vec![outputs])])
}

/// `shape` is inputs, outputs, kernel, halving factor; without `clamp` it is a skip: linear, no bias.
fn convolution(path: &str, shape: [i64; 4], clamp: Option<Option<f64>>) -> Layer {
    let [inputs, outputs, kernel, down] = shape;
    let skip = clamp.is_none();
    let settings = vec![
        ("activation", Setting::Text(if skip { "linear" } else { "lrelu" })),
        ("up", Setting::Number(1.0)),
        ("down", Setting::Number(down as f64)),
        ("conv_clamp", Setting::clamp(clamp.flatten())),
        ("padding", Setting::Number((kernel / 2) as f64)),
        ("weight_gain", Setting::Number(1.0 / ((inputs * kernel * kernel) as f64).sqrt())),
        ("act_gain", Setting::Number(if skip { 1.0 } else { SQRT_2 })),
    ];
    let mut tensors = vec![("weight", vec![outputs, inputs, kernel, kernel]), (FILTER, vec![4, 4])];
    if !skip {
        tensors.push(("bias", vec![outputs]));
    }
    layer(path, "Conv2dLayer", settings, tensors)
}

fn layer(
    path: &str,
    class: &'static str,
    settings: Vec<(&'static str, Setting)>,
    tensors: Vec<(&'static str, Vec<i64>)>,
) -> Layer {
    Layer { path: path.to_owned(), class, settings, tensors }
}

/// 4, 8, .. `resolution`.
fn resolutions(resolution: i64) -> impl DoubleEndedIterator<Item = i64> {
    (2..=resolution.ilog2()).map(|log2| 1_i64 << log2)
}

/// Full name of a tensor.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tch::Device;

    use super::*;
    use crate::nets::{Discriminator, Generator, Network};
    use crate::seed::RunSeed;

    fn shapes(layers: &[Layer]) -> BTreeMap<String, Vec<i64>> {
        let own = layers.iter().flat_map(|layer| layer.tensors.iter().map(move |tensor| (layer, tensor)));
        let kept = own.filter(|(_, (name, _))| *name != FILTER);
        kept.map(|(layer, (name, shape))| (join(&layer.path, name), shape.clone())).collect()
    }

    #[test]
    fn the_table_names_exactly_the_tensors_of_our_networks() {
        for c_dim in [0, 3] {
            let config = GeneratorConfig { c_dim, mapping_layers: 3, w_dim: 24, ..GeneratorConfig::small(32, 2) };
            let ours = Generator::new(&config, RunSeed(0), Device::Cpu).unwrap().tensors();
            let ours: BTreeMap<_, _> = ours.into_iter().map(|(name, tensor)| (name, tensor.size())).collect();
            assert_eq!(shapes(&generator(&config)), ours);
            let config = DiscriminatorConfig::matching(&config);
            let ours = Discriminator::new(&config, RunSeed(0), Device::Cpu).unwrap().tensors();
            let ours: BTreeMap<_, _> = ours.into_iter().map(|(name, tensor)| (name, tensor.size())).collect();
            assert_eq!(shapes(&discriminator(&config)), ours);
        }
    }

    #[test]
    fn settings_are_compared_by_value() {
        assert!(Setting::Number(256.0).matches(Value::Int(256)));
        assert!(Setting::Number(0.01).matches(Value::Float(0.01)));
        assert!(!Setting::Number(1.0).matches(Value::Bool(true)));
        assert!(!Setting::None.matches(Value::Int(0)));
        assert!(!Setting::Text("skip").matches(Value::Text("resnet")));
        assert!(!Setting::Number(1.0).matches(Value::Float(f64::NAN)));
    }
}

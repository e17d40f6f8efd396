//! Sizes of the networks from the settings that the modules keep.

use std::collections::BTreeMap;

use super::modules::{Module, whole, whole_value};
use super::value::Value;
use crate::nets::layers::resample::Resampling;
use crate::nets::{DiscriminatorConfig, GeneratorConfig, Modulation};
use crate::problem::{Kind, Problem, Result};

/// Modules of a network by path.
pub type Modules<'h, 'a> = BTreeMap<String, Module<'h, 'a>>;

/// Larger than any size of a network; products of a few of them stay far from overflow.
const LARGEST: i64 = 1 << 16;

/// What the reference assumes where no channel numbers are given.
const CHANNEL_BASE: i64 = 32768;
const CHANNEL_MAX: i64 = 512;

/// Sizes of the generator `modules`, and at how many of its resolutions the reference would compute in fp16 on a GPU.
///
/// # Errors
/// A setting that is missing, no number, or none that our generator can have.
pub fn generator(modules: &Modules<'_, '_>) -> Result<(GeneratorConfig, i64)> {
    let root = module(modules, "")?;
    let mapping = module(modules, "mapping")?;
    let synthesis = module(modules, "synthesis")?;
    let config = GeneratorConfig {
        z_dim: size(root, "", "z_dim")?,
        w_dim: size(root, "", "w_dim")?,
        c_dim: size(root, "", "c_dim")?,
        resolution: size(root, "", "img_resolution")?,
        channels: size(root, "", "img_channels")?,
        channel_base: argument(synthesis, "channel_base", CHANNEL_BASE)?,
        channel_max: argument(synthesis, "channel_max", CHANNEL_MAX)?,
        mapping_layers: depth(mapping, modules)?,
        conv_clamp: clamp(module(modules, "synthesis.b4.conv1")?, "synthesis.b4.conv1")?,
        dimensions: 2,
        modulation: Modulation::Weights,
        resampling: Resampling::Filter,
        attention: None,
    };
    config.validate().map_err(unsupported)?;
    Ok((config, argument(synthesis, "num_fp16_res", 0)?))
}

/// Sizes of the discriminator `modules`.
///
/// # Errors
/// See [`generator`].
pub fn discriminator(modules: &Modules<'_, '_>) -> Result<DiscriminatorConfig> {
    let root = module(modules, "")?;
    let c_dim = size(root, "", "c_dim")?;
    let config = DiscriminatorConfig {
        c_dim,
        resolution: size(root, "", "img_resolution")?,
        channels: size(root, "", "img_channels")?,
        channel_base: argument(root, "channel_base", CHANNEL_BASE)?,
        channel_max: argument(root, "channel_max", CHANNEL_MAX)?,
        mapping_layers: match c_dim {
            0 => 8,
            _ => depth(module(modules, "mapping")?, modules)?,
        },
        conv_clamp: clamp(module(modules, "b4.conv")?, "b4.conv")?,
        mbstd_group: size(module(modules, "b4.mbstd")?, "b4.mbstd", "group_size")?,
        dimensions: 2,
        resampling: Resampling::Filter,
        attention: None,
        quantise: None,
    };
    config.validate().map_err(unsupported)?;
    Ok(config)
}

fn module<'m, 'h, 'a>(modules: &'m Modules<'h, 'a>, path: &str) -> Result<&'m Module<'h, 'a>> {
    modules.get(path).ok_or_else(|| {
        Problem::new(Kind::Input, format!("the network has no module {path}")).expected("a StyleGAN2 network")
    })
}

/// Layers of a mapping, each of which is a module; so a number out of nowhere makes no long table.
fn depth(mapping: &Module<'_, '_>, modules: &Modules<'_, '_>) -> Result<i64> {
    let found = size(mapping, "mapping", "num_layers")?;
    if found < modules.len() as i64 {
        Ok(found)
    } else {
        Err(Problem::new(Kind::Input, format!("mapping: num_layers is {found}"))
            .expected(format!("fewer than the network's {} modules", modules.len())))
    }
}

fn size(module: &Module<'_, '_>, path: &str, name: &str) -> Result<i64> {
    let found = whole(module, if path.is_empty() { module.class() } else { path }, name)?;
    in_range(name, found)
}

/// A named argument, or what it is by default.
fn argument(module: &Module<'_, '_>, name: &str, default: i64) -> Result<i64> {
    match module.argument(name) {
        None => Ok(default),
        Some(value) => {
            let what = || Problem::new(Kind::Input, format!("{name} is {}", module.heap().describe(value)));
            in_range(name, whole_value(value).ok_or_else(what)?)
        }
    }
}

fn in_range(name: &str, found: i64) -> Result<i64> {
    if (0..=LARGEST).contains(&found) {
        Ok(found)
    } else {
        Err(Problem::new(Kind::Input, format!("{name} is {found}")).expected(format!("at most {LARGEST}")))
    }
}

fn clamp(module: &Module<'_, '_>, path: &str) -> Result<Option<f64>> {
    match module.attribute("conv_clamp").unwrap_or(Value::None) {
        Value::None => Ok(None),
        Value::Int(bound) => Ok(Some(bound as f64)),
        Value::Float(bound) => Ok(Some(bound)),
        other => Err(Problem::new(Kind::Input, format!("{path}: conv_clamp is {}", module.heap().describe(other)))),
    }
}

/// Our own check of sizes speaks of options; here it is the file that does not fit.
fn unsupported(problem: Problem) -> Problem {
    Problem::new(Kind::Input, format!("the network has {problem}"))
}

//! Starting from a network that was trained for something slightly else: without classes, or with other channels.
//!
//! What the two have in common is copied. The mapping starts with zeros for the class, so that a generator draws at
//! first what it drew before; what has no counterpart keeps its random start.

use tch::Tensor;

use crate::nets::Discriminator;
use crate::nets::network::Named;
use crate::nets::stylegan2::config::resolutions;
use crate::nets::{DiscriminatorConfig, Generator, GeneratorConfig, Network};
use crate::problem::{Problem, Result};
use crate::records::spelling;

/// For each channel of the new network the channel of the old one that shows the same, where there is one.
pub type ChannelMap = [Option<i64>];

/// What starts anew, e.g. "mapping.embed"; empty where everything was copied.
pub type Fresh = Vec<String>;

/// Copies `source` into `target` as far as the two agree.
///
/// # Errors
/// They differ in more than classes and channels.
pub fn generator(target: &mut Generator, source: &Generator, channels: &ChannelMap) -> Result<Fresh> {
    let (new, old) = (target.config().clone(), source.config().clone());
    let alike = GeneratorConfig { c_dim: old.c_dim, channels: old.channels, ..new.clone() };
    let same_channels = widths(&alike) == widths(&old);
    // Two pairs of base and maximum can mean the same layers.
    let alike = if same_channels {
        GeneratorConfig { channel_base: old.channel_base, channel_max: old.channel_max, ..alike }
    } else {
        alike
    };
    if alike != old {
        return Err(other_sizes(&old, &alike));
    }
    let mut fresh = Fresh::new();
    let mut merged = source.tensors();
    if new.c_dim != old.c_dim {
        merged.retain(|name, _| !name.starts_with("mapping.embed."));
        let first = "mapping.fc0.weight";
        merged.insert(first.into(), resized_inputs(&merged[first], &target.tensors()[first], new.z_dim));
        fresh.push("the class's embedding".into());
    }
    if new.channels != old.channels || !is_identity(channels) {
        for (name, tensor) in target.tensors().iter().filter(|(name, _)| is_to_image(name)) {
            merged.insert(name.clone(), chosen(&merged[name], tensor, channels, 0, 1.0));
        }
        fresh.extend(fresh_channels(channels));
    }
    adopt(target, merged)?;
    Ok(fresh)
}

/// As [`generator`] for the discriminator.
///
/// # Errors
/// They differ in more than classes and channels.
pub fn discriminator(target: &mut Discriminator, source: &Discriminator, channels: &ChannelMap) -> Result<Fresh> {
    let (new, old) = (target.config().clone(), source.config().clone());
    let alike = DiscriminatorConfig { c_dim: old.c_dim, channels: old.channels, ..new.clone() };
    // Without classes the depth of the class mapping means nothing.
    let alike = match old.c_dim {
        0 => DiscriminatorConfig { mapping_layers: old.mapping_layers, ..alike },
        _ => alike,
    };
    let widths = |of: &DiscriminatorConfig| -> Vec<i64> {
        resolutions(of.resolution).map(|side| of.channels_at(side)).collect()
    };
    let same_channels = widths(&alike) == widths(&old);
    let alike = if same_channels {
        DiscriminatorConfig { channel_base: old.channel_base, channel_max: old.channel_max, ..alike }
    } else {
        alike
    };
    // Codes are not learnt by gradient: others find their features soon.
    let alike = DiscriminatorConfig { quantise: old.quantise.clone(), ..alike };
    if alike != old {
        return Err(other_discriminator(&old, &alike));
    }
    let mut fresh = Fresh::new();
    let mut merged = source.tensors();
    let own = target.tensors();
    let fits = |name: &String, tensor: &Tensor| own.get(name).is_some_and(|own| own.size() == tensor.size());
    merged.retain(|name, tensor| !is_of_codes(name) || fits(name, tensor));
    if own.keys().any(|name| is_of_codes(name) && !merged.contains_key(name)) {
        fresh.push("the discriminator's codes".into());
    }
    if new.c_dim != old.c_dim {
        merged.retain(|name, _| !name.starts_with("mapping.") && !name.starts_with("b4.out."));
        fresh.push("the discriminator's last layer and its class mapping".into());
    }
    if new.channels != old.channels || !is_identity(channels) {
        let name = format!("b{}.fromrgb.weight", new.resolution);
        // Weights are scaled at run time by one over the root of the number of inputs.
        let gain = (new.channels as f64 / old.channels as f64).sqrt();
        merged.insert(name.clone(), chosen(&merged[&name], &target.tensors()[&name], channels, 1, gain));
    }
    adopt(target, merged)?;
    Ok(fresh)
}

/// Loads what `merged` has; the network keeps the rest.
fn adopt<N: Network>(network: &mut N, merged: Named) -> Result<()> {
    let mut all = network.tensors();
    all.extend(merged);
    network.load(&all)
}

/// \[out, old\] as \[out, new\]: the first `shared` columns (the latent's), then zeros, at the same outputs for the
/// same latents.
fn resized_inputs(old: &Tensor, new: &Tensor, shared: i64) -> Tensor {
    let gain = (new.size()[1] as f64 / old.size()[1] as f64).sqrt();
    let resized = new.detach().zeros_like();
    resized.narrow(1, 0, shared).copy_(&(old.detach().narrow(1, 0, shared) * gain));
    resized
}

/// `new` with what `old` knows of its channels along `axis`, times `gain`.
fn chosen(old: &Tensor, new: &Tensor, channels: &ChannelMap, axis: i64, gain: f64) -> Tensor {
    let result = new.detach().copy();
    for (to, from) in (0..).zip(channels) {
        if let Some(from) = *from {
            result.narrow(axis, to, 1).copy_(&(old.detach().narrow(axis, from, 1) * gain));
        }
    }
    result
}

fn is_of_codes(name: &str) -> bool {
    name.contains(".codes.")
}

fn is_to_image(name: &str) -> bool {
    name.ends_with(".torgb.weight") || name.ends_with(".torgb.bias")
}

fn is_identity(channels: &ChannelMap) -> bool {
    (0..).zip(channels).all(|(to, from)| *from == Some(to))
}

fn fresh_channels(channels: &ChannelMap) -> Option<String> {
    let fresh: Vec<String> =
        (0..).zip(channels).filter(|(_, from)| from.is_none()).map(|(to, _): (usize, _)| to.to_string()).collect();
    (!fresh.is_empty()).then(|| format!("channel {}", fresh.join(", ")))
}

/// Channels of the layers from 4 pixels up.
fn widths(of: &GeneratorConfig) -> Vec<i64> {
    resolutions(of.resolution).map(|side| of.channels_at(side)).collect()
}

const NO_ATTENTION: &str = "none";

/// What makes a network another than StyleGAN2, or does not.
fn variants(of: &GeneratorConfig) -> [(&'static str, String); 3] {
    [
        ("modulation", spelling::name(&of.modulation)),
        ("resampling", spelling::name(&of.resampling)),
        ("attention", of.attention.map_or(NO_ATTENTION.to_owned(), |side| side.to_string())),
    ]
}

/// Says in words what differs, and which settings make it equal where settings can.
fn other_sizes(base: &GeneratorConfig, own: &GeneratorConfig) -> Problem {
    let sizes = |of: &GeneratorConfig| {
        [
            ("z_dim", of.z_dim),
            ("w_dim", of.w_dim),
            ("channel_base", of.channel_base),
            ("channel_max", of.channel_max),
            ("mapping_layers", of.mapping_layers),
        ]
    };
    let mut differs = Vec::new();
    let side = |of: &GeneratorConfig| match of.dimensions {
        2 => format!("images of {} pixels a side", of.resolution),
        _ => format!("volumes of {} voxels a side", of.resolution),
    };
    let bound = |of: &GeneratorConfig| match of.conv_clamp {
        None => "activations without bound".to_owned(),
        Some(bound) => format!("activations bounded at {bound}"),
    };
    for words in [&side as &dyn Fn(&GeneratorConfig) -> String, &bound] {
        if words(base) != words(own) {
            differs.push((words(base), words(own)));
        }
    }
    let fixed = !differs.is_empty();
    let settings: Vec<_> = sizes(base).into_iter().zip(sizes(own)).filter(|(base, own)| base != own).collect();
    let mut set: Vec<String> = settings.iter().map(|((name, value), _)| format!("--set net.{name}={value}")).collect();
    let mut left_out = None;
    for ((name, base), (_, own)) in variants(base).into_iter().zip(variants(own)).filter(|(base, own)| base != own) {
        if base == NO_ATTENTION {
            left_out = Some(format!("leave net.{name} out"));
        } else {
            set.push(format!("--set net.{name}={base}"));
        }
        differs.push((format!("{name} {base}"), format!("{name} {own}")));
    }
    let added = (!set.is_empty()).then(|| format!("add {}", set.join(" ")));
    let steps: Vec<String> = added.into_iter().chain(left_out).collect();
    differs.extend(settings.iter().map(|((name, base), (_, own))| (format!("{name} {base}"), format!("{name} {own}"))));
    let list = |of: &dyn Fn(&(String, String)) -> &str| differs.iter().map(of).collect::<Vec<_>>().join(", ");
    let advice = if !fixed {
        format!("{} (in a study: the same keys under [train.net]), or train with base none", steps.join(" and "))
    } else if side(base) != side(own) {
        format!("prepare the data with patches of {}, or train with base none", base.resolution)
    } else {
        "train with base none: no setting changes that".into()
    };
    Problem::usage(format!("a base network of other sizes: {}", list(&|pair| &pair.0)))
        .expected(format!("{}, as this training has it", list(&|pair| &pair.1)))
        .advice(advice)
}

/// The generator fits, so what differs are the discriminator's own sizes, which are not set.
fn other_discriminator(base: &DiscriminatorConfig, own: &DiscriminatorConfig) -> Problem {
    let words = |of: &DiscriminatorConfig| {
        let bound = of.conv_clamp.map_or("without bound".to_owned(), |bound| format!("bounded at {bound}"));
        let channels: Vec<String> = resolutions(of.resolution).map(|side| of.channels_at(side).to_string()).collect();
        let variants: String = of.departures().iter().map(|(name, word)| format!(", {name} {word}")).collect();
        format!(
            "{} pixels, layers of {} channels, activations {bound}, deviation over {} images, mapping of {} layers{variants}",
            of.resolution,
            channels.join(", "),
            of.mbstd_group,
            of.mapping_layers
        )
    };
    Problem::usage(format!("a base network whose discriminator has other sizes: {}", words(base)))
        .expected(format!("{}, as this training has it", words(own)))
        .advice("import the network again with --without-discriminator, or train with base none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::seeds;
    use crate::nets::layers::resample::Resampling;
    use crate::nets::{Modulation, Noise, QuantiseConfig};
    use crate::seed::RunSeed;
    use tch::Device;

    fn config(channels: i64, c_dim: i64) -> GeneratorConfig {
        let small = GeneratorConfig::small(16, channels);
        GeneratorConfig { z_dim: 8, w_dim: 6, c_dim, channel_base: 64, channel_max: 8, ..small }
    }

    fn pair(channels: i64, c_dim: i64, seed: u64) -> (Generator, Discriminator) {
        let config = config(channels, c_dim);
        (
            Generator::new(&config, RunSeed(seed), Device::Cpu).unwrap(),
            Discriminator::new(&DiscriminatorConfig::matching(&config), RunSeed(seed), Device::Cpu).unwrap(),
        )
    }

    fn images(generator: &Generator, class: Option<i64>) -> Tensor {
        let z = seeds::latents(&[1, 2], 8);
        let c = class.map(|class| Tensor::from_slice(&[class, class]).one_hot(2).to_kind(tch::Kind::Float));
        tch::no_grad(|| generator.forward(&z, c.as_ref(), &Noise::Const))
    }

    #[test]
    fn a_conditional_generator_starts_where_the_unconditional_one_ended() {
        let (old, old_d) = pair(1, 0, 1);
        let (mut new, mut new_d) = pair(1, 2, 2);
        assert_eq!(generator(&mut new, &old, &[Some(0)]).unwrap().len(), 1);
        for class in [0, 1] {
            assert!(images(&new, Some(class)).allclose(&images(&old, None), 1e-5, 1e-6, false));
        }
        assert_eq!(discriminator(&mut new_d, &old_d, &[Some(0)]).unwrap().len(), 1);
        let x = images(&old, None);
        assert!(new_d.features(&x)[0].equal(&old_d.features(&x)[0]));
        assert_eq!(new_d.tensors()["b4.out.weight"].size()[0], 8);
    }

    #[test]
    fn channels_are_taken_by_what_they_show() {
        let (old, old_d) = pair(3, 0, 1);
        let (mut new, mut new_d) = pair(2, 0, 2);
        // The old third channel first; the second shows something that the old network never saw.
        assert_eq!(generator(&mut new, &old, &[Some(2), None]).unwrap(), ["channel 1"]);
        let (was, is) = (images(&old, None), images(&new, None));
        assert!(is.narrow(1, 0, 1).allclose(&was.narrow(1, 2, 1), 1e-5, 1e-6, false));
        discriminator(&mut new_d, &old_d, &[Some(2), None]).unwrap();
        // An image whose other channels are zero looks the same to both.
        let silent = &is.narrow(1, 0, 1) * 0.0;
        let new_x = Tensor::cat(&[is.narrow(1, 0, 1), silent.shallow_clone()], 1);
        let old_x = Tensor::cat(&[silent.shallow_clone(), silent, is.narrow(1, 0, 1)], 1);
        assert!(new_d.features(&new_x)[0].allclose(&old_d.features(&old_x)[0], 1e-4, 1e-5, false));
    }

    #[test]
    fn other_sizes_are_refused() {
        let (old, _) = pair(1, 0, 1);
        let mut new = Generator::new(&GeneratorConfig { w_dim: 7, ..config(1, 0) }, RunSeed(0), Device::Cpu).unwrap();
        let problem = generator(&mut new, &old, &[Some(0)]).unwrap_err().to_string();
        assert!(problem.contains("other sizes: w_dim 6; expected w_dim 7"), "{problem}");
        assert!(problem.contains("add --set net.w_dim=6 (in a study"), "{problem}");
        let unbounded = GeneratorConfig { conv_clamp: None, ..config(1, 0) };
        let old = Generator::new(&unbounded, RunSeed(0), Device::Cpu).unwrap();
        let problem = generator(&mut pair(1, 0, 1).0, &old, &[Some(0)]).unwrap_err().to_string();
        assert!(problem.contains("without bound; expected activations bounded at 256"), "{problem}");
        let other = DiscriminatorConfig { mbstd_group: 8, ..DiscriminatorConfig::matching(&config(1, 0)) };
        let other = Discriminator::new(&other, RunSeed(0), Device::Cpu).unwrap();
        let problem = discriminator(&mut pair(1, 0, 1).1, &other, &[Some(0)]).unwrap_err().to_string();
        assert!(problem.contains("over 8 images") && problem.contains("--without-discriminator"), "{problem}");
    }

    #[test]
    fn another_variant_is_refused_with_what_makes_it_equal() {
        let plain = || config(1, 0);
        let adain = GeneratorConfig { modulation: Modulation::Adain, ..plain() };
        let attention = GeneratorConfig { attention: Some(8), ..plain() };
        let strided = GeneratorConfig { resampling: Resampling::Transposed, attention: Some(4), ..plain() };
        for (base, own, says) in [
            (&adain, &plain(), ["modulation adain; expected modulation weights", "add --set net.modulation=adain (in"]),
            (&attention, &plain(), ["attention 8; expected attention none", "add --set net.attention=8 (in"]),
            (&plain(), &attention, ["attention none; expected attention 8", "to do: leave net.attention out (in"]),
            (
                &plain(),
                &strided,
                ["resampling filter, attention none; expected", "net.resampling=filter and leave net.attention out"],
            ),
        ] {
            let [base, mut own] = [base, own].map(|of| Generator::new(of, RunSeed(1), Device::Cpu).unwrap());
            let problem = generator(&mut own, &base, &[Some(0)]).unwrap_err().to_string();
            assert!(says.iter().all(|words| problem.contains(words)), "{problem}");
        }
        let mut same = Generator::new(&adain, RunSeed(2), Device::Cpu).unwrap();
        let base = Generator::new(&adain, RunSeed(1), Device::Cpu).unwrap();
        assert!(generator(&mut same, &base, &[Some(0)]).unwrap().is_empty());
        assert!(images(&same, None).equal(&images(&base, None)));
    }

    #[test]
    fn codes_are_taken_along_where_both_have_them() {
        let codes =
            |sides: &[i64], codes| Some(QuantiseConfig { sides: sides.into(), codes, ..QuantiseConfig::default() });
        let network = |quantise, seed| {
            let config = DiscriminatorConfig { quantise, ..DiscriminatorConfig::matching(&config(1, 0)) };
            Discriminator::new(&config, RunSeed(seed), Device::Cpu).unwrap()
        };
        let sum = |of: &Discriminator| of.tensors()["b8.codes.sum"].copy();
        let anew = ["the discriminator's codes"];
        for (old, new, fresh, kept) in [
            (None, codes(&[4], 6), &anew[..], false),
            (codes(&[4], 6), None, &[], false),
            (codes(&[4], 6), codes(&[4], 6), &[], true),
            (codes(&[4], 6), codes(&[4], 7), &anew, false),
            (codes(&[4], 6), codes(&[8, 4], 6), &anew, true),
        ] {
            let (old, mut new) = (network(old, 1), network(new, 2));
            assert_eq!(discriminator(&mut new, &old, &[Some(0)]).unwrap(), fresh);
            if kept {
                assert!(sum(&new).equal(&sum(&old)));
            }
            assert!(new.tensors()["b4.fc.weight"].equal(&old.tensors()["b4.fc.weight"]));
        }
    }

    #[test]
    fn another_pair_of_channel_settings_with_the_same_layers_is_no_other_size() {
        let (old, old_d) = pair(1, 0, 1);
        // min(64 / R, 8) is 8, 8, 4 at 4, 8 and 16 pixels; min(65 / R, 8) is the same, the other two are not.
        let same = GeneratorConfig { channel_base: 64, channel_max: 16, ..config(1, 0) };
        let wider = GeneratorConfig { channel_base: 128, ..config(1, 0) };
        for (config, fits) in
            [(same, false), (wider, false), (GeneratorConfig { channel_base: 65, ..config(1, 0) }, true)]
        {
            let mut new = Generator::new(&config, RunSeed(2), Device::Cpu).unwrap();
            assert_eq!(generator(&mut new, &old, &[Some(0)]).is_ok(), fits, "{config:?}");
            let config = DiscriminatorConfig::matching(&config);
            let mut new = Discriminator::new(&config, RunSeed(2), Device::Cpu).unwrap();
            assert_eq!(discriminator(&mut new, &old_d, &[Some(0)]).is_ok(), fits);
        }
    }
}

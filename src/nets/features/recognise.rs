//! Which net a file's tensors are the weights of, told by their names and shapes.

use std::collections::BTreeMap;

use super::inception;
use super::stacks;
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};

/// Names and shapes of a file's tensors, in the order of the file.
pub type Found = [(String, Vec<i64>)];

/// Tensors that an error lists.
const LISTED: usize = 6;

/// Nets that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Simonyan and Zisserman 2015, configuration D.
    Vgg16,
    /// Krizhevsky 2014, one tower.
    AlexNet,
    /// Iandola et al. 2016, version 1.1.
    SqueezeNet,
    /// Szegedy et al. 2016 as torchvision has it.
    InceptionV3,
    /// The same as TensorFlow trained it in 2015, from which the Frechet inception distance is computed.
    FidInception,
}

impl Architecture {
    /// All, in the order in which files are held to them.
    pub const ALL: [Self; 5] = [Self::Vgg16, Self::AlexNet, Self::SqueezeNet, Self::InceptionV3, Self::FidInception];

    /// As records call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Vgg16 => "VGG16",
            Self::AlexNet => "AlexNet",
            Self::SqueezeNet => "SqueezeNet 1.1",
            Self::InceptionV3 => "Inception v3",
            Self::FidInception => "Inception v3 of the FID",
        }
    }

    /// Names (torchvision's) and shapes of the tensors that its features are computed with, or that tell it from
    /// another.
    pub fn expected(self) -> Vec<(String, Vec<i64>)> {
        match self {
            Self::Vgg16 => stacks::tensors(&stacks::VGG16),
            Self::AlexNet => stacks::tensors(&stacks::ALEXNET),
            Self::SqueezeNet => stacks::tensors(&stacks::SQUEEZENET),
            Self::InceptionV3 => inception::tensors(1000),
            Self::FidInception => inception::tensors(1008),
        }
    }

    /// Channels of each layer that LPIPS has weights for; none for a net that it does not use.
    pub fn heads(self) -> &'static [i64] {
        match self {
            Self::Vgg16 => &[64, 128, 256, 512, 512],
            Self::AlexNet => &[64, 192, 384, 256, 256],
            Self::SqueezeNet => &[64, 128, 256, 384, 384, 512, 512],
            Self::InceptionV3 | Self::FidInception => &[],
        }
    }
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// The net.
    pub net: Architecture,
    /// The file's name of each expected tensor, by torchvision's.
    pub names: BTreeMap<String, String>,
    /// The file's names of the LPIPS weights, from the first layer to the last; empty where it has none.
    pub heads: Vec<String>,
    /// The file's names of what it says its images are shifted and scaled by, where it says so.
    pub range: Vec<String>,
}

/// The net whose tensors `found` are: by torchvision's names behind any common beginning, or, where every layer is
/// called otherwise, by the shapes of its convolutions one after the other.
///
/// # Errors
/// Another net; lists what was found, what is expected, and what is missing of the nearest.
pub fn recognise(found: &Found) -> Result<Recognised> {
    let named = Architecture::ALL.into_iter().find_map(|net| Some((net, by_name(net, found)?)));
    let stacked = || {
        let stacks = [Architecture::Vgg16, Architecture::AlexNet, Architecture::SqueezeNet];
        stacks.into_iter().find_map(|net| Some((net, by_order(net, found)?)))
    };
    let (net, names) = named.or_else(stacked).ok_or_else(|| unknown(found))?;
    let heads = heads(net, found)?;
    let range = found.iter().filter(|(name, shape)| is_range(name, shape)).map(|(name, _)| name.clone()).collect();
    Ok(Recognised { net, names, heads, range })
}

/// Every expected name behind one beginning, with the expected shape.
fn by_name(net: Architecture, found: &Found) -> Option<BTreeMap<String, String>> {
    let expected = net.expected();
    let shapes: BTreeMap<&str, &[i64]> = found.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let first = &expected.first()?.0;
    let beginnings = found.iter().filter_map(|(name, _)| name.strip_suffix(first.as_str()));
    beginnings.filter(|beginning| beginning.is_empty() || beginning.ends_with('.')).find_map(|beginning| {
        let name = |own: &str| format!("{beginning}{own}");
        let all = expected.iter().all(|(own, shape)| shapes.get(name(own).as_str()) == Some(&shape.as_slice()));
        all.then(|| expected.iter().map(|(own, _)| (own.clone(), name(own))).collect())
    })
}

/// All convolutions have the expected shapes, in the order of the file or of the numbers in their names, and each has
/// its bias.
fn by_order(net: Architecture, found: &Found) -> Option<BTreeMap<String, String>> {
    let mut sorted = found.to_vec();
    sorted.sort_by_cached_key(|(name, _)| natural(name));
    [found, sorted.as_slice()].into_iter().find_map(|found| in_order(net, found))
}

fn in_order(net: Architecture, found: &Found) -> Option<BTreeMap<String, String>> {
    let expected = net.expected();
    let is_kernel = |shape: &[i64]| shape.len() == 4 && shape[0] > 1;
    let kernels: Vec<(usize, &(String, Vec<i64>))> =
        found.iter().enumerate().filter(|(_, (_, shape))| is_kernel(shape)).collect();
    // Expected are a kernel and its bias by turns.
    if kernels.len() * 2 != expected.len() {
        return None;
    }
    let mut names = BTreeMap::new();
    for ((at, (name, shape)), pair) in kernels.into_iter().zip(expected.chunks(2)) {
        if *shape != pair[0].1 {
            return None;
        }
        let fits = |other: &&(String, Vec<i64>)| other.1 == pair[1].1;
        let called = name.strip_suffix("weight").map(|stem| format!("{stem}bias"));
        let by_name = found.iter().find(|(other, _)| Some(other) == called.as_ref()).filter(fits);
        let (bias, _) = by_name.or_else(|| found.get(at + 1).filter(fits))?;
        names.insert(pair[0].0.clone(), name.clone());
        names.insert(pair[1].0.clone(), bias.clone());
    }
    Some(names)
}

/// The tensors that weigh the channels of each layer: \[1, C, 1, 1\], or \[C\] under a name with "lpips" in it. A file
/// that names them twice, as the package `lpips` does, means the same.
fn heads(net: Architecture, found: &Found) -> Result<Vec<String>> {
    let weighs = |(name, shape): &&(String, Vec<i64>)| match shape[..] {
        [1, channels, 1, 1] => channels > 1,
        [_] => name.to_ascii_lowercase().contains("lpips") && !name.ends_with("bias"),
        _ => false,
    };
    let mut given: Vec<&(String, Vec<i64>)> = found.iter().filter(weighs).filter(|(n, s)| !is_range(n, s)).collect();
    given.sort_by_cached_key(|(name, _)| natural(name));
    let channels: Vec<i64> = given.iter().map(|(_, shape)| count(shape)).collect();
    let wanted = net.heads();
    let twice = [wanted, wanted].concat();
    if channels.is_empty() || wanted.is_empty() {
        Ok(Vec::new())
    } else if channels == wanted || channels == twice {
        Ok(given.iter().take(wanted.len()).map(|(name, _)| name.clone()).collect())
    } else {
        Err(Problem::new(Kind::Input, format!("{} with weights of layers of {channels:?} channels", net.title()))
            .expected(format!("LPIPS weights of {wanted:?} channels, or none"))
            .advice("take the LPIPS weights of this net, not of another"))
    }
}

/// Numbers in a tensor of this shape, as far as they can be counted: sides come out of files.
fn count(shape: &[i64]) -> i64 {
    shape.iter().fold(1, |count: i64, &side| count.saturating_mul(side))
}

/// Three numbers for the three colours, by name what images are shifted or scaled by.
fn is_range(name: &str, shape: &[i64]) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    count(shape) == 3 && ["mean", "std", "shift", "scale"].contains(&last.as_str())
}

/// Words and numbers of a name by turns, so that conv2 comes before conv10.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts = vec![(0_u64, String::new())];
    for letter in name.chars() {
        let last = parts.len() - 1;
        match letter.to_digit(10) {
            Some(digit) if parts[last].1.is_empty() => {
                parts[last].0 = parts[last].0.saturating_mul(10).saturating_add(u64::from(digit));
            }
            Some(digit) => parts.push((u64::from(digit), String::new())),
            None => parts[last].1.push(letter),
        }
    }
    parts
}

fn unknown(found: &Found) -> Problem {
    let one = |(name, shape): &(String, Vec<i64>)| {
        let name: String = name.chars().take(60).collect();
        format!("{} {shape:?}", shown(&name))
    };
    let listed: Vec<String> = found.iter().take(LISTED).map(one).collect();
    let more = if found.len() > LISTED { ", .." } else { "" };
    let what = match found.len() {
        0 => "a file without tensors".to_owned(),
        count => format!("{count} tensors of no net that this program has: {}{more}", listed.join(", ")),
    };
    let problem = Problem::new(Kind::Input, what)
        .expected("the weights of VGG16, AlexNet, SqueezeNet 1.1 or Inception v3, by torchvision's names and shapes");
    match nearest(found) {
        Some((net, missing)) => problem.advice(format!("the nearest is {}, of which {missing}", net.title())),
        None => problem.advice("save the weights of one of these nets: torch.save(net.state_dict(), FILE)"),
    }
}

/// The net of which the file has most tensors by name, and the first that it lacks.
fn nearest(found: &Found) -> Option<(Architecture, String)> {
    let shapes: BTreeMap<&str, &[i64]> = found.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let of = |net: Architecture| {
        let expected = net.expected();
        let fits = |(name, shape): &&(String, Vec<i64>)| shapes.get(name.as_str()) == Some(&shape.as_slice());
        let count = expected.iter().filter(fits).count();
        let (name, shape) = expected.iter().find(|expected| !fits(expected))?;
        let missing = match shapes.get(name.as_str()) {
            Some(other) => format!("{name} has shape {other:?}, not {shape:?}"),
            None => format!("{name} {shape:?} is missing"),
        };
        (count > 0).then_some((count, net, missing))
    };
    let best = Architecture::ALL.into_iter().filter_map(of).max_by_key(|(count, ..)| *count);
    best.map(|(_, net, missing)| (net, missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(beginning: &str, net: Architecture) -> Vec<(String, Vec<i64>)> {
        net.expected().into_iter().map(|(name, shape)| (format!("{beginning}{name}"), shape)).collect()
    }

    #[test]
    fn nets_are_known_by_their_names_behind_any_beginning() {
        for net in Architecture::ALL {
            for beginning in ["", "state_dict.", "module.net."] {
                let mut found = with(beginning, net);
                found.push(("classifier.6.weight".into(), vec![1000, 4096]));
                let known = recognise(&found).unwrap();
                assert_eq!((known.net, known.heads.len()), (net, 0), "{beginning}");
                for (own, name) in known.names {
                    assert_eq!(name, format!("{beginning}{own}"));
                }
            }
        }
    }

    #[test]
    fn layers_of_other_names_are_known_by_their_shapes_in_order() {
        for net in [Architecture::Vgg16, Architecture::AlexNet, Architecture::SqueezeNet] {
            let renamed = |(at, (_, shape)): (usize, (String, Vec<i64>))| {
                let what = if at % 2 == 0 { "weight" } else { "bias" };
                (format!("layers.conv{}.{what}", at / 2 + 1), shape)
            };
            let mut found: Vec<_> = net.expected().into_iter().enumerate().map(renamed).collect();
            let expected = recognise(&found).unwrap();
            assert_eq!((expected.net, expected.names.len()), (net, found.len()));
            // In the order of the alphabet, as safetensors have them: conv1, conv10, conv11, ..
            found.sort();
            assert_eq!(recognise(&found).unwrap(), expected);
            let last = found.iter().position(|(_, shape)| shape.len() == 4).unwrap();
            found[last].1[2] += 1;
            let problem = recognise(&found).unwrap_err().to_string();
            assert!(problem.contains("tensors of no net") && problem.contains("VGG16, AlexNet"), "{problem}");
        }
    }

    #[test]
    fn lpips_weights_are_found_once_and_those_of_another_net_are_refused() {
        let mut found = with("net.", Architecture::AlexNet);
        found.push(("scaling_layer.shift".into(), vec![1, 3, 1, 1]));
        for (at, channels) in Architecture::AlexNet.heads().iter().enumerate() {
            found.push((format!("lin{at}.model.1.weight"), vec![1, *channels, 1, 1]));
        }
        for (at, channels) in Architecture::AlexNet.heads().iter().enumerate() {
            found.push((format!("lins.{at}.model.1.weight"), vec![1, *channels, 1, 1]));
        }
        let known = recognise(&found).unwrap();
        assert_eq!(known.heads, [0, 1, 2, 3, 4].map(|at| format!("lin{at}.model.1.weight")));
        assert_eq!(known.range, ["scaling_layer.shift"]);
        found.retain(|(name, _)| name != "lins.2.model.1.weight");
        assert!(recognise(&found).unwrap_err().to_string().contains("AlexNet with weights of layers"));
    }

    #[test]
    fn what_is_missing_of_the_nearest_net_is_told() {
        let mut found = with("", Architecture::Vgg16);
        found[8].1[0] = 255;
        found.push(("extra.weight".into(), vec![8, 8, 3, 3]));
        let problem = recognise(&found).unwrap_err().to_string();
        let (name, shape) = &Architecture::Vgg16.expected()[8];
        assert!(problem.contains(&format!("{name} has shape [255, 128, 3, 3], not {shape:?}")), "{problem}");
        assert!(recognise(&[]).unwrap_err().to_string().contains("a file without tensors"));
        let odd = [("\u{1b}[2J".to_owned(), vec![1])];
        assert!(!recognise(&odd).unwrap_err().to_string().contains('\u{1b}'));
    }
}

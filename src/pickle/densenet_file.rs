//! Weights of a published DenseNet, in any file of PyTorch: with the names that torchvision gives them now, or with
//! those of its files from before 2018 ("norm.1.weight"). The head is of other classes and is left aside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::weight_file::WeightFile;
use crate::files;
use crate::nets::classifiers::Classifier;
use crate::nets::classifiers::densenet::{HEAD, OWN, Start};
use crate::nets::network::Named;
use crate::problem::{Kind, Problem, Result};

/// Figures of a hash that a file's name has at its end, at least.
const FIGURES: usize = 8;

/// The hash of a file of weights, held to the one in its name ("densenet121-a639ec97.pth") where there is one.
///
/// # Errors
/// No such file, or another hash than its name promises.
pub fn start(path: &Path) -> Result<Start> {
    let hex = files::sha256(path)?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let promised = stem.rsplit_once('-').map(|(_, figures)| figures).filter(|figures| {
        figures.len() >= FIGURES && figures.bytes().all(|figure| matches!(figure, b'0'..=b'9' | b'a'..=b'f'))
    });
    if let Some(promised) = promised.filter(|promised| !hex.starts_with(*promised)) {
        return Err(Problem::input(path, format!("SHA-256 {hex}"))
            .expected(format!("{promised}..., as its name says"))
            .advice("download the file again"));
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..hex.len()).step_by(2)) {
        let defect = |_| Problem::new(Kind::Internal, "a hash that is no hexadecimal number");
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(defect)?;
    }
    Ok(Start(bytes))
}

/// All tensors of `network` with those of the file in the place of its own, but for the head.
///
/// # Errors
/// A file that is not the one of `expected`, no file of weights, or weights of another network.
pub fn read(path: &Path, expected: Start, network: &dyn Classifier) -> Result<Named> {
    if start(path)? != expected {
        return Err(Problem::input(path, "another file than when the fits began")
            .expected("one file for all of them")
            .advice("run the same command again"));
    }
    let file = WeightFile::open(path)?;
    let shapes = file.shapes();
    let mut found: BTreeMap<String, (&str, &[i64])> = BTreeMap::new();
    for (name, shape) in &shapes {
        if found.insert(of_today(name), (name, shape)).is_some() {
            return Err(Problem::input(path, format!("two tensors for {}", of_today(name))));
        }
    }
    let mut tensors = network.tensors();
    let is_head = |name: &str| name.starts_with(HEAD);
    let wanted: Vec<&String> = tensors.keys().filter(|name| !is_head(name) && !OWN.contains(&name.as_str())).collect();
    let other = |found: String| {
        Problem::input(path, found).expected("weights of the network in classify.network").advice(
            "take torchvision's file for that network (densenet121-a639ec97.pth, densenet169-b2777c0a.pth, \
             densenet201-c1103571.pth)",
        )
    };
    for name in &wanted {
        match found.get(*name) {
            None => return Err(other(format!("no tensor {name}"))),
            Some((_, shape)) if **shape != *tensors[*name].size() => {
                return Err(other(format!("{name} of shape {shape:?}, not {:?}", tensors[*name].size())));
            }
            Some(_) => {}
        }
    }
    let more = found
        .keys()
        .find(|name| !is_head(name) && !name.ends_with(".num_batches_tracked") && !tensors.contains_key(name.as_str()));
    if let Some(more) = more {
        return Err(other(format!("a tensor {more}, which that network has not")));
    }
    let name_of: BTreeMap<String, String> =
        wanted.into_iter().map(|name| (found[name].0.to_owned(), name.clone())).collect();
    let read = file.read(&name_of.keys().cloned().collect::<BTreeSet<_>>())?;
    if let Some(lost) = name_of.keys().find(|name| !read.contains_key(*name)) {
        return Err(other(format!("no values of {lost}")));
    }
    tensors.extend(read.into_iter().map(|(name, tensor)| (name_of[&name].clone(), tensor)));
    Ok(tensors)
}

/// "features.denseblock1.denselayer1.norm.1.weight" as it is called today: "...norm1.weight".
fn of_today(name: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in name.split('.') {
        let [.., layer, kind] = parts.as_mut_slice() else {
            parts.push(part.to_owned());
            continue;
        };
        let old = layer.starts_with("denselayer") && ["norm", "relu", "conv"].contains(&kind.as_str());
        if old && ["1", "2"].contains(&part) {
            kind.push_str(part);
        } else {
            parts.push(part.to_owned());
        }
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tch::Device;

    use super::*;
    use crate::nets::classifiers::densenet::{Densenet, DensenetConfig, Stem};
    use crate::nets::network::Network;
    use crate::nets::weights::write_tensors;
    use crate::seed::RunSeed;

    #[test]
    fn names_of_old_files_are_todays() {
        for (old, today) in [
            ("features.denseblock1.denselayer12.norm.1.weight", "features.denseblock1.denselayer12.norm1.weight"),
            ("features.denseblock4.denselayer1.conv.2.weight", "features.denseblock4.denselayer1.conv2.weight"),
            (
                "features.denseblock4.denselayer1.norm2.running_var",
                "features.denseblock4.denselayer1.norm2.running_var",
            ),
            ("features.transition1.norm.weight", "features.transition1.norm.weight"),
            ("classifier.bias", "classifier.bias"),
        ] {
            assert_eq!(of_today(old), today);
        }
    }

    fn tiny() -> Densenet {
        let shape = DensenetConfig { growth: 4, first: 8, blocks: [1; 4], ..DensenetConfig::small(3, Stem::Small) };
        Densenet::new(&shape.of_classes(7), RunSeed(1), Device::Cpu)
    }

    /// tests/fixtures/make_densenet.py: "densenet/tiny-<figures>.pth".
    fn published() -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/densenet");
        let found = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let [file] = found.collect::<Vec<_>>().try_into().unwrap();
        file
    }

    #[test]
    fn a_file_as_published_is_read_but_for_its_head() {
        let network = tiny();
        let file = published();
        let tensors = read(&file, start(&file).unwrap(), &network).unwrap();
        let own = network.tensors();
        assert!(tensors.keys().eq(own.keys()));
        for name in own.keys().filter(|name| OWN.contains(&name.as_str()) || name.starts_with(HEAD)) {
            assert!(tensors[name].equal(&own[name]), "{name}");
        }
        // The script's formula, whose places count the head's two names, which come first, and none of ours.
        for (place, name) in own.keys().filter(|name| !OWN.contains(&name.as_str())).enumerate().skip(2) {
            let first = f64::try_from(tensors[name].reshape([-1]).get(0)).unwrap();
            let wave = (1.3 * place as f64).sin();
            let expected = match name.as_str() {
                _ if tensors[name].dim() == 4 => wave * (4.0 / tensors[name].get(0).numel() as f64).sqrt(),
                name if name.ends_with("running_mean") => 0.1 * wave,
                name if name.ends_with("running_var") => 1.0 + 0.3 * wave,
                name => f64::from(u8::from(name.ends_with("weight"))) + 0.2 * wave,
            };
            assert!((first - expected).abs() < 1e-6, "{name}: {first} {expected}");
        }
    }

    #[test]
    fn files_of_today_are_read_and_those_of_other_networks_named() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other, cut, changed] = ["a.pt", "b.pt", "c.pt", "d.pt"].map(|name| folder.path().join(name));
        let network = tiny();
        let mut tensors: Named =
            network.tensors().into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())).collect();
        tensors.insert("features.norm0.num_batches_tracked".into(), tch::Tensor::from(3i64));
        write_tensors(&path, &tensors, "").unwrap();
        let read_it = |path: &Path| read(path, start(path).unwrap(), &network).map_err(|problem| problem.to_string());
        assert!(read_it(&path).unwrap().iter().all(|(name, tensor)| tensor.equal(&network.tensors()[name])));
        let wider = Densenet::new(&DensenetConfig::small(3, Stem::Small), RunSeed(1), Device::Cpu);
        write_tensors(&other, &wider.tensors(), "").unwrap();
        assert!(read_it(&other).unwrap_err().contains("of shape"));
        tensors.remove("features.norm5.weight");
        write_tensors(&cut, &tensors, "").unwrap();
        let said = read_it(&cut).unwrap_err();
        assert!(
            said.contains("no tensor features.norm5.weight") && said.contains("densenet121-a639ec97.pth"),
            "{said}"
        );
        let before = start(&path).unwrap();
        std::fs::copy(&other, &changed).unwrap();
        let said = read(&changed, before, &network).unwrap_err().to_string();
        assert!(said.contains("another file than when the fits began"), "{said}");
    }

    #[test]
    fn a_name_that_promises_a_hash_is_held_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let hex = crate::digest::sha256(b"abc");
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, b"abc").unwrap();
            start(&path)
        };
        let found = write(&format!("densenet121-{}.pth", &hex[..8])).unwrap();
        assert_eq!(crate::digest::hex(found.0), hex);
        assert_eq!(write("mine.pth").unwrap(), found);
        assert_eq!(write("my-net.pth").unwrap(), found);
        let said = write("densenet121-a639ec97.pth").unwrap_err().to_string();
        assert!(said.contains(&hex) && said.contains("a639ec97..., as its name says"), "{said}");
    }
}

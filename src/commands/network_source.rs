//! Which network `--network` means, and which of its classes.

use std::path::{Path, PathBuf};

use tch::{Device, Kind as Type, Tensor};

use crate::problem::{Problem, Result};
use crate::run_dir::{GanDir, ImportDir};

/// The network file that `path` means: itself, or the network in the folder of a training run (the best, else the last),
/// of a study, or of an import.
///
/// # Errors
/// A folder without any of them.
pub fn network_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let (run, study) = (GanDir::new(path), GanDir::new(path.join("gan")));
    let imported = ImportDir::new(path).network();
    let candidates = [run.best_network(), run.last_network(), imported, study.best_network(), study.last_network()];
    candidates.into_iter().find(|file| file.exists()).ok_or_else(|| {
        Problem::input(path, "no network in this folder")
            .expected("network-best.safetensors, network-last.safetensors or network.safetensors")
            .advice("give the --out folder of `rimforge train` or `rimforge import`, or a network file")
    })
}

/// Class `class` of a network of `c_dim` classes as \[1, c_dim\]; `None` for an unconditional network. `option` is the
/// name of the option that chose it.
///
/// # Errors
/// A class for an unconditional network, none for a conditional one, or one that it does not have.
pub fn one_hot(c_dim: i64, class: Option<i64>, option: &str, device: Device) -> Result<Option<Tensor>> {
    match class {
        None if c_dim == 0 => Ok(None),
        Some(class) if (0..c_dim).contains(&class) => {
            let label = Tensor::zeros([1, c_dim], (Type::Float, device));
            let _ = label.narrow(1, class, 1).fill_(1.0);
            Ok(Some(label))
        }
        None => Err(Problem::usage("the network is conditional").expected(format!("{option} 0 to {}", c_dim - 1))),
        Some(class) if c_dim == 0 => {
            Err(Problem::usage(format!("{option} {class}")).expected("none: the network is unconditional"))
        }
        Some(class) => {
            Err(Problem::usage(format!("{option} {class}")).expected(format!("a class from 0 to {}", c_dim - 1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_network_of_a_run_goes_before_the_last() {
        let folder = tempfile::tempdir().unwrap();
        assert!(network_file(folder.path()).unwrap_err().to_string().contains("rimforge import"));
        for name in ["network.safetensors", "network-last.safetensors", "network-best.safetensors"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
            assert_eq!(network_file(folder.path()).unwrap(), folder.path().join(name));
        }
        let file = folder.path().join("other.safetensors");
        assert_eq!(network_file(&file).unwrap(), file);
    }

    #[test]
    fn a_class_is_asked_for_exactly_where_there_are_some() {
        let label = one_hot(3, Some(1), "--class", Device::Cpu).unwrap().unwrap();
        assert_eq!(Vec::<f32>::try_from(label.reshape([-1])).unwrap(), [0.0, 1.0, 0.0]);
        assert!(one_hot(0, None, "--class", Device::Cpu).unwrap().is_none());
        for (c_dim, class) in [(0, Some(0)), (3, None), (3, Some(3)), (3, Some(-1))] {
            let problem = one_hot(c_dim, class, "--class", Device::Cpu).unwrap_err();
            assert!(problem.to_string().contains("--class"), "{problem}");
        }
    }
}

//! A feature net from a file of weights.

use std::collections::BTreeSet;
use std::path::Path;

use tch::Device;

use super::weight_file::WeightFile;
use crate::nets::features::Pretrained;
use crate::nets::features::recognise::recognise;
use crate::problem::{Problem, Result};

/// Reads the weights of a net that this program has; only the tensors that it computes with are read.
///
/// # Errors
/// No such file, no file of weights, or weights of another net: what was found and what is expected.
pub fn read_features(path: impl AsRef<Path>, device: Device) -> Result<Pretrained> {
    read(path.as_ref(), None, device)
}

/// As [`read_features`], with LPIPS weights from a file of their own, as the package `lpips` has them.
///
/// # Errors
/// Those of [`read_features`]; no LPIPS weights in the second file, or those of another net.
pub fn read_features_with_heads(path: &Path, heads: &Path, device: Device) -> Result<Pretrained> {
    let net = read(path, Some(heads), device)?;
    if net.weighs_layers() {
        return Ok(net);
    }
    Err(Problem::input(heads, "no LPIPS weights")
        .expected(format!("those of {}, as the package lpips has them", net.architecture().title())))
}

fn read(path: &Path, heads: Option<&Path>, device: Device) -> Result<Pretrained> {
    let file = WeightFile::open(path)?;
    let heads = heads.map(WeightFile::open).transpose()?;
    let shapes = file.shapes();
    let more = heads.iter().flat_map(WeightFile::shapes);
    // Those that are named in both are the net's own.
    let more: Vec<(String, Vec<i64>)> = more.filter(|(name, _)| shapes.iter().all(|(own, _)| own != name)).collect();
    let from_heads: BTreeSet<String> = more.iter().map(|(name, _)| name.clone()).collect();
    let all: Vec<(String, Vec<i64>)> = shapes.into_iter().chain(more).collect();
    let recognised = recognise(&all).map_err(|problem| problem.at(path))?;
    // Inception's last layer tells which one it is and computes nothing.
    let needed = recognised.names.iter().filter(|(own, _)| *own != "fc.weight").map(|(_, name)| name);
    let wanted: BTreeSet<String> = needed.chain(&recognised.heads).chain(&recognised.range).cloned().collect();
    let (of_heads, of_net) = wanted.into_iter().partition(|name| from_heads.contains(name));
    let mut tensors = file.read(&of_net)?;
    if let Some(file) = heads {
        tensors.extend(file.read(&of_heads)?);
    }
    Pretrained::new(&recognised, &tensors, path, device).map_err(|problem| problem.at(path))
}

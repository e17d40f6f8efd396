//! A feature net from a file of weights.

use std::collections::BTreeSet;
use std::path::Path;

use tch::Device;

use super::weight_file::WeightFile;
use crate::nets::features::Pretrained;
use crate::nets::features::recognise::recognise;
use crate::problem::Result;

/// Reads the weights of a net that this program has; only the tensors that it computes with are read.
///
/// # Errors
/// No such file, no file of weights, or weights of another net: what was found and what is expected.
pub fn read_features(path: impl AsRef<Path>, device: Device) -> Result<Pretrained> {
    let path = path.as_ref();
    let file = WeightFile::open(path)?;
    let recognised = recognise(&file.shapes()).map_err(|problem| problem.at(path))?;
    // Inception's last layer tells which one it is and computes nothing.
    let needed = recognised.names.iter().filter(|(own, _)| *own != "fc.weight").map(|(_, name)| name);
    let wanted: BTreeSet<String> = needed.chain(&recognised.heads).chain(&recognised.range).cloned().collect();
    let tensors = file.read(&wanted)?;
    Pretrained::new(&recognised, &tensors, path, device).map_err(|problem| problem.at(path))
}

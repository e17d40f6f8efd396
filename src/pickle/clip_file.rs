//! CLIP's image encoder from a file of weights.

use std::path::Path;

use tch::Device;

use super::weight_file::WeightFile;
use crate::nets::features::clip::{Clip, names};
use crate::problem::Result;

/// Reads the image encoder of a CLIP; of the text encoder beside it nothing is read.
///
/// # Errors
/// No such file, no file of weights, or no such encoder in it: what was found and what is expected.
pub fn read_clip(path: &Path, device: Device) -> Result<Clip> {
    let file = WeightFile::open(path)?;
    let known = names::recognise(&file.shapes()).map_err(|problem| problem.at(path))?;
    let tensors = file.read(&known.names.values().cloned().collect())?;
    Ok(Clip::new(&known, &tensors, device))
}

//! CLIP's image encoder from a file of weights.

use std::path::Path;

use tch::Device;

use super::weight_file::WeightFile;
use crate::name::shown;
use crate::nets::features::clip::{Clip, names};
use crate::problem::{Problem, Result};

/// Reads the image encoder of a CLIP; of the text encoder beside it nothing is read.
///
/// # Errors
/// No such file, no file of weights, or no such encoder in it: what was found and what is expected.
pub fn read_clip(path: &Path, device: Device) -> Result<Clip> {
    let file = WeightFile::open(path)?;
    let known = names::recognise(&file.shapes()).map_err(|problem| problem.at(path))?;
    let tensors = file.read(&known.names.values().cloned().collect())?;
    // A file can have a name twice.
    for (own, shape) in names::expected(known.form, known.size) {
        let name = &known.names[&own];
        if tensors.get(name).is_none_or(|tensor| tensor.size() != shape) {
            return Err(Problem::input(path, format!("{} of several shapes", shown(name)))
                .expected("each tensor once")
                .advice("save the weights again"));
        }
    }
    Ok(Clip::new(&known, &tensors, device))
}

//! Records of folders that other commands wrote, and the images that they list.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::data::{Prepared, listed_image};
use crate::files;
use crate::name::Inside;
use crate::problem::{Problem, Result};

/// Largest record in bytes: an entry of some 600 for each of a hundred thousand images.
const LARGEST_RECORD: u64 = 64 << 20;

pub(super) fn read_record<T: DeserializeOwned>(path: &Path, command: &str) -> Result<T> {
    let wanted = format!("the record of a folder that `rimforge {command}` wrote");
    let text = files::read(path, LARGEST_RECORD, &wanted).map_err(|problem| {
        problem.expected(&*wanted).advice(format!(
            "give the --out folder of `rimforge {command}`: images without their record may be of a network that knows \
             the test lesions"
        ))
    })?;
    files::parse_json(path, &text, &wanted)
}

/// The file that a record names, which lies in its folder.
pub(super) fn inside(folder: &Path, record: &Path, name: &str) -> Result<PathBuf> {
    Inside::new(name).map(|name| name.under(folder)).map_err(|fault| Problem::input(record, fault))
}

/// The values of an image that has the given hash.
pub(super) fn values(path: &Path, sha256: &str, data: &Prepared) -> Result<Vec<f32>> {
    let again = "write it again with `rimforge generate` or `rimforge project`, from a network of this data set";
    listed_image::read(path, &data.image_shape().map(|n| n as u64), sha256).map_err(|problem| problem.advice(again))
}

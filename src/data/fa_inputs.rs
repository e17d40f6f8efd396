//! The files of a folder of maps of fractional anisotropy that results depend on.

use std::path::{Path, PathBuf};

use super::cohort_inputs::hash;
use super::fa_maps::config::FaConfig;
use super::fa_maps::layout::Layout;
use crate::observer::Observer;
use crate::problem::Result;

/// SHA-256 over the names and contents of all maps, masks and the table of participants below the folder at `path`.
///
/// # Errors
/// No map there, a file that cannot be read, or stopped on request, within a file, too.
pub fn sha256(path: &Path, config: &FaConfig, observer: &dyn Observer) -> Result<String> {
    let layout = Layout::read(path, config)?;
    let files: Vec<&PathBuf> = layout.files().collect();
    hash(path, files, observer)
}

//! Which network `--network` means, and what it says about its images.

use std::path::{Path, PathBuf};

use super::pictures::Look;
use crate::files;
use crate::nets::weights::NetworkDescription;
use crate::problem::{Problem, Result};
use crate::records::label::{Contrast, Padding, Provenance};
use crate::run_dir::{GanDir, ImportDir};

/// The network file that `path` means: itself, or the network in the folder of a training run (the best, else the
/// last), of a study, or of an import.
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
    for file in candidates {
        // One that cannot be looked at may be the best there is: no other is taken for it.
        if files::is_there(&file)? {
            return Ok(file);
        }
    }
    Err(Problem::input(path, "no network in this folder")
        .expected("network-best.safetensors, network-last.safetensors or network.safetensors")
        .advice("give the --out folder of `rimforge train` or `rimforge import`, or a network file"))
}

/// What a network's label says about the images it makes, with what holds where it says nothing.
#[derive(Clone, Debug)]
pub struct NetworkImages {
    /// Empty where it does not say.
    pub contrasts: Vec<Contrast>,
    /// Depth, height, width in mm.
    pub voxel_mm: Option<[f64; 3]>,
    /// Trained on simulated data; an imported network is taken for one of real data.
    pub simulated: bool,
    /// Names of the classes; empty where there are none or they have none.
    pub classes: Vec<String>,
    /// Where the image lies in the network's square; the whole square where it does not say.
    pub padding: Padding,
    /// Manifest of the data set that it was trained on, where it says so.
    pub data_sha256: Option<String>,
    /// Manifests of the data sets that its weights knew before ([`Provenance::ancestor_data`]).
    pub ancestor_data: Vec<String>,
}

impl NetworkImages {
    /// Of a network that was read, so whose label fits its sizes.
    pub fn of(description: &NetworkDescription) -> Self {
        let Provenance { voxel_mm, simulated, classes, padding, data_sha256, ancestor_data, .. } =
            description.label.provenance.clone();
        Self {
            contrasts: description.label.contrasts.clone(),
            voxel_mm: voxel_mm.flatten(),
            simulated: simulated.unwrap_or(false),
            classes: classes.unwrap_or_default(),
            padding: padding.unwrap_or(Padding::none(description.generator.resolution as usize)),
            data_sha256,
            ancestor_data,
        }
    }

    /// How its images are shown.
    pub fn look(&self) -> Look {
        Look::of(&self.contrasts)
    }

    /// PNG text chunks.
    pub fn texts(&self, what: &str) -> [(&'static str, String); 2] {
        let data = if self.simulated { "a generator trained on SIMULATED data" } else { "a generator" };
        [
            ("Description", format!("SYNTHETIC: drawn by {data}; {what}")),
            ("Software", format!("rimforge {}", env!("CARGO_PKG_VERSION"))),
        ]
    }
}

/// Text chunks as the PNG writer takes them.
pub fn as_refs<'a>(texts: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    texts.iter().map(|(key, text)| (*key, text.as_str())).collect()
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
}

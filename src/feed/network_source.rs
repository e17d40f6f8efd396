//! Which network `--network` means, and what it says about its images.

use std::path::{Path, PathBuf};

use super::padding::Padding;
use super::pictures::Look;
use crate::nets::weights::NetworkDescription;
use crate::problem::{Problem, Result};
use crate::records::label::Contrast;
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

/// What a network's description says about the images it makes.
#[derive(Clone, Debug)]
pub struct Source {
    /// Empty where it does not say.
    pub contrasts: Vec<Contrast>,
    /// Depth, height, width in mm.
    pub voxel_mm: Option<[f64; 3]>,
    pub simulated: bool,
    /// Names of the classes; empty where there are none or they have none.
    pub classes: Vec<String>,
    /// Where the image lies in the network's square.
    pub padding: Padding,
}

impl Source {
    pub fn of(description: &NetworkDescription) -> Self {
        let provenance = |key: &str| description.provenance.get(key).cloned().unwrap_or_default();
        let contrasts: Vec<Contrast> = serde_json::from_value(description.channels.clone()).unwrap_or_default();
        let known = contrasts.len() as i64 == description.generator.channels;
        let side = description.generator.resolution as usize;
        let padding: Option<Padding> = serde_json::from_value(provenance("padding")).ok();
        let fits = |padding: &Padding| padding.side == side && padding.height.max(padding.width) <= side;
        Self {
            contrasts: if known { contrasts } else { vec![] },
            voxel_mm: serde_json::from_value(provenance("voxel_mm")).ok(),
            simulated: provenance("simulated").as_bool().unwrap_or(false),
            classes: serde_json::from_value(provenance("classes")).unwrap_or_default(),
            padding: padding.filter(fits).unwrap_or(Padding::none(side)),
        }
    }

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

//! Which network `--network` means, and what it says about its images.

use std::path::{Path, PathBuf};

use super::pictures::Look;
use crate::data::Prepared;
use crate::files;
use crate::name::shown;
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

/// Channels and windows that something was made with must be those of the data, where it says which they were.
///
/// # Errors
/// They are not; `place` is what is wrong, `made` how the others came about ("the network was trained").
pub fn require_channels(place: &Path, made: &str, known: &[Contrast], data: &Prepared) -> Result<()> {
    if known.is_empty() || known == data.contrasts() {
        return Ok(());
    }
    let list = |contrasts: &[Contrast]| {
        let one = |c: &Contrast| format!("{} {}..{} {}", shown(&c.name), c.window.low, c.window.high, shown(&c.unit));
        contrasts.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    Err(Problem::input(
        place,
        format!("channels {}", list(if place == data.root() { data.contrasts() } else { known })),
    )
    .expected(if place == data.root() {
        format!("{}, as {made}", list(known))
    } else {
        format!("{}, as {} has them", list(data.contrasts()), data.root().display())
    })
    .advice("prepare the data with the network's contrasts and windows"))
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

    /// The data must be what a network of so many `channels` draws: shape, and where it says so, channels and windows.
    ///
    /// # Errors
    /// They are not.
    pub fn require_of(&self, channels: i64, data: &Prepared) -> Result<()> {
        let found = data.image_shape();
        let expected = [channels as usize, self.padding.height, self.padding.width];
        if found != expected {
            return Err(Problem::input(data.root(), format!("slices of shape {found:?} (channels, height, width)"))
                .expected(format!("{expected:?}, as the network draws"))
                .advice("train a network on this data set, or prepare with the contrasts it was trained on"));
        }
        require_channels(data.root(), "the network was trained", &self.contrasts, data)
    }

    /// What a reader of numbers of this network beside these data should know: that it knew others, or voxels of
    /// another size.
    pub fn notes_beside(&self, data: &Prepared) -> Vec<String> {
        let mut notes = vec![];
        if self.data_sha256.as_deref() != Some(data.sha256()) {
            let which =
                self.data_sha256.as_deref().map_or("unknown data".into(), |other| format!("data {}", shown(other)));
            notes.push(format!(
                "the network was trained on {which}, not on this set: lesions that are held out here may have been among \
                 them"
            ));
        }
        if let (Some(own), Some(found)) = (self.voxel_mm, data.manifest().voxel_mm)
            && own.iter().zip(found).any(|(own, found)| (own / found - 1.0).abs() > 0.01)
        {
            notes.push(format!("the network was trained on voxels of {own:?} mm, these are of {found:?} mm"));
        }
        notes
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
    use crate::data::dataset::tests::small;

    #[test]
    fn other_shapes_channels_windows_and_voxels_are_told() {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path());
        let data = Prepared::open(folder.path()).unwrap();
        let own = NetworkImages {
            contrasts: data.contrasts().to_vec(),
            voxel_mm: data.manifest().voxel_mm,
            simulated: true,
            classes: vec![],
            padding: Padding::none(4),
            data_sha256: Some(data.sha256().to_owned()),
            ancestor_data: vec![],
        };
        own.require_of(1, &data).unwrap();
        assert!(own.notes_beside(&data).is_empty());
        assert!(own.require_of(2, &data).unwrap_err().to_string().contains("slices of shape [1, 4, 4]"));
        let mut wide = own.clone();
        wide.contrasts[0].window.high += 50.0;
        let said = wide.require_of(1, &data).unwrap_err().to_string();
        assert!(
            said.contains("channels chimap -100..100 ppb; expected chimap -100..150 ppb, as the network"),
            "{said}"
        );
        // What does not say may be anything.
        NetworkImages { contrasts: vec![], ..own.clone() }.require_of(1, &data).unwrap();
        let record = Path::new("record.json");
        let said = require_channels(record, "drawn", &wide.contrasts, &data).unwrap_err().to_string();
        assert!(said.contains("record.json: channels chimap -100..150 ppb; expected chimap -100..100 ppb"), "{said}");
        let strange = NetworkImages { data_sha256: None, voxel_mm: Some([1.0, 0.8, 0.8]), ..own };
        let notes = strange.notes_beside(&data).join("; ");
        assert!(notes.contains("unknown data") && notes.contains("[1.0, 0.8, 0.8] mm"), "{notes}");
    }

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

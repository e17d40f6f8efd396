//! JSON beside volumes: what a cohort says of itself, and the unit of a susceptibility map.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::bids_name::{BidsName, file_name};
use super::foreign_text;
use super::name_join::listed;
use crate::files::{self, kind_of, list_if_there};
use crate::problem::{Problem, Result};

/// Longest description or sidecar; those with a whole DICOM header in them have some hundred kilobytes. What is read
/// takes up to a hundred times as much.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a JSON file; one that begins with a byte order mark, or in UTF-16, is read as well.
///
/// # Errors
/// No such file, one beyond 1 MiB, or no JSON, with the place of what is not.
pub(super) fn read_json(path: &Path) -> Result<Value> {
    read_as(path)
}

fn read_as<T: DeserializeOwned>(path: &Path) -> Result<T> {
    tracing::info!("reading {}", path.display());
    kind_of::facts(path)?;
    let text = files::read(path, MAX_BYTES, "a JSON file")?;
    kind_of::require_fetched(path, &text, "a JSON file")?;
    let text = foreign_text::decode(&text).map_err(|found| Problem::input(path, found).expected("UTF-8"))?;
    serde_json::from_str(&text).map_err(|error| {
        if error.is_data() {
            return Problem::input(path, format!("JSON of another kind: {error}"));
        }
        Problem::input(path, format!("not JSON: {error}"))
            .expected("JSON as its standard has it: no comma behind the last entry, no comments, no NaN")
            .advice("correct that place; `python3 -m json.tool FILE` checks it")
    })
}

/// The sidecars of a cohort, by folder; each folder is listed once, for a cohort's own has an entry for each patient.
pub(super) struct Sidecars<'a> {
    root: &'a Path,
    by_folder: Mutex<BTreeMap<PathBuf, Arc<Vec<PathBuf>>>>,
}

impl<'a> Sidecars<'a> {
    /// Of the cohort at `root`.
    pub fn new(root: &'a Path) -> Self {
        Self { root, by_folder: Mutex::default() }
    }

    /// Those that may speak of `volume` by BIDS' inheritance, folder by folder, the nearest first: any JSON between it
    /// and the cohort's root whose name has its suffix and none but its entities.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn of(&self, volume: &Path) -> Result<Vec<Vec<PathBuf>>> {
        let Some(name) = BidsName::of_volume(volume) else { return Ok(Vec::new()) };
        let folders = volume.ancestors().skip(1).take_while(|folder| folder.starts_with(self.root));
        let speaks = |path: &&PathBuf| BidsName::of_sidecar(path).is_some_and(|sidecar| sidecar.applies_to(&name));
        folders.map(|folder| Ok(self.in_folder(folder)?.iter().filter(speaks).cloned().collect())).collect()
    }

    fn in_folder(&self, folder: &Path) -> Result<Arc<Vec<PathBuf>>> {
        let mut known = self.by_folder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = known.get(folder) {
            return Ok(files.clone());
        }
        let files = list_if_there(folder)?.into_iter().filter(|path| BidsName::of_sidecar(path).is_some());
        let files = Arc::new(files.collect::<Vec<_>>());
        known.insert(folder.to_owned(), files.clone());
        Ok(files)
    }

    /// What takes a susceptibility map's stored values to ppb, from `Units` in the nearest sidecar that says something.
    ///
    /// # Errors
    /// A unit that is neither ppm nor ppb, two sidecars in one folder that apply alike, or one that no program would
    /// take for a sidecar.
    pub fn susceptibility_scale(&self, volume: &Path) -> Result<f64> {
        require_own_name(volume)?;
        for mut sidecars in self.of(volume)? {
            let entities = |path: &Path| BidsName::of_sidecar(path).map_or(0, |name| name.entities());
            // Within a folder the one that says most of the name comes first.
            sidecars.sort_by_key(|path| std::cmp::Reverse(entities(path)));
            let mut said: Option<(f64, &Path)> = None;
            for sidecar in &sidecars {
                if said.is_some_and(|(_, path)| entities(path) > entities(sidecar)) {
                    break;
                }
                let Some(scale) = unit(sidecar)? else { continue };
                match said {
                    Some((other, path)) if other.to_bits() != scale.to_bits() => {
                        let names = [path, sidecar].map(|path| file_name(path).to_owned());
                        let found = format!("two units for one map, in {}", listed(&names));
                        let folder = sidecar.parent().unwrap_or(self.root);
                        return Err(Problem::input(folder, found).expected("one sidecar that applies"));
                    }
                    _ => said = Some((scale, sidecar)),
                }
            }
            if let Some((scale, _)) = said {
                return Ok(scale);
            }
        }
        // BIDS: a Chimap is in ppm.
        Ok(PPM)
    }
}

/// Refuses `X_Chimap.nii.json` and `X_Chimap.nii.gz.json`, which a program makes that takes off too little of a
/// volume's name: what they say would not be heard.
fn require_own_name(volume: &Path) -> Result<()> {
    let name = file_name(volume);
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let stem = stem.strip_suffix(".nii").unwrap_or(stem);
    for ending in [".nii.json", ".nii.gz.json"] {
        let path = volume.with_file_name(format!("{stem}{ending}"));
        if path.symlink_metadata().is_ok() {
            let expected = format!("the sidecar of {name} to be called {stem}.json");
            return Err(Problem::input(path, "a sidecar under a name that BIDS does not have")
                .expected(expected)
                .advice("rename it, or move it out of the cohort"));
        }
    }
    Ok(())
}

const PPM: f64 = 1000.0;

/// What an object has under each of its keys, also where it has one twice.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(json: D) -> std::result::Result<Self, D::Error> {
        json.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object such as {\"Units\": \"ppm\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

/// From stored values to ppb, where a sidecar says the unit.
fn unit(sidecar: &Path) -> Result<Option<f64>> {
    let Entries(entries) = read_as(sidecar)?;
    // Its name is "Units"; other spellings mean the same, and two that differ mean nothing.
    let mut said = entries.iter().filter(|(key, _)| ["units", "unit"].contains(&key.to_lowercase().as_str()));
    let Some((_, units)) = said.next() else { return Ok(None) };
    if said.any(|(_, other)| other != units) {
        // JSON may have a key twice; most programs take the last, some the first.
        return Err(Problem::input(sidecar, "two units").expected("one, as Units").advice("take out the wrong one"));
    }
    let text = units.as_str().unwrap_or_default().trim().to_lowercase();
    match text.trim_end_matches("(si)").trim() {
        "ppm" | "parts per million" | "1e-6" | "1e-06" | "10^-6" => Ok(Some(PPM)),
        "ppb" | "parts per billion" | "1e-9" | "1e-09" | "10^-9" => Ok(Some(1.0)),
        _ => Err(Problem::input(sidecar, format!("Units {units} for a susceptibility map"))
            .expected("\"ppm\" (as BIDS has it) or \"ppb\"")
            .advice("correct the unit, or give the susceptibility map if this is a field or a phase")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_sidecar_that_names_the_unit_holds() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cohort");
        let anat = root.join("sub-01/ses-1/anat");
        std::fs::create_dir_all(&anat).unwrap();
        let volume = anat.join("sub-01_ses-1_Chimap.nii.gz");
        let scale = || Sidecars::new(&root).susceptibility_scale(&volume).unwrap();
        let say = |path: &str, text: &str| std::fs::write(root.join(path), text).unwrap();
        // Above the cohort nothing counts.
        std::fs::write(folder.path().join("Chimap.json"), r#"{"Units": "ppb"}"#).unwrap();
        assert_eq!(scale(), 1000.0);
        say("Chimap.json", r#"{"Units": "ppb"}"#);
        assert_eq!(scale(), 1.0);
        say("sub-01/sub-01_Chimap.json", "\u{feff}{\"Units\": \" PPM\"}");
        assert_eq!(scale(), 1000.0);
        say("sub-01/ses-1/anat/sub-01_ses-1_Chimap.json", r#"{"EchoTime": 1}"#);
        say("sub-01/ses-1/anat/sub-01_ses-2_Chimap.json", r#"{"Units": "T"}"#);
        assert_eq!(scale(), 1000.0);
        say("sub-01/ses-1/anat/sub-01_ses-1_Chimap.json", r#"{"Units": "ppb"}"#);
        say("sub-01/ses-1/anat/sub-01_Chimap.json", r#"{"Units": "ppm"}"#);
        assert_eq!(scale(), 1.0, "the one with more entities");
        say("sub-01/ses-1/anat/ses-1_Chimap.json", r#"{"Units": "ppb"}"#);
        say("sub-01/ses-1/anat/sub-01_ses-1_Chimap.json", "{}");
        let twice = Sidecars::new(&root).susceptibility_scale(&volume).unwrap_err().to_string();
        assert!(twice.contains("two units for one map"), "{twice}");
    }

    #[test]
    fn other_units_and_broken_texts_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("sub-01_Chimap.nii.gz");
        let says = |text: &[u8]| {
            std::fs::write(folder.path().join("Chimap.json"), text).unwrap();
            Sidecars::new(folder.path()).susceptibility_scale(&volume).unwrap_err().to_string()
        };
        assert!(says(br#"{"Units": "rad"}"#).contains("Chimap.json: Units \"rad\" for a susceptibility map; expected"));
        assert!(says(br#"{"Units": null}"#).contains("Units null"));
        assert!(says(b"[\"ppm\"]").contains("expected an object such as"));
        assert!(says(br#"{"unit": "Hz"}"#).contains("Units \"Hz\""));
        assert!(says(br#"{"Units": "ppm", "units": "ppb"}"#).contains("two units"));
        assert!(says(br#"{"Units": "ppm", "x": 1, "Units": "ppb"}"#).contains("two units"), "one key twice");
        let scale = |text: &str| {
            std::fs::write(folder.path().join("Chimap.json"), text).unwrap();
            Sidecars::new(folder.path()).susceptibility_scale(&volume).unwrap()
        };
        assert_eq!([r#"{"units": "ppb"}"#, r#"{"UNITS": "ppm (SI)"}"#].map(scale), [1.0, 1000.0]);
        assert_eq!(scale(r#"{"Units": "ppb", "x": 1, "x": 2, "Units": "ppb"}"#), 1.0);
        for name in ["sub-01_Chimap.nii.json", "sub-01_Chimap.nii.gz.json"] {
            std::fs::write(folder.path().join(name), "{}").unwrap();
            let misnamed = says(br#"{"Units": "ppb"}"#);
            assert!(misnamed.contains(name) && misnamed.contains("called sub-01_Chimap.json"), "{misnamed}");
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert!(says(b"{\"Units\": \"ppm\",}").contains("trailing comma at line 1 column 17; expected JSON"));
        let wide: Vec<u8> = "\u{feff}{\"Units\": \"ppb\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(folder.path().join("Chimap.json"), &wide).unwrap();
        assert_eq!(Sidecars::new(folder.path()).susceptibility_scale(&volume).unwrap(), 1.0);
        assert!(says(&wide[..9]).contains("half a letter"));
        let pointer = says(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
        assert!(pointer.contains("Git LFS's note") && pointer.contains("git lfs pull"), "{pointer}");
    }

    #[test]
    fn a_folder_is_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (root, volume) = (folder.path(), folder.path().join("sub-01_Chimap.nii.gz"));
        let sidecars = Sidecars::new(root);
        assert_eq!(sidecars.of(&volume).unwrap(), [Vec::<PathBuf>::new()]);
        std::fs::write(root.join("Chimap.json"), "{}").unwrap();
        assert_eq!(sidecars.of(&volume).unwrap(), [Vec::<PathBuf>::new()]);
        assert_eq!(Sidecars::new(root).of(&volume).unwrap(), [[root.join("Chimap.json")]]);
    }
}

//! A derivative data set of BIDS in the making: volumes with their sidecars, the list of subjects, and what says of all
//! of it that it was drawn.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::suffix::Suffix;
use crate::files;
use crate::name::Name;
use crate::nifti::{self, Affine, Grid, Volume};
use crate::problem::{Problem, Result};
use crate::records::label::Contrast;

/// Version of the specification.
const BIDS: &str = "1.10.0";

/// The description, by which a folder is known as BIDS.
pub const DESCRIPTION: &str = "dataset_description.json";

const PARTICIPANTS: &str = "participants.tsv";
const COLUMNS: &str = "participants.json";
const README: &str = "README.md";
const IGNORED: &str = ".bidsignore";

/// What is written so far.
pub struct Dataset<'a> {
    root: &'a Path,
    names: Vec<String>,
    /// Cells of the table behind the subject's name.
    subjects: BTreeMap<String, [String; 2]>,
    ignores: bool,
}

/// A scan of all contrasts.
pub struct Scan<'a> {
    /// "sub-synth0001".
    pub subject: &'a str,
    /// "synthetic".
    pub desc: &'a str,
    /// Depth, height, width.
    pub shape: [usize; 3],
    /// Where its voxels lie.
    pub affine: Affine,
    /// What every sidecar says.
    pub sidecar: &'a Map<String, Value>,
    /// What every header says.
    pub header: &'a str,
}

impl<'a> Dataset<'a> {
    /// Nothing yet, to be written below `root`.
    pub fn new(root: &'a Path) -> Self {
        Self { root, names: vec![], subjects: BTreeMap::new(), ignores: false }
    }

    /// Notes a subject with its cells of the table: where its images come from, and whether that was simulated.
    pub fn subject(&mut self, subject: &str, cells: [String; 2]) {
        self.subjects.insert(subject.to_owned(), cells);
    }

    /// How many there are.
    pub fn subjects(&self) -> u64 {
        self.subjects.len() as u64
    }

    /// Writes a volume a contrast from values \[channels, depth, height, width\] in the network's range.
    ///
    /// # Errors
    /// A contrast that BIDS does not know, or a failed write.
    pub fn add(&mut self, scan: &Scan<'_>, contrasts: &[Contrast], values: &[f32]) -> Result<()> {
        let [depth, height, width] = scan.shape;
        let grid = Grid::new([width, height, depth], scan.affine);
        for (contrast, values) in contrasts.iter().zip(values.chunks_exact(grid.voxels())) {
            let suffix = Suffix::of(contrast)?;
            self.ignores |= suffix.folder == "dwi";
            let stem = suffix.stem(scan.subject, scan.desc);
            let folder = format!("{}/{}", scan.subject, suffix.folder);
            files::make_folder(&self.root.join(&folder))?;
            let [volume, sidecar] = ["nii.gz", "json"].map(|ending| format!("{folder}/{stem}.{ending}"));
            let drawn = values.iter().map(|&value| contrast.drawn_in_volumes(value));
            let header = format!("{} {} in {}", scan.header, contrast.name, contrast.unit_in_volumes());
            let path = self.root.join(&volume);
            if suffix.is_labels {
                let data = drawn.map(|value| value as u8).collect();
                nifti::write(&path, &Volume::<u8> { grid, data }, &header)?;
            } else {
                nifti::write(&path, &Volume { grid, data: drawn.collect() }, &header)?;
            }
            let mut said = scan.sidecar.clone();
            said.insert("Units".into(), json!(contrast.unit_in_volumes()));
            if suffix.is_labels {
                said.insert("LabelMap".into(), json!({"1": "core", "2": "oedema", "3": "enhancing"}));
            }
            files::write_json(self.root.join(&sidecar), &said)?;
            self.names.extend([volume, sidecar]);
        }
        Ok(())
    }

    /// Writes what stands beside the subjects; the names of all files but the description, which comes last.
    ///
    /// # Errors
    /// A failed write.
    pub fn finish(mut self, name: &str, about: &str, sources: Vec<Value>) -> Result<Vec<String>> {
        let description = json!({
            "Name": name,
            "BIDSVersion": BIDS,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "rimforge", "Version": env!("CARGO_PKG_VERSION"), "Description": about}],
            "SourceDatasets": sources,
        });
        let mut table = "participant_id\torigin\tsource_simulated\n".to_owned();
        for (subject, [origin, simulated]) in &self.subjects {
            table += &format!("{subject}\t{origin}\t{simulated}\n");
        }
        let columns = json!({
            "origin": {
                "Description": "Where the images come from",
                "Levels": {
                    "synthetic": "drawn by a network: no person",
                    "patient": "lesions of a patient, projected into a network's latent space",
                    "simulated": "lesions of a simulated patient, projected into a network's latent space",
                },
            },
            "source_simulated": {
                "Description": "Whether the network learnt from simulated data",
                "Levels": {"true": "simulated", "false": "measured", "n/a": "the network does not say"},
            },
        });
        files::write(self.root.join(PARTICIPANTS), table.as_bytes())?;
        files::write_json(self.root.join(COLUMNS), &columns)?;
        files::write(self.root.join(README), format!("# {name}\n\n{about}\n").as_bytes())?;
        self.names.extend([PARTICIPANTS, COLUMNS, README].map(str::to_owned));
        if self.ignores {
            // Maps of diffusion are in no release of the specification yet.
            files::write(self.root.join(IGNORED), b"*_dwimap.*\n")?;
            self.names.push(IGNORED.into());
        }
        files::write_json(self.root.join(DESCRIPTION), &description)?;
        Ok(self.names)
    }
}

/// The name that BIDS has for a patient: "sub-" and letters and digits.
///
/// # Errors
/// Other signs in it.
pub fn subject(patient: &str) -> Result<String> {
    let label = patient.strip_prefix("sub-").unwrap_or(patient);
    if !label.is_empty() && label.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Ok(format!("sub-{label}"));
    }
    Err(Problem::usage(format!("a patient called {patient}"))
        .expected("letters and digits, which names of subjects in BIDS are made of")
        .advice("rename the patient in the source and prepare again"))
}

/// "denoisedLesion003z12" of "sub-001_lesion-003" and slice 12: BIDS has letters and digits there.
pub fn description_of(lesion: &Name, patient: &str, slice: u64) -> String {
    let own = lesion.as_str().strip_prefix(patient).unwrap_or(lesion.as_str());
    let mut words = String::new();
    let mut starts = true;
    for letter in own.chars() {
        if letter.is_ascii_alphanumeric() {
            words.push(if starts { letter.to_ascii_uppercase() } else { letter });
        }
        starts = !letter.is_ascii_alphanumeric();
    }
    format!("denoised{words}z{slice:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_and_lesions_get_names_of_letters_and_digits() {
        assert_eq!(subject("sub-001").unwrap(), "sub-001");
        assert_eq!(subject("Anna7").unwrap(), "sub-Anna7");
        assert!(subject("a b").unwrap_err().to_string().contains("a patient called a b"));
        let lesion = Name::of_known("sub-001_lesion-003");
        assert_eq!(description_of(&lesion, "sub-001", 12), "denoisedLesion003z12");
    }
}

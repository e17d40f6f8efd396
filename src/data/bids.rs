//! A cohort in BIDS: which files belong to which patient. Reads names, sidecars and tables, no volumes.
//!
//! Layout: `sub-*/[ses-*/]anat/*_Chimap.nii.gz`, `*_FLAIR.nii.gz`, any further contrast by its suffix; under
//! `derivatives/lesions` the reader table `lesions.tsv` and per patient `*_desc-lesions_dseg` and `*_desc-rim_probseg`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::foreign_text;
use super::measure::Measure;
use super::name_join::{listed, repeated};
use super::reader_table::{self, Votes};
use super::table;
use crate::files::list_if_there;
use crate::problem::{Problem, Result};
use crate::records::label::SUSCEPTIBILITY;

/// A cohort's index.
#[derive(Clone, Debug)]
pub struct Cohort {
    /// Its folder.
    pub root: PathBuf,
    /// Whether it says so itself, or keeps truth.
    pub simulated: bool,
    /// In name order.
    pub patients: Vec<Patient>,
    /// Of every lesion in the reader table.
    pub votes: Votes,
    /// The file that they are from.
    pub reader_table: PathBuf,
    /// Oddities that do no harm.
    pub notes: Vec<String>,
}

/// A patient with a lesion label map.
#[derive(Clone, Debug)]
pub struct Patient {
    /// "sub-001".
    pub id: String,
    /// In the order asked for.
    pub contrasts: Vec<ContrastFile>,
    /// Label map: 0 outside, each lesion its own number.
    pub lesion_map: PathBuf,
}

/// One contrast of one patient.
#[derive(Clone, Debug)]
pub struct ContrastFile {
    /// "chimap", "flair", "rim", or another BIDS suffix in lower case.
    pub name: String,
    /// `None` for the rim map of a patient who has none: nothing was traced.
    pub path: Option<PathBuf>,
    /// Stored value times this is ppb; 1 for all but susceptibility.
    pub scale: f64,
}

/// Indexes the cohort at `root` for the contrasts named; `session` ("01" or "ses-01") picks one of several.
///
/// # Errors
/// No such cohort, a patient without a file that was asked for or with several that fit, or tables that do not fit the
/// folders.
pub fn read(root: &Path, contrasts: &[String], session: Option<&str>) -> Result<Cohort> {
    let lesions = root.join("derivatives").join("lesions");
    let reader_table = lesions.join("lesions.tsv");
    if !reader_table.is_file() {
        return Err(Problem::input(&reader_table, "no reader table")
            .expected(
                "a BIDS cohort with derivatives/lesions/lesions.tsv (participant_id, lesion_id, reader1, reader2)",
            )
            .advice("`rimforge simulate` writes an example of the layout"));
    }
    let mut notes = Vec::new();
    let simulated = description_says_simulated(root, &mut notes)?;
    let votes = reader_table::read(&reader_table)?;
    let subjects = subject_folders(root)?;
    check_participants(root, &subjects, &mut notes)?;
    let strangers: BTreeSet<String> =
        votes.keys().map(|key| key.patient.clone()).filter(|id| !subjects.contains(id)).collect();
    if !strangers.is_empty() {
        let strangers: Vec<String> = strangers.into_iter().collect();
        return Err(Problem::input(&reader_table, format!("patients without a folder: {}", listed(&strangers)))
            .expected(format!("patients of {}", root.display())));
    }
    let unknown: Vec<String> = subject_folders(&lesions)?.into_iter().filter(|id| !subjects.contains(id)).collect();
    if !unknown.is_empty() {
        return Err(Problem::input(&lesions, format!("label maps of patients without a folder: {}", listed(&unknown)))
            .expected(format!("patients of {}", root.display())));
    }
    let session = session.map(|name| name.trim_start_matches("ses-").to_owned());
    let find = Finder { root, lesions: &lesions, session: session.as_deref() };
    let mut patients = Vec::new();
    let mut without_map = Vec::new();
    for id in subjects {
        match find.patient(&id, contrasts, &votes)? {
            Some(patient) => patients.push(patient),
            None => without_map.push(id),
        }
    }
    if !without_map.is_empty() {
        notes.push(format!("no lesion label map, left out: {}", listed(&without_map)));
    }
    if patients.is_empty() {
        return Err(Problem::input(&lesions, "no lesion label map")
            .expected("sub-*/anat/sub-*_desc-lesions_dseg.nii.gz for each patient"));
    }
    Ok(Cohort { root: root.to_owned(), simulated, patients, votes, reader_table, notes })
}

impl ContrastFile {
    /// What its values mean.
    pub fn measure(&self) -> Measure {
        Measure::of(&self.name)
    }
}

struct Finder<'a> {
    root: &'a Path,
    lesions: &'a Path,
    session: Option<&'a str>,
}

impl Finder<'_> {
    /// `None` where the patient has neither a label map nor a line in the reader table.
    fn patient(&self, id: &str, contrasts: &[String], votes: &Votes) -> Result<Option<Patient>> {
        let map = self.one(self.lesions, id, |name| name.suffix == "dseg" && name.is("desc", "lesions"))?;
        let Some(lesion_map) = map else {
            if votes.keys().any(|key| key.patient == id) {
                let folder = self.lesions.join(id).join("anat");
                return Err(Problem::input(
                    &folder,
                    format!("no label map for {id}, whose lesions the reader table names"),
                )
                .expected(format!("{id}_desc-lesions_dseg.nii.gz")));
            }
            return Ok(None);
        };
        let contrasts = contrasts.iter().map(|name| self.contrast(id, name, votes)).collect::<Result<_>>()?;
        Ok(Some(Patient { id: id.to_owned(), contrasts, lesion_map }))
    }

    fn contrast(&self, id: &str, contrast: &str, votes: &Votes) -> Result<ContrastFile> {
        let measure = Measure::of(contrast);
        if measure == Measure::Traced {
            let path = self.one(self.lesions, id, |name| name.suffix == "probseg" && name.is("desc", "rim"))?;
            let agreed = votes.iter().any(|(key, vote)| key.patient == id && *vote == (true, true));
            if path.is_none() && agreed {
                return Err(Problem::input(self.lesions.join(id).join("anat"), format!("no traced rims for {id}"))
                    .expected(format!("{id}_desc-rim_probseg.nii.gz, since both readers see a rim in this patient"))
                    .advice(format!("add it, or leave `{contrast}` out of the contrasts")));
            }
            return Ok(ContrastFile { name: contrast.into(), path, scale: 1.0 });
        }
        let Some(path) = self.one(self.root, id, |name| name.suffix.eq_ignore_ascii_case(contrast))? else {
            return Err(Problem::input(self.root.join(id), format!("no {contrast} volume"))
                .expected(format!("{id}/anat/{id}_{}.nii.gz", bids_suffix(contrast)))
                .advice("add it, or leave the contrast out of --contrasts"));
        };
        let scale = if measure == Measure::Susceptibility { susceptibility_scale(self.root, &path)? } else { 1.0 };
        Ok(ContrastFile { name: contrast.into(), path: Some(path), scale })
    }

    /// The one volume of a patient below `base` whose name satisfies `wanted`; several are an error that lists them.
    fn one(&self, base: &Path, id: &str, wanted: impl Fn(&BidsName) -> bool) -> Result<Option<PathBuf>> {
        let mut found = Vec::new();
        let patient = base.join(id);
        for folder in list_if_there(&patient)?.into_iter().filter(|path| path.is_dir()) {
            match file_name(&folder) {
                "anat" => found.extend(list_if_there(&folder)?),
                name if name.starts_with("ses-") => found.extend(list_if_there(&folder.join("anat"))?),
                _ => {}
            }
        }
        found.retain(|path| {
            BidsName::parse(file_name(path)).is_some_and(|name| {
                name.is("sub", id.trim_start_matches("sub-"))
                    && wanted(&name)
                    && self.session.is_none_or(|session| name.is("ses", session))
            })
        });
        match found.as_slice() {
            [] => Ok(None),
            [path] => Ok(Some(path.clone())),
            several => {
                let names: Vec<String> = several.iter().map(|path| file_name(path).to_owned()).collect();
                Err(Problem::input(&patient, format!("{} volumes fit: {}", several.len(), listed(&names)))
                    .expected("one")
                    .advice("pick a session with --session, or move the others out of the cohort"))
            }
        }
    }
}

/// A file name taken apart: `sub-01_ses-2_desc-lesions_dseg.nii.gz`.
struct BidsName<'a> {
    entities: Vec<(&'a str, &'a str)>,
    suffix: &'a str,
}

impl<'a> BidsName<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let stem = name.strip_suffix(".nii.gz").or_else(|| name.strip_suffix(".nii"))?;
        let (entities, suffix) = stem.rsplit_once('_')?;
        let entities = entities.split('_').map(|part| part.split_once('-')).collect::<Option<_>>()?;
        Some(Self { entities, suffix })
    }

    fn is(&self, key: &str, value: &str) -> bool {
        self.entities.contains(&(key, value))
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn subject_folders(root: &Path) -> Result<Vec<String>> {
    let folders = list_if_there(root)?.into_iter().filter(|path| path.is_dir());
    let ids = folders.map(|path| file_name(&path).to_owned()).filter(|name| name.starts_with("sub-"));
    Ok(ids.collect())
}

/// participants.tsv is optional; ids that occur twice are an error, those without a folder a note.
fn check_participants(root: &Path, subjects: &[String], notes: &mut Vec<String>) -> Result<()> {
    let path = root.join("participants.tsv");
    if !path.is_file() {
        notes.push("no participants.tsv; patients are the sub-* folders".into());
        return Ok(());
    }
    // It only feeds this note: whatever other programs made of it stops nothing.
    let rows = match table::read(&path, &["participant_id"], &[]) {
        Ok(table) => table.rows,
        Err(problem) => {
            notes.push(format!("not used, and not needed: {problem}"));
            return Ok(());
        }
    };
    let twice = repeated(rows.iter().map(|row| row.cell(0)));
    if !twice.is_empty() {
        return Err(Problem::input(&path, format!("participants that occur twice: {}", listed(&twice)))
            .expected("one line a participant"));
    }
    let known = |id: &str| subjects.iter().any(|subject| subject == id);
    let absent: Vec<String> = rows.iter().map(|row| row.cell(0).to_owned()).filter(|id| !known(id)).collect();
    if !absent.is_empty() {
        notes.push(format!("in participants.tsv but without a folder: {}", listed(&absent)));
    }
    Ok(())
}

fn read_json(path: &Path) -> Result<Value> {
    tracing::info!("reading {}", path.display());
    let text = std::fs::read(path).map_err(|error| Problem::io(path, "reading", error))?;
    let text = foreign_text::decode(&text).map_err(|found| Problem::input(path, found))?;
    serde_json::from_str(&text).map_err(|error| Problem::input(path, format!("not JSON: {error}")))
}

/// True for a cohort that rimforge simulated; a simulated one says so in its description, or keeps its truth apart.
fn description_says_simulated(root: &Path, notes: &mut Vec<String>) -> Result<bool> {
    let path = root.join("dataset_description.json");
    let truth = root.join("derivatives").join("truth").is_dir();
    if !path.is_file() {
        notes.push("no dataset_description.json; BIDS asks for one".into());
        return Ok(truth);
    }
    let description = read_json(&path)?;
    let said = ["Name", "GeneratedBy"].iter().filter_map(|key| description.get(*key));
    Ok(truth || said.map(Value::to_string).any(|text| text.to_lowercase().contains("simulat")))
}

/// What takes a Chimap's stored values to ppb, from `Units` in its sidecar or in the cohort's `Chimap.json`.
fn susceptibility_scale(root: &Path, volume: &Path) -> Result<f64> {
    let stem = file_name(volume).trim_end_matches(".gz").trim_end_matches(".nii");
    for sidecar in [volume.with_file_name(format!("{stem}.json")), root.join("Chimap.json")] {
        if !sidecar.is_file() {
            continue;
        }
        match read_json(&sidecar)?.get("Units").map(|unit| unit.as_str().unwrap_or_default().to_owned()).as_deref() {
            None => {}
            Some("ppm") => return Ok(1000.0),
            Some("ppb") => return Ok(1.0),
            Some(other) => {
                return Err(Problem::input(&sidecar, format!("Units {other:?} for a susceptibility map"))
                    .expected("ppm (as BIDS has it) or ppb"));
            }
        }
    }
    // BIDS: a Chimap is in ppm.
    Ok(1000.0)
}

/// The suffix as BIDS spells it.
fn bids_suffix(contrast: &str) -> String {
    match contrast {
        SUSCEPTIBILITY => "Chimap".into(),
        "flair" => "FLAIR".into(),
        other => other.to_owned(),
    }
}

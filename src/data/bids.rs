//! A cohort in BIDS: which files belong to which patient. Reads names, sidecars and tables, no volumes.
//!
//! Layout: `sub-*/[ses-*/]anat/*_Chimap.nii.gz`, `*_FLAIR.nii.gz`, any further contrast by its suffix; under
//! `derivatives/lesions` the reader table `lesions.tsv` and per patient `*_desc-lesions_dseg` and `*_desc-rim_probseg`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use super::bids_finder::Pick;
use super::bids_finder::{Finder, near};
use super::bids_name::{BidsName, differences, file_name};
use super::measure::Measure;
use super::name_join::{listed, repeated};
use super::near_names::{look_alikes, near_id_key, spelled};
use super::odd_label::is_missing;
use super::reader_table::{self, Votes};
use super::sidecar::{Sidecars, read_json};
use super::table;
use super::visits;
use crate::files::{kind_of, list_if_there};
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::label::{SUSCEPTIBILITY_NAMES, is_susceptibility};

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

/// Indexes the cohort at `root` for the contrasts named; `picks` choose among files that differ in an entity.
///
/// # Errors
/// No such cohort, a patient without a file that was asked for or with several that fit, or tables that do not fit the
/// folders.
pub fn read(root: &Path, contrasts: &[String], picks: &[Pick]) -> Result<Cohort> {
    if !kind_of::facts(root)?.is_dir() {
        return Err(Problem::input(root, "not a folder")
            .expected("a BIDS cohort")
            .advice("give its folder; unpack an archive first"));
    }
    let lesions = root.join("derivatives").join("lesions");
    let reader_table = lesions.join("lesions.tsv");
    if reader_table.is_symlink() {
        kind_of::facts(&reader_table)?;
    }
    if !reader_table.is_file() {
        return Err(Problem::input(&reader_table, "no reader table")
            .expected(
                "a BIDS cohort with derivatives/lesions/lesions.tsv (participant_id, lesion_id, reader1, reader2)",
            )
            .advice("`rimforge simulate` writes an example of the layout"));
    }
    let mut notes = Vec::new();
    let simulated = description_says_simulated(root, &mut notes)?;
    let (votes, further) = reader_table::read(&reader_table)?;
    if !further.is_empty() {
        notes.push(format!("columns of lesions.tsv that are not used: {}", listed(&further)));
    }
    let subjects = subject_folders(root)?;
    if let Some((one, other)) = look_alikes(subjects.iter().map(String::as_str), near_id_key) {
        let found = format!("patients whose names differ in spelling alone: {} and {}", spelled(one), spelled(other));
        return Err(Problem::input(root, found)
            .expected("one folder for one patient")
            .advice("join them, or rename one if they are two people"));
    }
    notes.extend(visits::alike(subjects.iter().map(String::as_str)));
    note_near_names(root, &mut notes)?;
    check_participants(root, &subjects, &mut notes);
    let strangers: BTreeSet<String> =
        votes.keys().map(|key| key.patient.clone()).filter(|id| !subjects.contains(id)).collect();
    if !strangers.is_empty() {
        let strangers: Vec<String> = strangers.into_iter().collect();
        return Err(Problem::input(&reader_table, format!("patients without a folder: {}", listed(&strangers)))
            .expected(format!("patients of {}", root.display()))
            .advice("spell patients as their folders are spelled, zeros included"));
    }
    let unknown: Vec<String> = subject_folders(&lesions)?.into_iter().filter(|id| !subjects.contains(id)).collect();
    if !unknown.is_empty() {
        return Err(Problem::input(&lesions, format!("label maps of patients without a folder: {}", listed(&unknown)))
            .expected(format!("patients of {}", root.display()))
            .advice("spell patients as their folders are spelled, zeros included"));
    }
    let find = Patients { root, lesions: &lesions, finder: Finder::new(picks), sidecars: Sidecars::new(root) };
    let mut patients = Vec::new();
    let mut without_map = Vec::new();
    let mut lacking: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for id in &subjects {
        match find.patient(id, contrasts, &votes, &mut lacking)? {
            Some(patient) => patients.push(patient),
            None => without_map.push(id.clone()),
        }
    }
    if let Some((contrast, ids)) = contrasts.iter().find_map(|name| lacking.get_key_value(name.as_str())) {
        return Err(find.lacking(contrast, ids, patients.len()));
    }
    find.finder.require_answers(root)?;
    note_differences(contrasts, &patients, &mut notes);
    if !without_map.is_empty() {
        notes.push(format!("no lesion label map, left out: {}", listed(&without_map)));
    }
    if patients.is_empty() {
        let near = near(&lesions, &["dseg", "lesion", "mask"]).map(|words| format!("; {words}")).unwrap_or_default();
        return Err(Problem::input(&lesions, format!("no lesion label map{near}"))
            .expected("sub-*/anat/sub-*_desc-lesions_dseg.nii.gz for each patient"));
    }
    Ok(Cohort { root: root.to_owned(), simulated, patients, votes, reader_table, notes })
}

impl Cohort {
    /// A file's path within the cohort, as records name it.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}

impl ContrastFile {
    /// What its values mean.
    pub fn measure(&self) -> Measure {
        Measure::of(&self.name)
    }
}

struct Patients<'a> {
    root: &'a Path,
    lesions: &'a Path,
    finder: Finder<'a>,
    sidecars: Sidecars<'a>,
}

impl Patients<'_> {
    /// `None` where the patient has neither a label map nor a line in the reader table. A contrast that is not there is
    /// noted in `lacking`.
    fn patient<'c>(
        &self,
        id: &str,
        contrasts: &'c [String],
        votes: &Votes,
        lacking: &mut BTreeMap<&'c str, Vec<String>>,
    ) -> Result<Option<Patient>> {
        let map = self.finder.drawn(self.lesions, id, |name| name.suffix == "dseg" && name.is("desc", "lesions"))?;
        let Some(lesion_map) = map else {
            if votes.keys().any(|key| key.patient == id) {
                let folder = self.lesions.join(id);
                let near = near(&folder, &["dseg", "lesion", "mask"]).map(|words| format!("; {words}"));
                let found =
                    format!("no label map for {id}, whose lesions the reader table names{}", near.unwrap_or_default());
                return Err(Problem::input(folder.join("anat"), found)
                    .expected(format!("{id}_desc-lesions_dseg.nii.gz"))
                    .advice("put it there, or take the patient's lesions out of the reader table"));
            }
            return Ok(None);
        };
        let mut files = Vec::new();
        for name in contrasts {
            match self.contrast(id, name, votes)? {
                Some(file) => files.push(file),
                None => lacking.entry(name).or_default().push(id.to_owned()),
            }
        }
        self.require_one_session(id, &lesion_map, &files)?;
        Ok(Some(Patient { id: id.to_owned(), contrasts: files, lesion_map }))
    }

    /// `None` where the patient has no such volume.
    fn contrast(&self, id: &str, contrast: &str, votes: &Votes) -> Result<Option<ContrastFile>> {
        let measure = Measure::of(contrast);
        if measure == Measure::Traced {
            let path =
                self.finder.drawn(self.lesions, id, |name| name.suffix == "probseg" && name.is("desc", "rim"))?;
            let agreed = votes.iter().any(|(key, vote)| key.patient == id && *vote == (true, true));
            if path.is_none() && agreed {
                return Err(Problem::input(self.lesions.join(id).join("anat"), format!("no traced rims for {id}"))
                    .expected(format!("{id}_desc-rim_probseg.nii.gz, since both readers see a rim in this patient"))
                    .advice(format!("add it, or leave `{contrast}` out of the contrasts")));
            }
            return Ok(Some(ContrastFile { name: contrast.into(), path, scale: 1.0 }));
        }
        let mut path = self.finder.one(self.root, id, |name| name.suffix.eq_ignore_ascii_case(contrast))?;
        if path.is_none() && measure == Measure::Susceptibility {
            path = self.finder.one(self.root, id, |name| is_susceptibility(name.suffix))?;
        }
        let Some(path) = path else { return Ok(None) };
        let part = BidsName::of_volume(&path).and_then(|name| name.value("part").map(str::to_owned));
        if let Some(part) = part.filter(|part| part != "mag" && !self.finder.picks(("part", part))) {
            return Err(Problem::input(&path, format!("the {part} of a signal as {contrast}"))
                .expected("a magnitude (part-mag, or no part), unless another part is asked for")
                .advice(format!(
                    "add the magnitude, or take this one with --entities part-{part} (prepare.entities)"
                )));
        }
        let scale = if measure == Measure::Susceptibility { self.sidecars.susceptibility_scale(&path)? } else { 1.0 };
        Ok(Some(ContrastFile { name: contrast.into(), path: Some(path), scale }))
    }

    /// Refuses a patient whose volumes are of several sessions: nothing says that they show the same lesions.
    fn require_one_session(&self, id: &str, lesion_map: &Path, files: &[ContrastFile]) -> Result<()> {
        let paths = std::iter::once(lesion_map).chain(files.iter().filter_map(|file| file.path.as_deref()));
        let value =
            |path: &'_ Path, key: &str| BidsName::of_volume(path).and_then(|name| name.value(key).map(str::to_owned));
        let named: BTreeSet<String> = paths.clone().filter_map(|path| value(path, "ses")).collect();
        // A label map may be drawn for all sessions; an image without one beside those of one is of an unknown one.
        let images = files.iter().filter(|file| file.measure() != Measure::Traced);
        let sessions: BTreeSet<Option<String>> =
            images.filter_map(|file| file.path.as_deref()).map(|path| value(path, "ses")).collect();
        let runs: BTreeSet<String> = paths.clone().filter_map(|path| value(path, "run")).collect();
        if runs.len() > 1 && named.len() < 2 && sessions.len() < 2 {
            let names: Vec<String> = paths.map(|path| file_name(path).to_owned()).collect();
            return Err(Problem::input(self.root.join(id), format!("volumes of different runs: {}", listed(&names)))
                .expected("contrasts of the run on which the label map was drawn")
                .advice("choose with --entities run-N (prepare.entities), or leave the contrast out"));
        }
        if named.len() < 2 && sessions.len() < 2 {
            return Ok(());
        }
        let names: Vec<String> = paths.map(|path| file_name(path).to_owned()).collect();
        let drawn = BidsName::of_volume(lesion_map).and_then(|name| name.value("ses"));
        if let Some(session) = drawn {
            return Err(Problem::input(
                self.root.join(id),
                format!("volumes of different sessions: {}", listed(&names)),
            )
            .expected(format!("contrasts of ses-{session}, on which the label map was drawn"))
            .advice(format!(
                "--session {session} (prepare.session) takes those, if they were imaged; a label map that was \
                     brought to another session is named after that one, or without a session"
            )));
        }
        Err(Problem::input(self.root.join(id), format!("volumes of different sessions: {}", listed(&names)))
            .expected("one session of each patient, or a label map without one")
            .advice("choose with --session (prepare.session), or leave the contrast out that was imaged another time"))
    }

    fn lacking(&self, contrast: &str, ids: &[String], patients: usize) -> Problem {
        let first = ids.first().map_or("", String::as_str);
        let names: Vec<&str> = if is_susceptibility(contrast) { SUSCEPTIBILITY_NAMES.to_vec() } else { vec![contrast] };
        let near = near(&self.root.join(first), &names).map(|words| format!("; {words}")).unwrap_or_default();
        let many = match ids.len() {
            0 | 1 => String::new(),
            count => format!(" in {count} of {patients} patients ({})", listed(ids)),
        };
        Problem::input(self.root.join(first), format!("no {contrast} volume{many}{near}"))
            .expected(format!("{first}/anat/{first}_{}.nii.gz", bids_suffix(contrast)))
            .advice("add it, or leave the contrast out of --contrasts")
    }
}

/// What the files' names say that is not the same in all patients: another acquisition, reconstruction or space.
fn note_differences(contrasts: &[String], patients: &[Patient], notes: &mut Vec<String>) {
    for contrast in contrasts {
        let of = |patient: &'_ Patient| {
            let file = patient.contrasts.iter().find(|file| file.name == *contrast)?;
            Some((patient.id.clone(), file.path.clone()?))
        };
        let paths: Vec<(String, PathBuf)> = patients.iter().filter_map(of).collect();
        let choose = "; choose with --entities (prepare.entities) where they do not show the same";
        notes.extend(different_kinds(&paths).into_iter().map(|which| format!("{contrast} is {which}{choose}")));
    }
}

/// In what the names of files of several patients (each with its patient) differ beyond whose and when: another
/// sequence, model or step of processing.
pub(super) fn different_kinds(paths: &[(String, PathBuf)]) -> Vec<String> {
    let names: Vec<BidsName> = paths.iter().filter_map(|(_, path)| BidsName::of_volume(path)).collect();
    let keys = differences(&names).into_iter().filter(|(key, _)| !["sub", "ses", "run"].contains(key));
    keys.map(|(key, values)| {
        let with = |value: &str| -> Vec<String> {
            let has =
                |path: &Path| BidsName::of_volume(path).is_some_and(|name| name.value(key).unwrap_or("none") == value);
            paths.iter().filter(|(_, path)| has(path)).map(|(id, _)| id.clone()).collect()
        };
        let each: Vec<String> =
            values.iter().map(|value| format!("{key}-{value} in {}", listed(&with(value)))).collect();
        format!("not the same kind of file in all patients: {}", each.join("; "))
    })
    .collect()
}

/// The patients' folders; their names become parts of file names.
fn subject_folders(root: &Path) -> Result<Vec<String>> {
    let folders = list_if_there(root)?.into_iter().filter(|path| path.is_dir());
    let ids = folders.filter_map(|path| {
        let name = path.file_name()?;
        let id = name.to_str().ok_or("a name that is no Unicode".to_owned()).and_then(Name::new);
        name.as_encoded_bytes().starts_with(b"sub-").then_some((path.clone(), id))
    });
    ids.map(|(path, id)| {
        id.map(String::from).map_err(|fault| {
            Problem::input(path, format!("a patient's folder cannot be used: {fault}"))
                .expected("sub- and letters and digits")
        })
    })
    .collect()
}

/// Folders that someone may have meant as a patient's.
fn note_near_names(root: &Path, notes: &mut Vec<String>) -> Result<()> {
    let near = |name: &str| !name.starts_with("sub-") && name.to_lowercase().starts_with("sub");
    let folders = list_if_there(root)?.into_iter().filter(|path| path.is_dir());
    let names: Vec<String> = folders.map(|path| file_name(&path).to_owned()).filter(|name| near(name)).collect();
    if !names.is_empty() {
        notes.push(format!("folders that are passed over, since BIDS names patients sub-*: {}", listed(&names)));
    }
    Ok(())
}

/// participants.tsv is optional and feeds notes alone: so are one that cannot be read, ids that occur twice and those
/// without a folder.
fn check_participants(root: &Path, subjects: &[String], notes: &mut Vec<String>) {
    let path = root.join("participants.tsv");
    if !path.is_file() {
        notes.push("no participants.tsv; patients are the sub-* folders".into());
        return;
    }
    let table = match table::read(&path, &["participant_id"], &[]) {
        Ok(table) => table,
        Err(problem) => {
            let first = problem.to_string().lines().next().unwrap_or_default().to_owned();
            notes.push(format!("patients are the sub-* folders, since participants.tsv cannot be used: {first}"));
            return;
        }
    };
    // Some tables leave "sub-" out.
    let ids: Vec<String> = table
        .rows()
        .map(|row| row.cell(0))
        .filter(|id| !is_missing(id))
        .map(|id| if id.starts_with("sub-") { id.to_owned() } else { format!("sub-{id}") })
        .collect();
    let twice = repeated(ids.iter().map(String::as_str));
    if !twice.is_empty() {
        notes.push(format!("participants that occur twice in participants.tsv: {}", listed(&twice)));
    }
    let unlisted: Vec<String> = subjects.iter().filter(|id| !ids.contains(id)).cloned().collect();
    if !unlisted.is_empty() {
        notes.push(format!("patients without a line in participants.tsv: {}", listed(&unlisted)));
    }
    let absent: Vec<String> = ids.into_iter().filter(|id| !subjects.contains(id)).collect();
    if !absent.is_empty() {
        notes.push(format!("in participants.tsv but without a folder: {}", listed(&absent)));
    }
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

/// The suffix as BIDS spells it.
fn bids_suffix(contrast: &str) -> String {
    match contrast {
        name if is_susceptibility(name) => "Chimap".into(),
        "flair" => "FLAIR".into(),
        other => other.to_owned(),
    }
}

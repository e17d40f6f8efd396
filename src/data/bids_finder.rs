//! Which files of a BIDS cohort are a patient's: the one that fits, or the choices there are, or what lies near.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::bids_name::{BidsName, differences, file_name, folder_session};
use super::name_join::listed;
use crate::files::list_if_there;
use crate::problem::{Problem, Result};

/// Entries of a patient's folder that are looked at for what lies near; more are no help.
const LOOKED_AT: usize = 2000;

/// Formats that volumes come in and that are not read, by ending, with what to do.
const OTHER_ENDINGS: [(&str, &str); 14] = [
    (".hdr", "a .hdr/.img pair: make one .nii.gz of the two (fslchfiletype NIFTI_GZ, nibabel)"),
    (".hdr.gz", "a .hdr/.img pair: make one .nii.gz of the two (fslchfiletype NIFTI_GZ, nibabel)"),
    (".mgz", "an MGH volume: mri_convert makes .nii.gz of it"),
    (".mgh", "an MGH volume: mri_convert makes .nii.gz of it"),
    (".nrrd", "an NRRD volume: convert it to .nii.gz"),
    (".nhdr", "an NRRD volume: convert it to .nii.gz"),
    (".mha", "a MetaImage: convert it to .nii.gz"),
    (".mhd", "a MetaImage: convert it to .nii.gz"),
    (".mif", "an MRtrix volume: mrconvert makes .nii.gz of it"),
    (".mif.gz", "an MRtrix volume: mrconvert makes .nii.gz of it"),
    (".mnc", "a MINC volume: mnc2nii makes .nii of it"),
    (".dcm", "DICOM: dcm2niix makes .nii.gz of the series"),
    (".nii.zip", "a zip archive: unpack it"),
    (".nii.bz2", "bzip2 data: unpack it"),
];

/// An entity and the value that files must have where they have the entity at all: ("ses", "01"). The value "none"
/// means files without it.
pub type Pick = (String, String);

/// Looks for the files of a cohort's patients.
pub(super) struct Finder<'a> {
    picks: &'a [Pick],
    /// Picks that some file answered.
    answered: Mutex<BTreeSet<&'a Pick>>,
}

impl<'a> Finder<'a> {
    /// For files that `picks` choose.
    pub fn new(picks: &'a [Pick]) -> Self {
        Self { picks, answered: Mutex::default() }
    }

    /// Whether files of this entity and value are asked for.
    pub fn picks(&self, (key, value): (&str, &str)) -> bool {
        self.picks.iter().any(|pick| (pick.0.as_str(), pick.1.as_str()) == (key, value))
    }

    /// The one volume of a patient below `base` whose name satisfies `wanted`.
    ///
    /// # Errors
    /// Several, with what they differ in and how to choose.
    pub fn one(&self, base: &Path, id: &str, wanted: impl Fn(&BidsName) -> bool) -> Result<Option<PathBuf>> {
        let patient = base.join(id);
        let mut found = Self::all(&patient, id, wanted)?;
        for pick in self.picks {
            self.choose(&patient, pick, &mut found)?;
        }
        only(&patient, &found)
    }

    /// As [`Finder::one`], of a file that was drawn on contrasts and has entities of its own: its `desc` is given, and
    /// other entities are asked only where there are several files. A session is asked for always.
    ///
    /// # Errors
    /// Those of [`Finder::one`].
    pub fn drawn(&self, base: &Path, id: &str, wanted: impl Fn(&BidsName) -> bool) -> Result<Option<PathBuf>> {
        let patient = base.join(id);
        let mut found = Self::all(&patient, id, wanted)?;
        for pick in self.picks {
            let (key, _) = pick;
            if key == "ses" || (key != "desc" && found.len() > 1) {
                self.choose(&patient, pick, &mut found)?;
            }
        }
        only(&patient, &found)
    }

    fn all(patient: &Path, id: &str, wanted: impl Fn(&BidsName) -> bool) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for folder in list_if_there(patient)?.into_iter().filter(|path| path.is_dir()) {
            match file_name(&folder) {
                "anat" => found.extend(list_if_there(&folder)?),
                name if name.starts_with("ses-") => found.extend(list_if_there(&folder.join("anat"))?),
                _ => {}
            }
        }
        found.retain(|path| {
            BidsName::of_volume(path).is_some_and(|name| name.is("sub", id.trim_start_matches("sub-")) && wanted(&name))
        });
        let session = |path: &Path| BidsName::of_volume(path).and_then(|name| name.value("ses").map(str::to_owned));
        let strays = |path: &&PathBuf| folder_session(path).is_some_and(|own| session(path).as_deref() != Some(own));
        match found.iter().find(strays) {
            None => Ok(found),
            Some(path) => Err(Problem::input(path, "its name says another session than its folder")
                .expected("one session")
                .advice("move it, or rename it")),
        }
    }

    /// Keeps the files that a pick means: those of its value, else those without the entity.
    fn choose(&self, patient: &Path, pick: &'a Pick, found: &mut Vec<PathBuf>) -> Result<()> {
        let (key, wanted) = pick;
        let value = |path: &Path| BidsName::of_volume(path).and_then(|name| name.value(key).map(str::to_owned));
        let values: BTreeSet<String> = found.iter().filter_map(|path| value(path)).collect();
        let known = values.contains(wanted);
        if known || (wanted == "none" && !values.is_empty()) {
            self.answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(pick);
        }
        let kept: Vec<PathBuf> =
            found.iter().filter(|path| value(path).as_ref() == known.then_some(wanted)).cloned().collect();
        if kept.is_empty() && !found.is_empty() {
            let values: Vec<String> = values.iter().map(|value| format!("{key}-{value}")).collect();
            let names: Vec<String> = found.iter().map(|path| file_name(path).to_owned()).collect();
            let option = option(key);
            return Err(Problem::input(patient, format!("no {key}-{wanted} among {}", listed(&names)))
                .expected(format!("one of {}", listed(&values)))
                .advice(format!("choose with {option}, spelled as the files spell it")));
        }
        *found = kept;
        Ok(())
    }

    /// Refuses picks that no file answered: they would do nothing, silently.
    ///
    /// # Errors
    /// The first of them.
    pub fn require_answers(&self, root: &Path) -> Result<()> {
        let answered = self.answered.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match self.picks.iter().find(|pick| !answered.contains(pick)) {
            None => Ok(()),
            Some((key, value)) => Err(Problem::input(root, format!("no file with {key}-{value} in its name"))
                .expected("a choice that some file answers")
                .advice(format!("correct {}, or leave it out", option(key)))),
        }
    }
}

fn only(patient: &Path, found: &[PathBuf]) -> Result<Option<PathBuf>> {
    match found {
        [] => Ok(None),
        [path] => Ok(Some(path.clone())),
        several => Err(too_many(patient, several)),
    }
}

fn option(key: &str) -> &'static str {
    match key {
        "ses" => "--session (prepare.session)",
        _ => "--entities (prepare.entities)",
    }
}

fn too_many(patient: &Path, several: &[PathBuf]) -> Problem {
    let names: Vec<String> = several.iter().map(|path| file_name(path).to_owned()).collect();
    let parsed: Vec<BidsName> = several.iter().filter_map(|path| BidsName::of_volume(path)).collect();
    let differences = differences(&parsed);
    let found = format!("{} volumes fit: {}", several.len(), listed(&names));
    let suffixes: BTreeSet<&str> = parsed.iter().map(|name| name.suffix).collect();
    if suffixes.len() > 1 {
        let named: Vec<String> = suffixes.iter().map(|suffix| (*suffix).to_owned()).collect();
        let first = named[0].to_lowercase();
        return Problem::input(patient, format!("{found}; their suffixes differ: {}", listed(&named)))
            .expected("one")
            .advice(format!("choose by suffix, e.g. with --contrasts {first} (prepare.contrasts)"));
    }
    if differences.is_empty() {
        return Problem::input(patient, format!("{found}; their names differ in the ending alone"))
            .expected("one")
            .advice("move the others out of the cohort");
    }
    let spelled = |(key, values): (&&str, &BTreeSet<&str>)| {
        let values: Vec<String> = values.iter().map(|value| format!("{key}-{value}")).collect();
        values.join(" or ")
    };
    let choices: Vec<String> = differences.iter().map(spelled).collect();
    let sessions = differences.get("ses").and_then(|values| values.iter().find(|value| **value != "none"));
    let others: Vec<&&str> = differences.keys().filter(|key| **key != "ses").collect();
    let mut ways = Vec::new();
    ways.extend(sessions.map(|session| format!("--session {session} (prepare.session)")));
    ways.extend(others.first().map(|key| {
        let value = differences[**key].first().copied().unwrap_or("none");
        format!("--entities {key}-{value} (prepare.entities)")
    }));
    Problem::input(patient, format!("{found}; they differ in {}", choices.join(", and in ")))
        .expected("one")
        .advice(format!("choose, e.g. with {}", ways.join(" and ")))
}

/// What lies near where a volume of one of some suffixes is not: files of a patient that are named so but lie elsewhere
/// or are in another format, or that nothing of the patient is there; in words for a person.
pub(super) fn near(patient: &Path, suffixes: &[&str]) -> Option<String> {
    let mut found = Vec::new();
    let mut folders = vec![(patient.to_owned(), 0)];
    let mut entries = 0;
    while let Some((folder, depth)) = folders.pop() {
        for path in list_if_there(&folder).unwrap_or_default() {
            entries += 1;
            if entries > LOOKED_AT {
                break;
            }
            if path.is_dir() && depth < 4 {
                folders.push((path, depth + 1));
            } else if let Some(words) = stands_near(patient, &path, suffixes) {
                found.push(words);
            }
        }
    }
    if entries == 0 {
        let advice = "nothing of this patient is here: if this is a DataLad data set, `datalad get -n` the subset";
        return Some(advice.to_owned());
    }
    found.sort();
    (!found.is_empty()).then(|| format!("there is {}", listed(&found)))
}

fn stands_near(patient: &Path, path: &Path, suffixes: &[&str]) -> Option<String> {
    let name = file_name(path).to_lowercase();
    if name.ends_with(".json") || !suffixes.iter().any(|suffix| name.contains(&suffix.to_lowercase())) {
        return None;
    }
    let shown = path.strip_prefix(patient.parent().unwrap_or(patient)).unwrap_or(path).display().to_string();
    if let Some((_, advice)) = OTHER_ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)) {
        return Some(format!("{shown} ({advice})"));
    }
    let volume = name.ends_with(".nii.gz") || name.ends_with(".nii");
    volume.then(|| format!("{shown} (its name or its folder is not as BIDS has it)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(key: &str, value: &str) -> Pick {
        (key.into(), value.into())
    }

    fn cohort(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join("sub-1").join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"").unwrap();
        }
        folder
    }

    fn one(files: &[&str], picks: &[Pick]) -> Result<Option<String>> {
        let root = cohort(files);
        let finder = Finder::new(picks);
        let found = finder.one(root.path(), "sub-1", |name| name.suffix == "T1w")?;
        finder.require_answers(root.path())?;
        Ok(found.map(|path| file_name(&path).to_owned()))
    }

    #[test]
    fn a_pick_chooses_among_files_that_have_the_entity_and_lets_others_be() {
        let two = ["ses-01/anat/sub-1_ses-01_T1w.nii.gz", "ses-02/anat/sub-1_ses-02_T1w.nii.gz"];
        let found = one(&two, &[pick("ses", "02")]).unwrap();
        assert_eq!(found.as_deref(), Some("sub-1_ses-02_T1w.nii.gz"));
        // As a label map without a session has it.
        let session = [pick("ses", "02")];
        let (root, finder) = (cohort(&["anat/sub-1_T1w.nii"]), Finder::new(&session));
        assert!(finder.one(root.path(), "sub-1", |name| name.suffix == "T1w").unwrap().is_some());
        assert!(finder.require_answers(root.path()).unwrap_err().to_string().contains("no file with ses-02"));
        let says = one(&two, &[pick("ses", "1")]).unwrap_err().to_string();
        assert!(says.contains("no ses-1 among") && says.contains("expected one of ses-01, ses-02"), "{says}");
        let runs = ["anat/sub-1_T1w.nii", "anat/sub-1_run-2_T1w.nii"];
        let found = |value| one(&runs, &[pick("run", value)]).unwrap().unwrap();
        assert_eq!((found("2").as_str(), found("none").as_str()), ("sub-1_run-2_T1w.nii", "sub-1_T1w.nii"));
    }

    #[test]
    fn twins_are_named_with_what_they_differ_in() {
        let says = |files: &[&str]| one(files, &[]).unwrap_err().to_string();
        let parts = says(&["anat/sub-1_part-mag_T1w.nii", "anat/sub-1_part-phase_T1w.nii"]);
        assert!(parts.contains("differ in part-mag or part-phase"), "{parts}");
        assert!(parts.contains("--entities part-mag") && !parts.contains("--session"), "{parts}");
        let both = says(&["ses-1/anat/sub-1_ses-1_run-1_T1w.nii", "ses-2/anat/sub-1_ses-2_T1w.nii"]);
        assert!(both.contains("--session 1") && both.contains("--entities run-1"), "{both}");
        let ending = says(&["anat/sub-1_T1w.nii", "anat/sub-1_T1w.nii.gz"]);
        assert!(ending.contains("differ in the ending alone"), "{ending}");
    }

    #[test]
    fn files_that_differ_in_the_suffix_are_chosen_by_contrast() {
        let root = cohort(&["anat/sub-1_QSM.nii", "anat/sub-1_Chi.nii"]);
        let problem = Finder::new(&[]).one(root.path(), "sub-1", |_| true).unwrap_err().to_string();
        assert!(problem.contains("their suffixes differ: Chi, QSM"), "{problem}");
        assert!(problem.contains("--contrasts chi (prepare.contrasts)"), "{problem}");
    }

    #[test]
    fn picks_of_a_contrast_leave_what_was_drawn_on_it_alone() {
        let root = cohort(&["anat/sub-1_desc-lesions_dseg.nii", "anat/sub-1_desc-old_T1w.nii", "anat/sub-1_T1w.nii"]);
        let picks = [pick("desc", "old"), pick("run", "2")];
        let finder = Finder::new(&picks[..1]);
        let drawn = |finder: &Finder| finder.drawn(root.path(), "sub-1", |name| name.suffix == "dseg").unwrap();
        assert!(drawn(&finder).is_some() && drawn(&Finder::new(&picks)).is_some());
        let image = finder.one(root.path(), "sub-1", |name| name.suffix == "T1w").unwrap().unwrap();
        assert_eq!(file_name(&image), "sub-1_desc-old_T1w.nii");
        finder.require_answers(root.path()).unwrap();
        // Where several were drawn they are chosen as well.
        let root = cohort(&["anat/sub-1_run-1_dseg.nii", "anat/sub-1_run-2_dseg.nii"]);
        let found = Finder::new(&picks).drawn(root.path(), "sub-1", |_| true).unwrap().unwrap();
        assert_eq!(file_name(&found), "sub-1_run-2_dseg.nii");
    }

    #[test]
    fn what_lies_near_is_named() {
        let near = |files: &[&str]| near(&cohort(files).path().join("sub-1"), &["Chimap", "qsm"]);
        let pair = near(&["anat/sub-1_Chimap.hdr", "anat/sub-1_Chimap.img"]).unwrap();
        assert!(pair.contains("there is sub-1/anat/sub-1_Chimap.hdr (a .hdr/.img pair"), "{pair}");
        let elsewhere = near(&["swi/sub-1_QSM.nii.gz"]).unwrap();
        assert!(elsewhere.contains("sub-1/swi/sub-1_QSM.nii.gz (its name or its folder"), "{elsewhere}");
        assert_eq!(near(&["anat/sub-1_T1w.nii.gz"]), None);
        assert!(near(&[]).unwrap().contains("datalad get -n"));
    }
}

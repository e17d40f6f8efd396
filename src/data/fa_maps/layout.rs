//! Which files of a folder are maps of fractional anisotropy, masks of brains and masks of lesions, and whose, at any
//! depth: BIDS derivatives of diffusion, or files called after what they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::data::bids_name::{BidsName, file_name};
use crate::data::name_join::listed;
use crate::data::near_names::{look_alikes, near_id_key, near_key, spelled};
use crate::data::odd_label::is_missing;
use crate::data::{bids, table, visits, volume_files};
use crate::files::kind_of;
use crate::name::{Name, shown_path};
use crate::problem::{Problem, Result};

use super::config::FaConfig;

/// Who took part, as BIDS calls the table.
pub(super) const PARTICIPANTS: &str = "participants.tsv";

/// What healthy persons are called in tables, without case and hyphens.
const HEALTHY: [&str; 18] = [
    "healthy",
    "healthycontrol",
    "healthycontrols",
    "healthyvolunteer",
    "healthyvolunteers",
    "healthysubject",
    "healthysubjects",
    "normalcontrol",
    "normalcontrols",
    "hc",
    "hv",
    "nc",
    "cn",
    "control",
    "controls",
    "ctrl",
    "normal",
    "kontrolle",
];

/// Maps under these names are of nobody: TBSS' mean, templates.
const OF_NOBODY: [&str; 6] = ["mean", "average", "template", "target", "group", "all"];

/// Folders that say what was measured, or by which program, and not of whom.
const OF_NO_PERSON: [&str; 6] = ["dwi", "dti", "diffusion", "dtifit", "fsl", "fa"];

/// What a volume is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Fractional anisotropy.
    Map,
    /// Of the brain.
    Brain,
    /// Of lesions.
    Lesions,
}

/// One examination of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct Person {
    /// "sub-MS001", "sub-MS001_ses-2".
    pub id: Name,
    /// "sub-MS001".
    pub patient: String,
    /// What the table says of them; empty where it says nothing.
    pub group: String,
    /// The map.
    pub map: PathBuf,
    /// Of the brain.
    pub brain: Option<PathBuf>,
    /// Of lesions.
    pub lesions: Option<PathBuf>,
}

/// The persons of a folder, by id, and what to say of what was passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::data) struct Layout {
    pub persons: Vec<Person>,
    pub notes: Vec<String>,
    /// The table of participants, where there is one.
    pub table: Option<PathBuf>,
}

impl Layout {
    /// Lists `root`; links to files are followed, links to folders are not.
    ///
    /// # Errors
    /// No such folder, no map in it, two files for one thing, or a file that is empty or no file.
    pub fn read(root: &Path, config: &FaConfig) -> Result<Self> {
        let mut found = Found { volumes: BTreeMap::new(), unknown: vec![] };
        let skipped = volume_files::each(root, "persons", &mut |path, _, relative| match volume(&path, relative) {
            Some((id, kind)) => found.add(id, kind, path, relative),
            None => Ok(()),
        })?;
        let mut notes = vec![];
        let mut persons = vec![];
        let (table, groups) = groups(root, config)?;
        let tells_apart = groups.values().any(|group| *group == config.healthy);
        for (id, mut files) in found.volumes {
            let Some(map) = files.remove(&Kind::Map) else {
                let lying: Vec<String> = files.values().map(|path| shown_path(path).to_string()).collect();
                notes.push(format!("no map of {id} beside {}: passed over", listed(&lying)));
                continue;
            };
            let name = Name::new(&*id).map_err(|fault| Problem::input(root, fault).advice("rename the map"))?;
            let first = id.split("_ses-").next().unwrap_or(&id);
            // A table of participants says what a person is called.
            let patient = visits::person(first).filter(|_| !groups.contains_key(first)).unwrap_or(first).to_owned();
            let group = groups.get(patient.as_str()).cloned();
            if let (true, Some(table)) = (tells_apart, &table) {
                require_group(table, &patient, group.as_deref(), config)?;
            }
            let group = group.unwrap_or_default();
            let (brain, lesions) = (files.remove(&Kind::Brain), files.remove(&Kind::Lesions));
            persons.push(Person { id: name, patient, group, map, brain, lesions });
        }
        if persons.is_empty() {
            return Err(Problem::input(root, "no map of fractional anisotropy")
                .expected("*_param-FA_dwimap.nii.gz as BIDS names it, or *_FA.nii.gz, at any depth")
                .advice(
                    "make them with a tool for diffusion (dwi2tensor and tensor2metric, dtifit), aligned to one \
                         space",
                ));
        }
        if !found.unknown.is_empty() {
            notes.push(format!("volumes under other names were passed over: {}", listed(&found.unknown)));
        }
        let maps: Vec<_> = persons.iter().map(|one| (one.id.to_string(), one.map.clone())).collect();
        notes.extend(bids::different_kinds(&maps).into_iter().map(|which| format!("the map is {which}")));
        notes.extend(visits::alike(persons.iter().map(|one| one.patient.as_str())));
        notes.extend(skipped.notes());
        let patients: BTreeSet<&str> = persons.iter().map(|person| person.patient.as_str()).collect();
        if let Some((one, other)) = look_alikes(patients, near_id_key) {
            let found =
                format!("persons whose names differ in spelling alone: {} and {}", spelled(one), spelled(other));
            return Err(Problem::input(root, found)
                .expected("one spelling for one person")
                .advice("rename one, or join their examinations under one name"));
        }
        Ok(Self { persons, notes, table })
    }

    /// All files that results depend on.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let files = self.persons.iter().flat_map(|one| std::iter::once(&one.map).chain(&one.brain).chain(&one.lesions));
        files.chain(&self.table)
    }
}

/// Refuses a person of whom the table does not say whether they are healthy: as a patient they would spoil the
/// detector, and nobody would hear of it.
fn require_group(table: &Path, patient: &str, group: Option<&str>, config: &FaConfig) -> Result<()> {
    let column = &config.group;
    let (found, advice) = match group {
        None => (format!("no line of {patient}"), "add the line"),
        Some(group) if is_missing(group) => (format!("no {column} of {patient}"), "fill it in"),
        Some(_) => return Ok(()),
    };
    Err(Problem::input(table, found)
        .expected(format!("the {column} of everybody whose map lies there, \"{}\" or another", config.healthy))
        .advice(format!("{advice}, or move the map away")))
}

/// The table of participants where it has the column, and the group of each.
fn groups(root: &Path, config: &FaConfig) -> Result<(Option<PathBuf>, BTreeMap<String, String>)> {
    let path = root.join(PARTICIPANTS);
    if !crate::files::is_there(&path)? {
        return Ok((None, BTreeMap::new()));
    }
    let table = table::read(&path, &["participant_id"], &[&config.group])?;
    if !table.has(1) {
        return Ok((Some(path), BTreeMap::new()));
    }
    let mut groups = BTreeMap::new();
    for row in table.rows() {
        let id = row.cell(0);
        let id = if id.starts_with("sub-") { id.to_owned() } else { format!("sub-{id}") };
        if groups.insert(id.clone(), row.cell(1).to_owned()).is_some() {
            return Err(Problem::input(&path, format!("line {}: {} twice", row.line(), crate::name::shown(&id)))
                .expected("one line for each person"));
        }
    }
    let words: BTreeSet<&str> = groups.values().map(String::as_str).chain([config.healthy.as_str()]).collect();
    if let Some((one, other)) = look_alikes(words.iter().copied(), near_key) {
        let found = format!("groups that differ in spelling alone: {} and {}", spelled(one), spelled(other));
        return Err(Problem::input(&path, found)
            .expected("one spelling for one group")
            .advice("make them alike, or say how healthy persons are called: prepare.fa.healthy (--healthy)"));
    }
    let says_healthy = |word: &&&str| HEALTHY.contains(&&*near_key(word)) && **word != config.healthy;
    if let Some(other) = words.iter().find(says_healthy).filter(|_| groups.values().any(|one| *one == config.healthy)) {
        let found = format!("the groups {} and {}", spelled(&config.healthy), spelled(other));
        return Err(Problem::input(&path, found)
            .expected("healthy persons in one group: all others count as patients")
            .advice("give both one word, or leave one of the groups out"));
    }
    Ok((Some(path), groups))
}

/// Whose volume it is and what it shows, by its path; `None` for what is no NIfTI volume or one that BIDS knows as
/// something else, no kind for one whose name says nothing.
fn volume(path: &Path, relative: &str) -> Option<(String, Option<Kind>)> {
    let stem = [".nii.gz", ".nii"].iter().find_map(|ending| file_name(path).strip_suffix(ending))?;
    if let Some(name) = BidsName::of_volume(path).filter(|name| name.value("sub").is_some()) {
        let session = name.value("ses").map(|session| format!("_ses-{session}")).unwrap_or_default();
        let id = format!("sub-{}{session}", name.value("sub").unwrap_or_default());
        let says = |key: &str, value: &str| name.value(key).is_some_and(|own| own.eq_ignore_ascii_case(value));
        let is_map = name.suffix.eq_ignore_ascii_case("FA")
            || (["dwimap", "mdp"].contains(&name.suffix)
                && ["param", "desc", "model"].iter().any(|key| says(key, "FA")));
        let lesions = ["label", "desc"].iter().any(|key| says(key, "lesion") || says(key, "lesions"));
        let kind = match name.suffix {
            _ if is_map => Some(Kind::Map),
            "mask" if lesions => Some(Kind::Lesions),
            "mask" if says("desc", "brain") || says("label", "brain") => Some(Kind::Brain),
            // Of something else: told, because it may be of lesions under another word.
            "mask" => return Some((relative.to_owned(), None)),
            _ => None,
        };
        return kind.map(|kind| (id, Some(kind)));
    }
    let kinds = [("_FA", Kind::Map), ("_fa", Kind::Map), ("_brain_mask", Kind::Brain), ("_lesion_mask", Kind::Lesions)];
    let found = kinds.into_iter().find_map(|(ending, kind)| Some((stem.strip_suffix(ending)?, kind)));
    let is_of_somebody = |own: &str| !own.is_empty() && !OF_NOBODY.iter().any(|word| own.eq_ignore_ascii_case(word));
    let Some((own, kind)) = found.filter(|(own, _)| is_of_somebody(own)) else {
        return Some((stem.to_owned(), None));
    };
    let of_somebody = if own == "dti" { of_folders(relative) } else { Some(own.to_owned()) };
    let Some(id) = of_somebody else { return Some((relative.to_owned(), None)) };
    let id = if id.starts_with("sub-") { id } else { format!("sub-{id}") };
    Some((id, Some(kind)))
}

/// Whose "dti_FA.nii.gz" it is, as FSL's dtifit leaves it in a folder a person, or a person and an examination
/// ("P01/20190101/dwi"); `None` where no folder says.
fn of_folders(relative: &str) -> Option<String> {
    let is_of_person = |folder: &&str| !OF_NO_PERSON.iter().any(|word| folder.eq_ignore_ascii_case(word));
    let mut folders = relative.rsplit('/').skip(1).filter(is_of_person);
    let mut id = folders.next()?.to_owned();
    let mut innermost = id.clone();
    while visits::says_when(&innermost) {
        let Some(around) = folders.next() else { break };
        (id, innermost) = (format!("{around}_{id}"), around.to_owned());
    }
    Some(id)
}

struct Found {
    volumes: BTreeMap<String, BTreeMap<Kind, PathBuf>>,
    unknown: Vec<String>,
}

impl Found {
    fn add(&mut self, id: String, kind: Option<Kind>, path: PathBuf, relative: &str) -> Result<()> {
        let Some(kind) = kind else {
            self.unknown.push(relative.to_owned());
            return Ok(());
        };
        let facts = kind_of::facts(&path)?;
        if !facts.is_file() {
            return Err(Problem::input(path, "not a regular file").expected("a NIfTI volume"));
        }
        if facts.len() == 0 {
            return Err(Problem::input(path, "an empty file").expected("a NIfTI volume").advice("fetch it again"));
        }
        let own = self.volumes.entry(id.clone()).or_default();
        if let Some(first) = own.insert(kind, path.clone()) {
            return Err(Problem::input(path, format!("a second file of one kind for {}", crate::name::shown(&id)))
                .expected(format!("one: the other is {}", shown_path(&first)))
                .advice("maps of several runs, spaces or models? give a folder with one of them"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_bids_and_of_other_tools_are_read() {
        for (path, expected) in [
            ("a/sub-01_space-MNI_model-tensor_param-FA_dwimap.nii.gz", Some(("sub-01", Some(Kind::Map)))),
            ("a/sub-01_ses-2_model-DTI_param-fa_dwimap.nii", Some(("sub-01_ses-2", Some(Kind::Map)))),
            ("a/sub-01_desc-FA_mdp.nii.gz", Some(("sub-01", Some(Kind::Map)))),
            ("a/sub-01_model-tensor_param-MD_dwimap.nii.gz", None),
            ("a/sub-01_space-MNI_label-lesion_mask.nii.gz", Some(("sub-01", Some(Kind::Lesions)))),
            ("a/sub-01_desc-brain_mask.nii.gz", Some(("sub-01", Some(Kind::Brain)))),
            ("a/patient7_FA.nii.gz", Some(("sub-patient7", Some(Kind::Map)))),
            ("patient8/dti_FA.nii.gz", Some(("sub-patient8", Some(Kind::Map)))),
            ("patient8/dwi/dti_FA.nii.gz", Some(("sub-patient8", Some(Kind::Map)))),
            ("site/P01/20190101/dti_FA.nii.gz", Some(("sub-P01_20190101", Some(Kind::Map)))),
            ("P01/ses-2/dwi/dti_FA.nii.gz", Some(("sub-P01_ses-2", Some(Kind::Map)))),
            ("site1/V01/dti_FA.nii.gz", Some(("sub-V01", Some(Kind::Map)))),
            ("dti_FA.nii.gz", Some(("dti_FA.nii.gz", None))),
            ("tbss/mean_FA.nii.gz", Some(("mean_FA", None))),
            ("a/sub-01_label-WMH_mask.nii.gz", Some(("a/sub-01_label-WMH_mask.nii.gz", None))),
            ("patient8/dti_MD.nii.gz", Some(("dti_MD", None))),
            ("patient8/notes.txt", None),
        ] {
            let found = volume(Path::new(path), path);
            assert_eq!(found.as_ref().map(|(id, kind)| (id.as_str(), *kind)), expected, "{path}");
        }
    }

    #[test]
    fn persons_are_told_apart_by_the_table_and_a_second_map_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("sub-1/dwi/sub-1_param-FA_dwimap.nii.gz", "x");
        write("sub-2/dwi/sub-2_param-FA_dwimap.nii.gz", "x");
        write("sub-2/anat/sub-2_label-lesion_mask.nii.gz", "x");
        write("participants.tsv", "participant_id\tgroup\nsub-1\thealthy\nsub-2\tms\n");
        let layout = Layout::read(dir.path(), &FaConfig::default()).unwrap();
        let shown: Vec<_> = layout.persons.iter().map(|one| (one.group.as_str(), one.lesions.is_some())).collect();
        assert_eq!(shown, [("healthy", false), ("ms", true)]);
        assert_eq!(layout.files().count(), 4);
        write("sub-1/dwi/sub-1_space-MNI_param-FA_dwimap.nii.gz", "x");
        let problem = Layout::read(dir.path(), &FaConfig::default()).unwrap_err().to_string();
        assert!(problem.contains("a second file of one kind for sub-1"), "{problem}");
    }
}

//! Which files of a folder are which volume of which case, by their names, at any depth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::decathlon;
use crate::data::name_join::listed;
use crate::data::near_names::{look_alikes, near_id_key, spelled};
use crate::data::visits;
use crate::data::volume_files;
use crate::files::kind_of;
use crate::name::{Name, shown, shown_path};
use crate::nifti::Part;
use crate::problem::{Problem, Result};

/// The folder of BraTS-Africa's cases that are no gliomas.
const OTHER_NEOPLASMS: &str = "51_OtherNeoplasms";

/// A volume of a case, and the words by which files are called after it: since 2023, before.
const KINDS: [(&str, [&str; 2]); 5] = [
    ("t1n", ["-t1n", "_t1"]),
    ("t1c", ["-t1c", "_t1ce"]),
    ("t2w", ["-t2w", "_t2"]),
    ("t2f", ["-t2f", "_flair"]),
    (LABELS, ["-seg", "_seg"]),
];

/// The map of labels, as a volume.
pub(super) const LABELS: &str = "seg";

/// What can be a channel.
pub fn known() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(kind, _)| *kind)
}

/// One examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct CaseFiles {
    /// "BraTS-SSA-00002-000".
    pub id: Name,
    /// "BraTS-SSA-00002": what all examinations of one person share.
    pub patient: String,
    /// "SSA", "GLI", "BraTS2021".
    pub population: String,
    /// By kind.
    pub files: BTreeMap<&'static str, VolumeFile>,
}

/// Where a volume of a case lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct VolumeFile {
    pub path: PathBuf,
    /// Which of the file's volumes it is.
    pub part: Part,
}

impl CaseFiles {
    /// One of its files, by which the case is found: an image where it has one.
    pub fn place(&self) -> PathBuf {
        let image = self.files.iter().find(|(kind, _)| **kind != LABELS).map(|(_, file)| file);
        image.or_else(|| self.files.values().next()).map(|file| file.path.clone()).unwrap_or_default()
    }
}

/// The cases of a folder, by id, and what to say of what was passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::data) struct Layout {
    pub cases: Vec<CaseFiles>,
    pub notes: Vec<String>,
}

impl Layout {
    /// Lists `root`; links to files are followed, links to folders are not.
    ///
    /// # Errors
    /// No such folder, no case in it, two files for one volume, a file that is empty or no file, or one that was not
    /// fetched.
    pub fn read(root: &Path, other_neoplasms: bool) -> Result<Self> {
        let mut found = Found {
            root,
            volumes: BTreeMap::new(),
            others: 0,
            without_labels: 0,
            described: BTreeSet::new(),
            unknown: vec![],
            neoplasms: other_neoplasms,
        };
        let skipped = volume_files::each(root, "cases", &mut |path, name, relative| match (
            decathlon::place(name, relative),
            volume(name),
        ) {
            (Some(place), _) => found.add_of_decathlon(place, path),
            (None, Some((case, kind))) => found.add(case, kind, path, relative),
            (None, None) => Ok(()),
        })?;
        if found.volumes.is_empty() {
            let found = match found.unknown.as_slice() {
                [] => "no case of BraTS".to_owned(),
                unknown => format!("no case of BraTS, and volumes under other names: {}", listed(unknown)),
            };
            return Err(Problem::input(root, found)
                .expected(
                    "BraTS-SSA-00002-000-{t1n,t1c,t2w,t2f,seg}.nii.gz, the older names, or imagesTr/BRATS_001.nii.gz and \
                     labelsTr/BRATS_001.nii.gz, at any depth",
                )
                .advice(
                    "rename volumes that are called otherwise, or give the folder that holds the cases' folders; a BIDS \
                     cohort is read by --cohort",
                ));
        }
        let mut notes = vec![];
        if found.others > 0 {
            notes.push(format!(
                "files under {OTHER_NEOPLASMS}, which are no gliomas, {} passed over (prepare.brats.other_neoplasms)",
                found.others
            ));
        }
        if found.without_labels > 0 {
            notes.push(format!("images without labels in imagesTs, {} passed over", found.without_labels));
        }
        if !found.described.is_empty() {
            notes.push(
                "the decathlon's names do not say which cases are of one person: each counts as a patient of its own, \
                 and follow-up scans of one may lie on both sides of the split"
                    .into(),
            );
        }
        if !found.unknown.is_empty() {
            notes.push(format!("volumes under other names were passed over: {}", listed(&found.unknown)));
        }
        notes.extend(skipped.notes());
        let mut cases = vec![];
        for (id, files) in found.volumes {
            let name = Name::new(&*id).map_err(|fault| Problem::input(root, fault).advice("rename the case"))?;
            let (patient, population) = owner(&id);
            cases.push(CaseFiles { id: name, patient, population, files });
        }
        let patients: BTreeSet<&str> = cases.iter().map(|case| case.patient.as_str()).collect();
        if let Some((one, other)) = look_alikes(patients, near_id_key) {
            let found =
                format!("patients whose names differ in spelling alone: {} and {}", spelled(one), spelled(other));
            return Err(Problem::input(root, found)
                .expected("one spelling for one patient")
                .advice("rename one, or join their examinations under one name"));
        }
        Ok(Self { cases, notes })
    }
}

/// The person and the population of a case. Since 2023 names are words and a number, and where another number follows
/// it counts examinations.
fn owner(id: &str) -> (String, String) {
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = id.split('-').collect();
    let words = parts.iter().take_while(|part| !is_number(part)).count();
    let numbers = parts[words..].iter().filter(|part| is_number(part)).count();
    if words >= 2 && numbers >= 1 && words + numbers == parts.len() {
        return (parts[..=words].join("-"), parts[1..words].join("-"));
    }
    // UCSF's second examinations: "UCSF-PDGM-0409_FU001d"; UPenn's first and second: "UPENN-GBM-00001_11", "_21".
    let follow_up = id.split_once("_FU").filter(|(_, number)| number.starts_with(|first: char| first.is_ascii_digit()));
    let second = follow_up.or_else(|| id.split_once('_').filter(|_| id.starts_with("UPENN-GBM-")));
    let first = second.map(|(first, _)| first).or_else(|| visits::person(id)).unwrap_or(id);
    if first != id {
        return (first.to_owned(), owner(first).1);
    }
    // "TCGA-02-0001" is of TCGA, "BraTS2021_00000" of BraTS2021.
    let mut set = id.split('_').next().unwrap_or(id);
    while let Some((before, _)) = set.rsplit_once('-').filter(|(_, number)| is_number(number)) {
        set = before;
    }
    (first.to_owned(), set.to_owned())
}

/// The case and the kind of a volume by its file name; `None` where it is none.
fn volume(name: &str) -> Option<(&str, Option<&'static str>)> {
    let ending = [".nii.gz", ".nii"].into_iter().find(|ending| {
        name.len()
            .checked_sub(ending.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending))
    })?;
    let stem = &name[..name.len() - ending.len()];
    let of = KINDS.iter().flat_map(|(kind, words)| words.iter().map(move |word| (*kind, *word)));
    let found = of.filter_map(|(kind, word)| Some((stem.strip_suffix(word)?, kind))).find(|(case, _)| !case.is_empty());
    Some(found.map_or((stem, None), |(case, kind)| (case, Some(kind))))
}

struct Found<'a> {
    root: &'a Path,
    volumes: BTreeMap<String, BTreeMap<&'static str, VolumeFile>>,
    /// Files of cases that are no gliomas.
    others: usize,
    /// Images of the decathlon's test side.
    without_labels: usize,
    /// Folders of the decathlon's images, of which what is said of contrasts and labels was looked at.
    described: BTreeSet<PathBuf>,
    unknown: Vec<String>,
    neoplasms: bool,
}

impl Found<'_> {
    fn add(&mut self, case: &str, kind: Option<&'static str>, path: PathBuf, relative: &str) -> Result<()> {
        if !self.neoplasms && relative.split('/').any(|part| part == OTHER_NEOPLASMS) {
            self.others += 1;
            return Ok(());
        }
        let Some(kind) = kind else {
            self.unknown.push(relative.to_owned());
            return Ok(());
        };
        self.insert(case, kind, VolumeFile { path, part: Part::WHOLE })
    }

    fn add_of_decathlon(&mut self, (case, side): (&str, decathlon::Place), path: PathBuf) -> Result<()> {
        match side {
            decathlon::Place::Unlabelled => {
                self.without_labels += 1;
                Ok(())
            }
            decathlon::Place::Labels => self.insert(case, LABELS, VolumeFile { path, part: Part::WHOLE }),
            decathlon::Place::Images => {
                if let Some(folder) = path.parent().filter(|folder| self.described.insert(folder.to_path_buf())) {
                    decathlon::require_description(folder)?;
                }
                decathlon::parts()
                    .try_for_each(|(kind, part)| self.insert(case, kind, VolumeFile { path: path.clone(), part }))
            }
        }
    }

    fn insert(&mut self, case: &str, kind: &'static str, file: VolumeFile) -> Result<()> {
        let path = &file.path;
        let facts = kind_of::facts(path)?;
        if !facts.is_file() {
            return Err(Problem::input(path, "not a regular file").expected("a NIfTI volume"));
        }
        if facts.len() == 0 {
            return Err(Problem::input(path, "an empty file").expected("a NIfTI volume").advice("download it again"));
        }
        let own = self.volumes.entry(case.to_owned()).or_default();
        if let Some(first) = own.insert(kind, file) {
            return Err(Problem::input(self.root, format!("two files for {kind} of {}", shown(case)))
                .expected(format!("one: the other is {}", shown_path(&first.path)))
                .advice("a copy of the set within the folder? give the folder of one"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_years_are_read() {
        for (name, expected) in [
            ("BraTS-SSA-00002-000-t1c.nii.gz", Some(("BraTS-SSA-00002-000", Some("t1c")))),
            ("BraTS-GLI-00005-100-seg.nii", Some(("BraTS-GLI-00005-100", Some("seg")))),
            ("BraTS2021_00000_t1ce.nii.gz", Some(("BraTS2021_00000", Some("t1c")))),
            ("BraTS20_Training_001_flair.nii", Some(("BraTS20_Training_001", Some("t2f")))),
            ("Brats18_2013_10_1_t1.nii.gz", Some(("Brats18_2013_10_1", Some("t1n")))),
            ("W39_1998.09.19_Segm.nii", Some(("W39_1998.09.19_Segm", None))),
            ("BraTS-SSA-00002-000-T1C.NII.GZ", Some(("BraTS-SSA-00002-000-T1C", None))),
            ("BraTS-SSA-00002-000-t1c.NII.GZ", Some(("BraTS-SSA-00002-000", Some("t1c")))),
            ("survival.csv", None),
        ] {
            assert_eq!(volume(name), expected, "{name}");
        }
        let owner = |id: &str| owner(id);
        assert_eq!(owner("BraTS-GLI-00005-101"), ("BraTS-GLI-00005".into(), "GLI".into()));
        assert_eq!(owner("BraTS-MEN-RT-0012-2"), ("BraTS-MEN-RT-0012".into(), "MEN-RT".into()));
        assert_eq!(owner("UCSF-PDGM-0409_FU001d").0, "UCSF-PDGM-0409");
        assert_eq!(owner("UPENN-GBM-00001_21"), ("UPENN-GBM-00001".into(), "GBM".into()));
        assert_eq!(owner("Brats18_2013_11_1"), ("Brats18_2013_11_1".into(), "Brats18".into()));
        assert_eq!(owner("GLIO_FULDA_001").0, "GLIO_FULDA_001");
        assert_eq!(owner("TCGA-02-0001_1999.03.08"), ("TCGA-02-0001".into(), "TCGA".into()));
        assert_eq!(owner("BraTS-GoAT-00012"), ("BraTS-GoAT-00012".into(), "GoAT".into()));
        assert_eq!(owner("BraTS2021_00000"), ("BraTS2021_00000".into(), "BraTS2021".into()));
    }
}

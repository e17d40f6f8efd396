//! Names that count the examinations of a person: "100001_time2", "P01_FU1", "S7-baseline", "P01_2019-03-04",
//! "TCGA-02-0001-01A".

use std::collections::{BTreeMap, BTreeSet};

use super::name_join::listed;

/// Words for an examination, in lower case, with or without a number behind them.
const WORDS: [&str; 24] = [
    "session",
    "ses",
    "timepoint",
    "time",
    "visit",
    "followup",
    "fu",
    "baseline",
    "bl",
    "scan",
    "rescan",
    "retest",
    "exam",
    "examination",
    "week",
    "month",
    "year",
    "day",
    "pre",
    "post",
    "preop",
    "postop",
    // Of two breasts, eyes, hands.
    "left",
    "right",
];

/// Words that say nothing without a number: OASIS' "MR2".
const NUMBERED: [&str; 3] = ["tp", "v", "mr"];

/// Letters that count behind a person's number alone: "P01_M12", and not "3T_M01", a man.
const LETTERS: [&str; 5] = ["t", "m", "w", "y", "d"];

/// What tools write behind a name.
const TOOLS: [&str; 3] = ["brain", "bet", "dti"];

fn is_joint(letter: char) -> bool {
    matches!(letter, '-' | '_' | ' ' | '.')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn among(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether a word with the number behind it, which may be empty, is an examination of what the stem names.
fn counts(stem: &str, word: &str, number: &str) -> bool {
    let digits = stem.bytes().rev().take_while(u8::is_ascii_digit).count();
    let after_number = digits >= 3 || digits == 2 && !number.starts_with('0');
    among(&WORDS, word) || !number.is_empty() && (among(&NUMBERED, word) || after_number && among(&LETTERS, word))
}

/// Whether the name of a folder says when something was measured, and not of whom: a date, "ses-2", "baseline".
pub(super) fn says_when(folder: &str) -> bool {
    let word = folder.trim_end_matches(|letter: char| letter.is_ascii_digit()).trim_end_matches(is_joint);
    among(&WORDS, word) || before_date(&format!("0_{folder}")) == Some("0")
}

/// The person whose examination `name` is, where its end counts examinations.
pub(super) fn person(name: &str) -> Option<&str> {
    let bare = name.rsplit_once(is_joint).filter(|(_, last)| among(&TOOLS, last));
    let name = bare.map_or(name, |(stem, _)| stem);
    let stem = of_tcga(name).or_else(|| before_date(name)).or_else(|| before_word(name))?;
    // "control_scan01" is the first control: nobody is told by the stem.
    let is_somebody = stem.bytes().any(|byte| byte.is_ascii_digit());
    is_somebody.then(|| person(stem).unwrap_or(stem))
}

/// "time2" or "time_2" behind the stem.
fn before_word(name: &str) -> Option<&str> {
    let before = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = &name[before.len()..];
    let (stem, word) =
        if number.is_empty() { name } else { before.trim_end_matches(is_joint) }.rsplit_once(is_joint)?;
    counts(stem, word, number).then_some(stem)
}

/// A date behind the stem: 20190304, 2019-03-04, 04.03.2019.
fn before_date(name: &str) -> Option<&str> {
    let (stem, last) = name.rsplit_once(is_joint)?;
    if last.len() == 8 && is_number(last) && is_date(&last[..4], &last[4..6], &last[6..]) {
        return Some(stem);
    }
    // Lines part other numbers, too: "Brats18_2013_10_1" is a person of 2013.
    let (stem, date) = ['-', '.'].into_iter().find_map(|joint| {
        let (rest, last) = name.rsplit_once(joint)?;
        let (rest, month) = rest.rsplit_once(joint)?;
        let (stem, first) = rest.rsplit_once(is_joint)?;
        Some((stem, [first, month, last]))
    })?;
    let [first, month, last] = date;
    (is_date(first, month, last) || is_date(last, month, first)).then_some(stem)
}

fn is_date(year: &str, month: &str, day: &str) -> bool {
    let within = |text: &str, low: u32, high: u32| {
        is_number(text) && text.parse().is_ok_and(|value| (low..=high).contains(&value))
    };
    year.len() == 4 && within(year, 1900, 2100) && within(month, 1, 12) && within(day, 1, 31)
}

/// "TCGA-02-0001" of the barcode of a sample of that patient.
fn of_tcga(name: &str) -> Option<&str> {
    let parts: Vec<&str> = name.splitn(4, '-').collect();
    let [project, site, patient, _] = parts[..] else { return None };
    let is_own = project == "TCGA" && site.len() == 2 && patient.len() == 4;
    is_own.then(|| &name[..project.len() + site.len() + patient.len() + 2])
}

/// As [`person`], of labels that have no joints ("P01v2"): by chance other names may look so, too.
fn person_of_label(name: &str) -> Option<&str> {
    let before = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let stem = before.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let somebody = stem.ends_with(|last: char| last.is_ascii_digit());
    (somebody && counts(stem, &before[stem.len()..], &name[before.len()..])).then_some(stem)
}

/// What to say of names that may be those of several examinations of one person, each taken for a person.
pub(super) fn alike<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let person = |name| person(name).or_else(|| person_of_label(name)).unwrap_or(name);
    several(names.into_iter().map(|name| (name, person(name)))).map(|names| {
        format!("patients whose names differ in what may count examinations, each of them one patient: {names}")
    })
}

/// The names of all persons that have more than one; `None` where nobody has.
fn several<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    names.for_each(|(name, person)| {
        of.entry(person).or_default().insert(name);
    });
    let several: Vec<&str> = of.into_values().filter(|names| names.len() > 1).flatten().collect();
    (!several.is_empty()).then(|| listed(&several))
}

/// What to say of names that are taken for several examinations of one person, each with its person.
pub(super) fn joined<'a>(names: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    several(names.into_iter())
        .map(|names| format!("taken for several examinations of one person by their names: {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_say_when_are_told_from_those_that_say_of_whom() {
        for folder in ["20190101", "2019-01-01", "ses-2", "ses2", "baseline", "visit_03", "post"] {
            assert!(says_when(folder), "{folder}");
        }
        for folder in ["V01", "M01", "P01", "sub-01", "1", "dwi", "20191301"] {
            assert!(!says_when(folder), "{folder}");
        }
    }

    #[test]
    fn names_that_count_examinations_are_told_from_names_that_count_persons() {
        for (name, expected) in [
            ("100001_time2", "100001"),
            ("100001_time_2", "100001"),
            ("P01_FU1", "P01"),
            ("P01-followup", "P01"),
            ("S7-baseline", "S7"),
            ("sub-01_ses-02", "sub-01"),
            ("P0_v2", "P0"),
            ("case 3 week12", "case 3"),
            ("A1_TP1", "A1"),
            ("sub-07_v2", "sub-07"),
            ("P01_20190304", "P01"),
            ("P01_2019-03-04", "P01"),
            ("TCGA-02-0001_1999.03.08", "TCGA-02-0001"),
            ("TCGA-02-0001-01A", "TCGA-02-0001"),
            ("P01_4.3.2019", "P01"),
            ("P01_20190304_v1", "P01"),
            ("OAS1_0001_MR2", "OAS1_0001"),
            ("002_S_0001_m12", "002_S_0001"),
            ("002_S_0001_bl", "002_S_0001"),
            ("P01_preop", "P01"),
            ("P_00001_LEFT", "P_00001"),
            ("PatientID_0001_Timepoint_1_brain", "PatientID_0001"),
            ("002_S_0001_m06", "002_S_0001"),
            ("P01_M12", "P01"),
            ("P01_time1_dti", "P01"),
        ] {
            assert_eq!(person(name), Some(expected), "{name}");
        }
        for name in [
            "sub-v01",
            "sub-scan01",
            "HC_V01",
            "control_scan02",
            "A_TP1",
            "P01",
            "case_1",
            "time_1",
            "scan3",
            "study_v",
            "P_tp",
            "UCSF-PDGM-0409",
            "a_time2b",
            "x_mask",
            "P01_20191304",
            "Brats18_2013_11_1",
            "BraTS19_2013_2_1",
            "3T_M01",
            "site2_D7",
            "site02_W01",
            "P01_12345678",
            "scan_20190304",
            "case_2019_3",
            "P01_T",
            "P01_brain",
            "TCGA-02-0001",
            "P01v2",
            "",
        ] {
            assert_eq!(person(name), None, "{name}");
        }
        let said = joined([("a_v1", "a"), ("a_v2", "a"), ("b_v1", "b"), ("c", "c")]).unwrap();
        assert!(said.contains("a_v1, a_v2") && !said.contains("b_v1"), "{said}");
        assert_eq!(joined([("b_v1", "b"), ("c", "c")]), None);
        // The first examination may be the one without a word.
        assert!(joined([("P01", "P01"), ("P01_FU1", "P01")]).unwrap().ends_with("P01, P01_FU1"));
        assert!(alike(["a1_v1", "b", "a1_v1", "a1_v2"]).unwrap().ends_with(": a1_v1, a1_v2"));
        assert!(
            alike(["sub-P01v1", "sub-P01ses2", "sub-P02v1", "sub-P"]).unwrap().ends_with(": sub-P01ses2, sub-P01v1")
        );
        assert_eq!(alike(["A3T5", "A3T", "1v", "v1", "P01x2", "P01x3"]), None);
        assert_eq!(alike(["a1_v1", "b", "a1_v1", "a_v1", "a_v2"]), None);
    }
}

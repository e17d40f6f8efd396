//! Names that count the examinations of a person: "100001_time2", "P01_FU1", "S7-baseline".

use std::collections::{BTreeMap, BTreeSet};

use super::name_join::listed;

/// Words for an examination, in lower case, with or without a number behind them; the last ones only with one.
const WORDS: [&str; 17] = [
    "session",
    "ses",
    "timepoint",
    "time",
    "visit",
    "followup",
    "fu",
    "baseline",
    "scan",
    "exam",
    "examination",
    "week",
    "month",
    "year",
    "day",
    "tp",
    "v",
];

/// How many of [`WORDS`] say nothing without a number.
const NUMBERED: usize = 2;

/// The person whose examination `name` is, where its end counts examinations.
pub(super) fn person(name: &str) -> Option<&str> {
    let joint = |letter: char| matches!(letter, '-' | '_' | ' ' | '.');
    let before = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let has_number = before.len() < name.len();
    // "time2" or "time_2".
    let (stem, word) = if has_number { before.trim_end_matches(joint) } else { name }.rsplit_once(joint)?;
    let at = WORDS.iter().position(|known| word.eq_ignore_ascii_case(known))?;
    // "control_scan01" is the first control: nobody is told by the stem.
    let is_somebody = stem.bytes().any(|byte| byte.is_ascii_digit());
    (is_somebody && (has_number || at < WORDS.len() - NUMBERED)).then_some(stem)
}

/// Names that may be those of several examinations of one person.
pub(super) fn alike<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        of.entry(person(name).unwrap_or(name)).or_default().insert(name);
    }
    let several: Vec<&str> = of.into_values().filter(|names| names.len() > 1).flatten().collect();
    (!several.is_empty()).then(|| listed(&several))
}

/// What to say of names that are taken for several examinations of one person, each with its person.
pub(super) fn joined<'a>(names: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let mut of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    names
        .into_iter()
        .filter(|(name, person)| name != person)
        .for_each(|(name, person)| of.entry(person).or_default().push(name));
    let several: Vec<&str> = of.into_values().filter(|names| names.len() > 1).flatten().collect();
    (!several.is_empty())
        .then(|| format!("taken for several examinations of one person by their names: {}", listed(&several)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "",
        ] {
            assert_eq!(person(name), None, "{name}");
        }
        let said = joined([("a_v1", "a"), ("a_v2", "a"), ("b_v1", "b"), ("c", "c")]).unwrap();
        assert!(said.contains("a_v1, a_v2") && !said.contains("b_v1"), "{said}");
        assert_eq!(joined([("b_v1", "b"), ("c", "c")]), None);
        assert_eq!(alike(["a1_v1", "b", "a1_v1", "a1_v2"]).as_deref(), Some("a1_v1, a1_v2"));
        assert_eq!(alike(["a1_v1", "b", "a1_v1", "a_v1", "a_v2"]), None);
    }
}

//! What two readers make of each lesion (`derivatives/lesions/lesions.tsv`), and whether it fits the label maps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::manifest::Class;
use super::name_join::{listed, unmatched};
use super::table::{self, Row};
use crate::name::{Name, shown};
use crate::problem::{Problem, Result};
use crate::statistics::agreement::VoteTable;

/// A lesion in a cohort: patient ("sub-001") and its number in the patient's label map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LesionKey {
    /// "sub-001".
    pub patient: String,
    /// Value in the label map, 1 or more.
    pub number: u32,
}

impl std::fmt::Display for LesionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_lesion-{:03}", self.patient, self.number)
    }
}

/// Lines of a table: twenty times as many as the largest cohort of lesions has.
const MOST_LESIONS: usize = 200_000;

/// Votes of reader 1 and reader 2: true is "rim".
pub type Votes = BTreeMap<LesionKey, (bool, bool)>;

/// Reads the table; with it the names of its columns that are not used.
///
/// # Errors
/// No such file or column, a name that is none, another vote than 1 or 0, or a lesion twice.
pub fn read(path: &Path) -> Result<(Votes, Vec<String>)> {
    let vote = |row: Row, column| yes_or_no(path, row, column, &format!("reader{}", column - 1));
    lesion_rows(path, &["reader1", "reader2"], |row| Ok((vote(row, 2)?, vote(row, 3)?)))
}

/// A table of lesions: what `read` makes of each row, under the lesion that `participant_id` (which may lack "sub-")
/// and `lesion_id` name; these are the row's cells 0 and 1, `columns` follow.
pub(super) fn lesion_rows<T>(
    path: &Path,
    columns: &[&str],
    read: impl Fn(Row) -> Result<T>,
) -> Result<(BTreeMap<LesionKey, T>, Vec<String>)> {
    let table = table::read(path, &[&["participant_id", "lesion_id"], columns].concat(), &[])?;
    if table.rows().len() > MOST_LESIONS {
        return Err(
            Problem::input(path, format!("{} lesions", table.rows().len())).expected(format!("at most {MOST_LESIONS}"))
        );
    }
    let mut rows = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for row in table.rows() {
        let at = |found: String| Problem::input(path, format!("line {}: {found}", row.line()));
        let patient = match row.cell(0) {
            "" => return Err(at("no participant_id".into()).expected("an id such as sub-001")),
            id if id.starts_with("sub-") => id.to_owned(),
            id => format!("sub-{id}"),
        };
        let number = whole_number(row.cell(1)).filter(|number| *number > 0).ok_or_else(|| {
            let found = format!("lesion_id \"{}\"", shown(row.cell(1)));
            at(found).expected("the lesion's number in the label map, 1 or more")
        })?;
        let key = LesionKey { patient, number };
        Name::new(key.to_string()).map_err(|fault| at(fault).expected("an id such as sub-001"))?;
        if rows.contains_key(&key) {
            twice.insert(key.to_string());
        }
        rows.insert(key, read(row)?);
    }
    if !twice.is_empty() {
        let twice: Vec<String> = twice.into_iter().collect();
        return Err(Problem::input(path, format!("lesions that occur twice: {}", listed(&twice)))
            .expected("one line a lesion")
            .advice("keep the line that holds"));
    }
    Ok((rows, table.further))
}

/// A cell that answers "does it have a rim"; `name` is its column's.
pub(super) fn yes_or_no(path: &Path, row: Row, column: usize, name: &str) -> Result<bool> {
    match whole_number(row.cell(column)) {
        Some(1) => Ok(true),
        Some(0) => Ok(false),
        _ => Err(Problem::input(path, format!("line {}: {name} says \"{}\"", row.line(), shown(row.cell(column))))
            .expected("1 (rim) or 0 (no rim)")
            .advice(
                "take a lesion that a reader did not judge out of the table, and set its voxels in the label map to 0",
            )),
    }
}

/// A whole number from 0, also as programs write it whose columns are of floating point numbers: "1.0".
pub(super) fn whole_number(cell: &str) -> Option<u32> {
    cell.strip_suffix(".0").unwrap_or(cell).parse().ok()
}

/// Holds the table to the label maps.
///
/// # Errors
/// Both lists, unless the table names exactly the lesions of the label maps.
pub fn require_same_lesions(table: &Path, votes: &Votes, mapped: &BTreeSet<LesionKey>) -> Result<()> {
    let in_table: Vec<String> = votes.keys().map(LesionKey::to_string).collect();
    let in_maps: Vec<String> = mapped.iter().map(LesionKey::to_string).collect();
    match unmatched(in_table.iter().map(String::as_str), in_maps.iter().map(String::as_str)) {
        None => Ok(()),
        Some(found) => Err(Problem::input(table, found.describe("the reader table", "the label maps"))
            .expected("one line for each lesion of the label maps and no other")
            .advice("correct the table, or the numbers in the *_desc-lesions_dseg files")),
    }
}

/// Holds the table to what a classifier needs.
///
/// # Errors
/// Nothing can be learned: no lesion, no rim, or nothing but rims.
pub fn require_both_classes(table: &Path, votes: &Votes) -> Result<()> {
    let count = VoteTable::from_votes(votes.values().copied());
    let found = |text: String| Problem::input(table, text);
    if votes.is_empty() {
        return Err(found("no lesion".into()).expected("lesions of both classes"));
    }
    if count.both == 0 {
        return Err(found(format!(
            "no rim: of {} lesions none is called rim by both readers, {} by exactly one",
            count.total(),
            count.disputed()
        ))
        .expected("at least one lesion with reader1 = reader2 = 1")
        .advice("check the columns reader1 and reader2; without an agreed rim there is nothing to learn from"));
    }
    if count.neither == 0 {
        return Err(found(format!(
            "one class only: none of {} lesions is called rim-free by both readers",
            count.total()
        ))
        .expected("rims and other lesions")
        .advice("add the lesions without a rim to the label maps and the table"));
    }
    Ok(())
}

/// Class of a lesion from its two votes.
pub fn class((reader1, reader2): (bool, bool)) -> Class {
    Class::of_votes(reader1, reader2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Votes> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lesions.tsv");
        std::fs::write(&path, format!("participant_id\tlesion_id\treader1\treader2\n{text}")).unwrap();
        read(&path).map(|(votes, _)| votes)
    }

    #[test]
    fn votes_are_read_by_name_with_or_without_sub() {
        let votes = table("sub-01\t1\t1\t0\n02\t7\t1\t1\n").unwrap();
        assert_eq!(votes[&LesionKey { patient: "sub-02".into(), number: 7 }], (true, true));
        assert_eq!(votes.len(), 2);
        // As pandas writes a column that once had a gap, with the empty lines of a spreadsheet.
        assert_eq!(table("sub-01\t1.0\t1.0\t0.0\nsub-02\t7\t1\t1\n\t\t\t\n\n").unwrap(), votes);
    }

    #[test]
    fn bad_cells_and_repeats_are_named_with_their_line() {
        assert!(table("sub-01\t1\t2\t0\n").unwrap_err().to_string().contains("line 2: reader1 says \"2\""));
        assert!(table("sub-01\t1\t1\tn/a\n").unwrap_err().to_string().contains("reader2 says \"n/a\""));
        assert!(table("sub-01\t0\t1\t0\n").unwrap_err().to_string().contains("lesion_id \"0\""));
        assert!(table("../../evil\t1\t1\t0\n").unwrap_err().to_string().contains("line 2: the name"));
        let twice = table("sub-01\t1\t1\t0\n01\t1\t1\t1\n").unwrap_err().to_string();
        assert!(twice.contains("twice: sub-01_lesion-001"), "{twice}");
    }

    #[test]
    fn table_and_maps_must_name_the_same_lesions() {
        let votes = table("sub-01\t1\t1\t0\nsub-01\t2\t0\t0\n").unwrap();
        let mapped = [1, 3].map(|number| LesionKey { patient: "sub-01".into(), number }).into();
        let problem = require_same_lesions(Path::new("t"), &votes, &mapped).unwrap_err().to_string();
        assert!(problem.contains("only in the reader table (1): sub-01_lesion-002"), "{problem}");
        assert!(problem.contains("only in the label maps (1): sub-01_lesion-003"), "{problem}");
    }

    #[test]
    fn the_papers_counts_give_its_kappa() {
        let lines = |both, one, neither| {
            let part = |count: usize, first: usize, votes: &str| {
                (first..first + count).map(|number| format!("sub-1\t{number}\t{votes}\n")).collect::<String>()
            };
            part(both, 1, "1\t1") + &part(one, 1 + both, "1\t0") + &part(neither, 1 + both + one, "0\t0")
        };
        // 7980 lesions: 260 agreed rims, 177 with one vote (split 89 : 88 between the readers), the rest none.
        let mut votes = table(&lines(260, 177, 7543)).unwrap();
        let disputed = votes.values_mut().filter(|(first, second)| first != second);
        for (number, vote) in disputed.enumerate() {
            *vote = if number % 2 == 0 { (true, false) } else { (false, true) };
        }
        let kappa = VoteTable::from_votes(votes.values().copied()).kappa().unwrap();
        approx::assert_abs_diff_eq!(kappa, 0.734, epsilon = 5e-4);
    }

    #[test]
    fn no_rim_and_one_class_are_told_apart() {
        let problem = |text: &str| require_both_classes(Path::new("t"), &table(text).unwrap()).unwrap_err().to_string();
        assert!(problem("").contains("no lesion"));
        assert!(problem("1\t1\t0\t0\n1\t2\t1\t0\n").contains("no rim: of 2 lesions"));
        assert!(problem("1\t1\t1\t1\n").contains("one class only"));
    }
}

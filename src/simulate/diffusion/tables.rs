//! The table of persons.

use serde_json::{Value, json};

use super::plan::{Group, Subject};
use super::subject::Examined;

const COLUMNS: [&str; 5] = ["participant_id", "group", "age", "lesions", "lesion_ml"];

/// A person's row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) group: Group,
    /// Whole years.
    pub(super) age: u32,
    /// Lesions drawn.
    pub(super) lesions: u32,
    /// Volume of their mask, ml.
    pub(super) lesion_ml: f64,
}

impl Row {
    /// Of a person as examined.
    pub(super) fn of(subject: &Subject, examined: &Examined) -> Self {
        Self {
            id: subject.id.clone(),
            group: subject.group,
            age: subject.age as u32,
            lesions: examined.lesions.count,
            lesion_ml: examined.lesion_ml(),
        }
    }
}

/// The table.
pub(super) fn participants(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let Row { id, group, age, lesions, lesion_ml } = row;
        format!("{id}\t{}\t{age}\t{lesions}\t{lesion_ml:.3}\n", group.key())
    };
    COLUMNS.join("\t") + "\n" + &rows.iter().map(line).collect::<String>()
}

/// What its columns mean.
pub(super) fn told() -> Value {
    json!({
        "group": {
            "Description": "SIMULATED group",
            "Levels": { "healthy": "no lesions", "ms": "multiple sclerosis" },
        },
        "age": { "Description": "SIMULATED age", "Units": "year" },
        "lesions": { "Description": "Lesions drawn; some touch" },
        "lesion_ml": { "Description": "Volume of the mask of lesions", "Units": "mL" },
    })
}

/// Reads what [`participants`] wrote.
///
/// # Errors
/// In words: another header, a cell that is none of the program's.
pub(super) fn read(text: &str) -> Result<Vec<Row>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(COLUMNS.join("\t").as_str()) {
        return Err("another header than the program's".into());
    }
    let row = |(number, line): (usize, &str)| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, group, age, lesions, lesion_ml] = cells[..] else {
            return Err(format!("line {}: {} cells", number + 2, cells.len()));
        };
        let group = Group::ALL.into_iter().find(|one| one.key() == group);
        match (group, age.parse(), lesions.parse(), lesion_ml.parse()) {
            (Some(group), Ok(age), Ok(lesions), Ok(lesion_ml)) => {
                Ok(Row { id: id.into(), group, age, lesions, lesion_ml })
            }
            _ => Err(format!("line {}: no person", number + 2)),
        }
    };
    lines.enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let row = Row { id: "sub-MS001".into(), group: Group::Ms, age: 41, lesions: 9, lesion_ml: 4.125 };
        assert_eq!(read(&participants(std::slice::from_ref(&row))).unwrap(), [row]);
        assert!(read("other\n").is_err());
        assert!(read(&(COLUMNS.join("\t") + "\nsub-MS001\tsick\t1\t1\t1\n")).is_err());
    }
}

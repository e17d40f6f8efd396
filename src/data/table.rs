//! Tab- or comma-separated tables with a header line, read whole with their line numbers.

use std::path::Path;

use super::name_join::{listed, repeated};
use crate::problem::{Problem, Result};

/// A table of this size would hold a million lesions.
const MAX_BYTES: u64 = 64 << 20;

/// The wanted columns of a table, in the order asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// In the file's order, without the header.
    pub rows: Vec<Row>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Counting from 1, the header being line 1.
    pub line: u64,
    /// In the order of the columns asked for, trimmed; optional columns that the table lacks are `None`.
    pub cells: Vec<Option<String>>,
}

impl Row {
    /// A required column's cell.
    pub fn cell(&self, column: usize) -> &str {
        self.cells[column].as_deref().unwrap_or_default()
    }
}

/// Reads the columns named; further ones are ignored. `.csv` files are comma-separated, all others by tabs.
///
/// # Errors
/// No such file, one beyond 64 MiB, a column that is missing or there twice, or a line of another length.
pub fn read(path: &Path, required: &[&str], optional: &[&str]) -> Result<Table> {
    let failed = |error| Problem::io(path, "reading", error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > MAX_BYTES {
        return Err(Problem::input(path, format!("a table of {size} bytes")).expected("at most 64 MiB"));
    }
    tracing::info!("reading {}", path.display());
    let comma = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let text = std::fs::read(path).map_err(failed)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    parse(text, if comma { b',' } else { b'\t' }, required, optional).map_err(|problem| problem.at(path))
}

fn parse(text: &[u8], delimiter: u8, required: &[&str], optional: &[&str]) -> Result<Table> {
    let bad = |found: String| Problem::new(crate::problem::Kind::Input, found);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text);
    let header = reader.headers().map_err(|error| bad(format!("unreadable header line: {error}")))?.clone();
    let twice = repeated(&header);
    if !twice.is_empty() {
        return Err(bad(format!("columns that occur twice: {}", listed(&twice))).expected("each column once"));
    }
    let place = |name: &&str| header.iter().position(|column| column == *name);
    let missing: Vec<String> = required.iter().filter(|name| place(name).is_none()).map(|&name| name.into()).collect();
    if !missing.is_empty() {
        let found: Vec<String> = header.iter().map(str::to_owned).collect();
        return Err(bad(format!("no column {}; its columns are {}", listed(&missing), listed(&found)))
            .expected(required.join(", ")));
    }
    let places: Vec<Option<usize>> = required.iter().chain(optional).map(place).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| bad(format!("unreadable line: {error}")))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = places.iter().map(|place| place.map(|at| record.get(at).unwrap_or_default().to_owned())).collect();
        rows.push(Row { line, cells });
    }
    Ok(Table { rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let table = parse(b"b\textra\ta\n1\tx\t 2 \n", b'\t', &["a", "b"], &["c"]).unwrap();
        assert_eq!(table.rows, [Row { line: 2, cells: vec![Some("2".into()), Some("1".into()), None] }]);
    }

    #[test]
    fn missing_and_double_columns_and_ragged_lines_are_named() {
        let problem = parse(b"a\tc\n", b'\t', &["a", "b"], &[]).unwrap_err().to_string();
        assert!(problem.contains("no column b; its columns are a, c"), "{problem}");
        assert!(parse(b"a\ta\n", b'\t', &["a"], &[]).unwrap_err().to_string().contains("twice: a"));
        assert!(parse(b"a\tb\n1\n", b'\t', &["a"], &[]).unwrap_err().to_string().contains("line: 2"));
        assert!(parse(b"a\n\xff\n", b'\t', &["a"], &[]).is_err());
    }
}

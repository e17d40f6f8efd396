//! Tables with a header line, read whole with their line numbers: separated by tabs, commas or semicolons, in UTF-8 or
//! UTF-16, with the empty columns and lines that other programs leave at their ends.

use std::borrow::Cow;
use std::path::Path;

use super::foreign_text;
use super::name_join::listed;
use super::near_names::{near_key, spelled};
use super::table_lines::{Line, Lines, MAX_CELLS};
use crate::files::{self, kind_of};
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Of a table's file: 200 thousand lines of 80 letters.
pub const MAX_BYTES: u64 = 16 << 20;

/// Lines of a table: more than any collection of images of rare lesions has.
const MAX_ROWS: usize = 500_000;

/// Of a cell that is asked for: a path, a name or a number, which no system lets be longer.
const MAX_CELL: usize = 4096;

/// The wanted columns of a table, in the order asked for. Its cells lie one behind the other, so that it takes no more
/// memory than its text and a few bytes a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns that were not asked for, in the file's order.
    pub further: Vec<String>,
    /// Whether the file has each of the columns asked for.
    present: Vec<bool>,
    /// Of each row.
    lines: Vec<u64>,
    /// All cells, row by row; those of columns that the file lacks are empty.
    text: String,
    /// Where each cell ends in `text`, in bytes.
    ends: Vec<usize>,
}

impl Table {
    /// In the file's order, without the header.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.lines.len()).map(|at| Row { table: self, at })
    }

    /// Whether the file has the column of this place among those asked for.
    pub fn has(&self, column: usize) -> bool {
        self.present[column]
    }
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    table: &'a Table,
    at: usize,
}

impl<'a> Row<'a> {
    /// Counting from 1, the header being line 1.
    pub fn line(self) -> u64 {
        self.table.lines[self.at]
    }

    /// A cell, trimmed, by its column's place among those asked for; empty where the file lacks the column.
    pub fn cell(self, column: usize) -> &'a str {
        let cell = self.at * self.table.present.len() + column;
        let begin = cell.checked_sub(1).map_or(0, |before| self.table.ends[before]);
        &self.table.text[begin..self.table.ends[cell]]
    }
}

/// Reads the columns named; further ones are ignored, and so are lines without any text. `.csv` files are separated by
/// commas, all others by tabs, unless the header line shows that they are separated otherwise.
///
/// # Errors
/// No such file, one beyond 16 MiB, or what [`parse`] refuses.
pub fn read(path: &Path, required: &[&str], optional: &[&str]) -> Result<Table> {
    tracing::info!("reading {}", path.display());
    if let Some(problem) = kind_of::not_fetched(path) {
        return Err(problem);
    }
    let bytes = files::read(path, MAX_BYTES, "a table")?;
    kind_of::require_fetched(path, &bytes, "a table")?;
    parse(path, &bytes, &Wanted { required, optional })
}

/// Columns that are asked for by name.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// That must be there.
    pub required: &'a [&'a str],
    /// That may be there.
    pub optional: &'a [&'a str],
}

/// The table in `bytes`; `path` names it in errors, and by its ending says what separates the cells.
///
/// # Errors
/// A column that is missing or there twice, or one whose name is nearly that of an optional one; a line of another
/// length than the header; more than 500,000 lines; a name of a column, or a cell asked for, of more than 4096 bytes or
/// that is no text.
pub fn parse(path: &Path, bytes: &[u8], wanted: &Wanted) -> Result<Table> {
    let text = foreign_text::decode(bytes).map_err(|found| Problem::input(path, found).advice("save it as UTF-8"))?;
    let comma = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let (usual, others) = if comma { (',', [';', '\t']) } else { ('\t', [',', ';']) };
    let (told, text) = told_separator(&text);
    let separators: Vec<char> = told.map_or_else(|| [&[usual], &others[..]].concat(), |told| vec![told]);
    let mut refused = None;
    for separator in separators {
        let mut lines = Lines::new(text, separator);
        let header = lines.next().map_or(vec![], |line| line.cells);
        match places(path, &header, wanted) {
            Ok(places) => return rows(path, &header, &places, lines),
            Err(problem) => refused = refused.or(Some(problem)),
        }
    }
    Err(refused.unwrap_or_else(|| Problem::input(path, "an empty file")))
}

/// Excel's first line "sep=;", without which the text keeps its line numbers.
fn told_separator(text: &str) -> (Option<char>, &str) {
    let told = text.strip_prefix("sep=").and_then(|rest| rest.chars().next());
    match told.filter(|letter| ",;\t".contains(*letter)) {
        Some(letter) => (Some(letter), &text["sep=".len() + letter.len_utf8()..]),
        None => (None, text),
    }
}

/// Where each wanted column stands.
fn places(path: &Path, header: &[Cow<str>], wanted: &Wanted) -> Result<Vec<Option<usize>>> {
    let bad = |found: String| Problem::input(path, found);
    if header.len() > MAX_CELLS {
        return Err(bad(format!("more than {MAX_CELLS} columns")).expected("a table with a header line"));
    }
    if let Some(long) = header.iter().find(|name| name.len() > MAX_CELL) {
        return Err(
            bad(format!("a column whose name has {} bytes", long.len())).expected(format!("at most {MAX_CELL}"))
        );
    }
    let columns: Vec<String> = header.iter().filter(|name| !name.is_empty()).map(|name| name.to_string()).collect();
    let keys: Vec<String> = columns.iter().map(|column| near_key(column)).collect();
    let known = || format!("its columns are {}", if columns.is_empty() { "none".into() } else { listed(&columns) });
    let mut places = Vec::new();
    let mut missing = Vec::new();
    for (name, needed) in
        wanted.required.iter().map(|name| (*name, true)).chain(wanted.optional.iter().map(|name| (*name, false)))
    {
        let mut found = header.iter().enumerate().filter(|(_, column)| **column == name);
        let first = found.next().map(|(at, _)| at);
        if found.next().is_some() {
            return Err(bad(format!("two columns called {name}")).expected("each column once"));
        }
        let (key, several) = (near_key(name), format!("{name}s"));
        let again = columns.iter().zip(&keys).find(|(column, own)| **own == key && **column != name);
        if let (Some(_), Some((again, _))) = (first, again) {
            return Err(bad(format!("the columns {name} and {}", spelled(again)))
                .expected("each column once")
                .advice("remove the one that does not hold, or rename it if it means something else"));
        }
        let near = keys.iter().position(|column| *column == key || *column == several).map(|at| &columns[at]);
        match (first, near) {
            (None, Some(near)) if !needed => {
                return Err(bad(format!("the column {}", spelled(near)))
                    .expected(format!("\"{name}\", spelled exactly so"))
                    .advice("rename the column, or remove it if it means something else"));
            }
            (None, _) if needed => missing.push(name.to_owned()),
            _ => {}
        }
        places.push(first);
    }
    if missing.is_empty() {
        return Ok(places);
    }
    Err(bad(format!("no column {}; {}", listed(&missing), known()))
        .expected(format!("a header line with {}, separated by tabs (or commas in a .csv)", wanted.required.join(", ")))
        .advice("name the columns so: of a column that is called otherwise the program does not guess what it means"))
}

fn rows(path: &Path, header: &[Cow<str>], places: &[Option<usize>], lines: Lines) -> Result<Table> {
    let width = header.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    let mut table = Table {
        further: Vec::new(),
        present: places.iter().map(Option::is_some).collect(),
        lines: Vec::new(),
        text: String::new(),
        ends: Vec::new(),
    };
    for Line { number, cells } in lines {
        let bad = |found: String| Problem::input(path, format!("line {number}: {found}"));
        let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        if cells.len() > MAX_CELLS {
            return Err(bad(format!("more than {MAX_CELLS} cells")).expected("a table with one cell a column"));
        }
        if cells.len() < width || filled > width {
            let found = if filled > width { filled } else { cells.len() };
            return Err(bad(format!("{found} cells"))
                .expected(format!("{width}, as many as the header line has"))
                .advice("look for a missing or additional separator in that line"));
        }
        if table.lines.len() == MAX_ROWS {
            return Err(bad("a table of more lines".into()).expected(format!("at most {MAX_ROWS}")));
        }
        table.lines.push(number);
        for place in places {
            if let Some(at) = *place {
                let (cell, column) = (&cells[at], shown(&header[at]));
                if cell.len() > MAX_CELL {
                    return Err(bad(format!("a cell of {} bytes in the column {column}", cell.len()))
                        .expected(format!("at most {MAX_CELL}")));
                }
                if cell.contains(char::REPLACEMENT_CHARACTER) {
                    return Err(bad(format!("no text in UTF-8 in the column {column}: {}", shown(cell)))
                        .advice("save the table as UTF-8"));
                }
                table.text.push_str(cell);
            }
            table.ends.push(table.text.len());
        }
    }
    let further = header.iter().enumerate().filter(|(at, name)| !name.is_empty() && !places.contains(&Some(*at)));
    table.further = further.map(|(_, name)| name.to_string()).collect();
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str, bytes: &[u8]) -> Result<Table> {
        parse(Path::new(name), bytes, &Wanted { required: &["a", "b"], optional: &["c"] })
    }

    /// Number and cells of each row.
    fn rows(table: &Table) -> Vec<(u64, [Option<&str>; 3])> {
        table.rows().map(|row| (row.line(), [0, 1, 2].map(|at| table.has(at).then(|| row.cell(at))))).collect()
    }

    fn problem(name: &str, bytes: &[u8]) -> String {
        parsed(name, bytes).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let table = parsed("t.tsv", b"b\textra\ta\n1\tx\t 2 \n").unwrap();
        assert_eq!(rows(&table), [(2, [Some("2"), Some("1"), None])]);
        assert_eq!(table.further, ["extra"]);
    }

    #[test]
    fn missing_and_double_columns_and_ragged_lines_are_named() {
        assert!(problem("t", b"a\tc\n").contains("no column b; its columns are a, c"));
        assert!(problem("t", b"a\tb\ta\n").contains("two columns called a"));
        assert!(problem("t", b"a\tb\n1\t2\n\n1\n").contains("line 4: 1 cells; expected 2"));
        assert!(problem("t", b"a\tb\n1\t2\t3\n").contains("line 2: 3 cells"));
        assert!(problem("t", b"").contains("no column a, b; its columns are none"));
        assert!(problem("t", b"a\tb\tC\n").contains("the column \"C\"; expected \"c\""));
        assert!(problem("t", b"a\tb\tcs\n").contains("the column \"cs\""));
        assert!(problem("t", b"a\tb\tA\n").contains("the columns a and \"A\""));
        assert!(problem("t", b"a\tb\tc\tC\n").contains("the columns c and \"C\""));
        assert!(problem("t", "a\tb\tc\u{200b}\n".as_bytes()).contains("c\\u{200b}"));
    }

    #[test]
    fn what_other_programs_write_is_read() {
        let expected = [(2, [Some("1"), Some("2"), Some("x")]), (3, [Some("3"), Some("\"4"), Some("")])];
        let plain = "a\tb\tc\n1\t2\tx\n3\t\"4\t\n";
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        for (name, bytes) in [
            ("t.tsv", plain.as_bytes().to_vec()),
            ("t.tsv", wide),
            ("t.tsv", b"\xef\xbb\xbfa\tb\tc\t\t\r\n1\t2\tx\t\t\r\n3\t\"4\t\t\t\r\n\t\t\t\t\r\n\r\n".to_vec()),
            ("t.csv", plain.replace('\t', ",").into_bytes()),
            ("t.csv", plain.replace('\t', ";").into_bytes()),
            ("t.csv", plain.as_bytes().to_vec()),
            ("t.tsv", plain.replace('\t', ",").into_bytes()),
        ] {
            assert_eq!(rows(&parsed(name, &bytes).unwrap()), expected, "{name} {bytes:?}");
        }
        let told = parsed("t.csv", b"sep=;\na;b;c\n1;2;x\n").unwrap();
        assert_eq!(rows(&told), [(3, [Some("1"), Some("2"), Some("x")])]);
    }

    #[test]
    fn letters_that_are_none_matter_where_they_are_asked_for() {
        let text = parsed("t", b"a\tb\tnote\n1\t2\tl\xe4sion\n").unwrap();
        assert_eq!(rows(&text), [(2, [Some("1"), Some("2"), None])]);
        let said = problem("t", b"a\tb\n1\tl\xe4sion\n");
        assert!(said.contains("line 2: no text in UTF-8 in the column b") && said.contains("save the table"), "{said}");
    }

    #[test]
    fn long_cells_and_endless_tables_are_refused() {
        let long = format!("a\tb\n{}\t1\n", "x".repeat(MAX_CELL + 1));
        assert!(problem("t", long.as_bytes()).contains("line 2: a cell of 4097 bytes in the column a"));
        let wide = format!("a\tb\t{}\n", "x".repeat(MAX_CELL + 1));
        assert!(problem("t", wide.as_bytes()).contains("a column whose name has 4097 bytes"));
        let endless = format!("a\tb\n{}", "1\t2\n".repeat(MAX_ROWS + 1));
        assert!(problem("t", endless.as_bytes()).contains("line 500002: a table of more lines"));
    }
}

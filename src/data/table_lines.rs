//! A table's text to lines of cells, as spreadsheets and statistics programs write them.

use std::borrow::Cow;

/// One line: its number in the file, counting from 1, and its cells, trimmed, up to one more than [`MAX_CELLS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub number: u64,
    pub cells: Vec<Cow<'a, str>>,
}

/// Cells of a line that are kept; a line of more is refused by whoever reads it.
pub(super) const MAX_CELLS: usize = 50_000;

/// The lines of a text, ended by LF, CR LF or CR; those with nothing but white space are left out.
///
/// A cell in quotation marks may hold the delimiter and, where that is no tab, the end of a line; a doubled mark is
/// one. Where the delimiter is no tab there may be blanks around the marks. A mark that opens and is not closed before
/// a delimiter is a letter like any other.
pub(super) struct Lines<'a> {
    rest: &'a str,
    next: u64,
    delimiter: char,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, delimiter: char) -> Self {
        Self { rest: text, next: 1, delimiter }
    }

    fn line(&mut self) -> Line<'a> {
        let number = self.next;
        let mut cells = Vec::new();
        loop {
            let cell = self.cell();
            if cells.len() <= MAX_CELLS {
                cells.push(cell);
            }
            let mut rest = self.rest.chars();
            let ended = rest.next();
            self.rest = rest.as_str();
            if ended == Some(self.delimiter) {
                continue;
            }
            if ended == Some('\r') {
                self.rest = self.rest.strip_prefix('\n').unwrap_or(self.rest);
            }
            self.next += 1;
            return Line { number, cells };
        }
    }

    /// Takes a cell and leaves what ends it.
    fn cell(&mut self) -> Cow<'a, str> {
        let start = if self.delimiter == '\t' { self.rest } else { self.rest.trim_start_matches(' ') };
        if let Some(cell) = start.strip_prefix('"').and_then(|inside| self.quoted(inside)) {
            return cell;
        }
        let end = self.rest.find([self.delimiter, '\n', '\r']).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at(end);
        self.rest = rest;
        Cow::Borrowed(cell.trim())
    }

    /// The cell that begins behind a quotation mark; `None` where no other one closes it.
    fn quoted(&mut self, inside: &'a str) -> Option<Cow<'a, str>> {
        let mut ends = inside.char_indices().peekable();
        let mut doubled = false;
        while let Some((at, letter)) = ends.next() {
            match letter {
                '"' if ends.next_if(|(_, next)| *next == '"').is_some() => doubled = true,
                '"' => {
                    let (cell, rest) = (&inside[..at], &inside[at + 1..]);
                    let rest = if self.delimiter == '\t' { rest } else { rest.trim_start_matches(' ') };
                    let closes = rest.is_empty() || rest.starts_with([self.delimiter, '\n', '\r']);
                    return closes.then(|| {
                        let breaks = cell.replace("\r\n", "\n").matches(['\n', '\r']).count();
                        self.next += breaks as u64;
                        self.rest = rest;
                        if doubled { Cow::Owned(cell.trim().replace("\"\"", "\"")) } else { Cow::Borrowed(cell.trim()) }
                    });
                }
                '\n' | '\r' if self.delimiter == '\t' => return None,
                _ => {}
            }
        }
        None
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let line = self.line();
            if line.cells.iter().any(|cell| !cell.is_empty()) {
                return Some(line);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, delimiter: char) -> Vec<(u64, Vec<String>)> {
        let owned = |line: Line| (line.number, line.cells.into_iter().map(Cow::into_owned).collect());
        Lines::new(text, delimiter).map(owned).collect()
    }

    fn line(number: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (number, cells.iter().map(|&cell| cell.to_owned()).collect())
    }

    #[test]
    fn every_end_of_a_line_and_empty_ones_between() {
        let expected = [line(1, &["a", "b"]), line(3, &["1", "2"]), line(5, &["3", ""])];
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a\tb", "", " 1\t2 ", "\t\t", "3\t", ""].join(end);
            assert_eq!(lines(&text, '\t'), expected, "{end:?}");
        }
    }

    #[test]
    fn quotation_marks_enclose_or_are_letters() {
        assert_eq!(lines("\"a\tb\"\t\"c\"\"d\"\n", '\t'), [line(1, &["a\tb", "c\"d"])]);
        assert_eq!(lines("\"open\tb\nc\td\"\n", '\t'), [line(1, &["\"open", "b"]), line(2, &["c", "d\""])]);
        assert_eq!(lines("\"a,\nb\",c\nd,e\n", ','), [line(1, &["a,\nb", "c"]), line(3, &["d", "e"])]);
        assert_eq!(lines("\"open,b\nc,d\n", ','), [line(1, &["\"open", "b"]), line(2, &["c", "d"])]);
        assert_eq!(lines("\"x\" y,z\n", ','), [line(1, &["\"x\" y", "z"])]);
        assert_eq!(lines("a, \"b,c\" ,d\n", ','), [line(1, &["a", "b,c", "d"])]);
    }
}

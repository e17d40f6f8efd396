//! A reviewer's decisions on the disk: one JSON line each, added and flushed before anything is said to be kept, each
//! with the hash of the line before, so that a line that was changed, taken out or put in shows, and its own.
//!
//! A crash can leave a line half written. What follows the last line's end is put aside under a name of its own, and
//! said; a whole line that is no line of the chain is damage, and refused.

use std::path::{Path, PathBuf};

use crate::digest;
use crate::files;
use crate::problem::{Problem, Result};
use crate::records::review::DecisionLine;

/// Longest log.
const MOST_BYTES: u64 = 256 << 20;

/// Hash that the first line has as that of the line before.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a log holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Whole lines of the chain.
    pub lines: Vec<DecisionLine>,
    /// Bytes of them, ends of lines included.
    whole: u64,
    /// Of the last line.
    last_sha256: String,
    /// What follows: a line that a crash cut short.
    torn: Vec<u8>,
}

impl Read {
    /// Reads a log; nothing where there is none.
    ///
    /// # Errors
    /// A line that is none, or that does not follow the one before; a file that may not be read.
    pub fn of(path: &Path) -> Result<Self> {
        let bytes = files::read_if_there(path, MOST_BYTES, "a log of decisions")?.unwrap_or_default();
        let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let (whole, torn) = bytes.split_at(end);
        let mut read = Self { lines: vec![], whole: end as u64, last_sha256: BEGINNING.into(), torn: torn.to_vec() };
        let lines = whole.split_inclusive(|&byte| byte == b'\n').map(|line| &line[..line.len() - 1]);
        for (number, line) in (1..).zip(lines) {
            let damaged = |found: String| {
                Problem::input(path, format!("line {number}: {found}"))
                    .expected("lines as `rimforge review` adds them, each with the hash of the one before")
                    .advice("put a copy of the log back, or move it away to begin anew; nothing was changed in it")
            };
            let found: DecisionLine =
                serde_json::from_slice(line).map_err(|error| damaged(format!("no decision: {error}")))?;
            if found.previous_sha256 != read.last_sha256 || found.id != number {
                return Err(damaged("does not follow the line before".into()));
            }
            if found.own_sha256.as_ref().is_some_and(|own| without_own(line, own) != Some(own.clone())) {
                return Err(damaged("changed since it was written".into()));
            }
            if found.supersedes.is_some_and(|earlier| earlier == 0 || earlier >= number) {
                return Err(damaged("takes the place of a line that does not come before it".into()));
            }
            read.last_sha256 = digest::sha256(line);
            read.lines.push(found);
        }
        Ok(read)
    }

    /// Whether a crash cut the last line short.
    pub fn is_torn(&self) -> bool {
        !self.torn.is_empty()
    }
}

/// SHA-256 of a line without the entry that says its own, which is its last.
fn without_own(line: &[u8], own: &str) -> Option<String> {
    let entry = format!(",\"own_sha256\":\"{own}\"}}");
    let rest = line.strip_suffix(entry.as_bytes())?;
    Some(digest::sha256([rest, b"}"].concat()))
}

/// A log that is added to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    read: Read,
}

impl Log {
    /// Opens the log at `path`; what a crash left of a last line is put into `aside`, whose name is given back.
    ///
    /// # Errors
    /// Those of [`Read::of`]; a disk that does not take what is put aside.
    pub fn open(path: &Path, aside: &Path) -> Result<(Self, bool)> {
        let mut read = Read::of(path)?;
        let torn = read.is_torn();
        if torn {
            let mut before = files::read_if_there(aside, MOST_BYTES, "lines that were cut short")?.unwrap_or_default();
            before.extend_from_slice(&read.torn);
            before.push(b'\n');
            // First there, then gone here: a crash between leaves it in both.
            files::write(aside, &before)?;
            files::cut(path, read.whole)?;
            read.torn.clear();
        }
        Ok((Self { path: path.to_owned(), read }, torn))
    }

    /// Its lines.
    pub fn lines(&self) -> &[DecisionLine] {
        &self.read.lines
    }

    /// Adds a line, whose number and hash of the line before are filled in, and returns when it is on the disk.
    ///
    /// # Errors
    /// The disk does not take it; the log is then as before.
    pub fn add(&mut self, mut line: DecisionLine) -> Result<&DecisionLine> {
        line.id = self.read.lines.len() as u64 + 1;
        line.previous_sha256.clone_from(&self.read.last_sha256);
        line.own_sha256 = None;
        line.own_sha256 = Some(digest::sha256(files::json_line(&line)?));
        let text = files::json_line(&line)?;
        self.read.whole = files::append_flushed(&self.path, self.read.whole, &text)?;
        self.read.last_sha256 = digest::sha256(text.as_bytes());
        self.read.lines.push(line);
        Ok(&self.read.lines[self.read.lines.len() - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::super::items::tests::made_up;
    use super::super::session::line;
    use super::*;
    use crate::name::Name;
    use crate::records::review::{DecidedBy, Verdict};

    fn decision(at: usize) -> DecisionLine {
        let items = made_up(5);
        DecisionLine {
            decision: Some(Verdict::Accept),
            comment: "ragged \"border\"\nand more".into(),
            ..line(&items, at, &Name::of_known("anna"), DecidedBy::Person, "s")
        }
    }

    #[test]
    fn lines_follow_each_other_and_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("log"), folder.path().join("aside"));
        let (mut log, torn) = Log::open(&path, &aside).unwrap();
        assert!(!torn && log.lines().is_empty());
        (0..3).for_each(|at| drop(log.add(decision(at)).unwrap().clone()));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3, "a comment of two lines is one line of the log");
        let (mut again, _) = Log::open(&path, &aside).unwrap();
        assert_eq!(again.lines(), log.lines());
        assert_eq!(again.lines()[1].previous_sha256, digest::sha256(text.lines().next().unwrap().as_bytes()));
        again.add(decision(3)).unwrap();
        assert_eq!(Read::of(&path).unwrap().lines.len(), 4);
    }

    #[test]
    fn a_line_that_was_changed_taken_out_or_put_in_shows() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("log"), folder.path().join("aside"));
        let (mut log, _) = Log::open(&path, &aside).unwrap();
        (0..4).for_each(|at| drop(log.add(decision(at)).unwrap().clone()));
        let whole = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        let changed = whole.replacen("\"decision\":\"accept\"", "\"decision\":\"reject\"", 1);
        let out = [lines[0], lines[2], lines[3], ""].join("\n");
        let swapped = [lines[0], lines[2], lines[1], lines[3], ""].join("\n");
        let twice = [lines[0], lines[0], ""].join("\n");
        let foreign = format!("{}\nnothing\n", lines[0]);
        let empty = format!("{}\n\n{}\n", lines[0], lines[1]);
        let at = whole.rfind("\"decision\":\"accept\"").unwrap();
        let last = whole[..at].to_owned() + &whole[at..].replacen("accept", "reject", 1);
        for (text, line) in [(changed, 1), (out, 2), (swapped, 2), (twice, 2), (foreign, 2), (empty, 2), (last, 4)] {
            std::fs::write(&path, &text).unwrap();
            let said = Log::open(&path, &aside).unwrap_err().to_string();
            assert!(said.contains(&format!("line {line}: ")), "{said}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "nothing is changed");
        }
    }

    #[test]
    fn what_a_crash_left_of_a_line_is_put_aside_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("log"), folder.path().join("aside"));
        let (mut log, _) = Log::open(&path, &aside).unwrap();
        (0..2).for_each(|at| drop(log.add(decision(at)).unwrap().clone()));
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for length in [first + 1, first + 40, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let _ = std::fs::remove_file(&aside);
            assert!(Read::of(&path).unwrap().is_torn());
            let (mut log, torn) = Log::open(&path, &aside).unwrap();
            assert!(torn && log.lines().len() == 1);
            assert_eq!(std::fs::read(&aside).unwrap(), [&whole[first..length], b"\n"].concat());
            assert_eq!(std::fs::read(&path).unwrap(), &whole[..first]);
            log.add(decision(1)).unwrap();
            assert_eq!(Read::of(&path).unwrap().lines.len(), 2);
        }
    }
}

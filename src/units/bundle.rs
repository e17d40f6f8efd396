//! The file of a unit: its results as the stage itself would have written them, one after another.
//!
//! The first line names the form and the SHA-256 of all behind it, the second is JSON (stage, key, unit, names and
//! sizes), then the files' bytes follow. Nothing in it says when, where or by whom it was made.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::files::{self, kind_of};
use crate::name::{Inside, Name, shown};
use crate::problem::{Problem, Result};

/// First word of a file.
const FORM: &str = "rimforge-unit-1";

/// A fit of the largest classifier has 60 MB, a batch of 64 large projections some 500 MB.
const MOST_BYTES: u64 = 4 << 30;

/// Longest beginning of a file that is looked at without its bytes: a list of a hundred thousand files.
const MOST_HEAD: u64 = 16 << 20;

/// What was asked for, and what a file says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Label {
    /// "project".
    pub stage: String,
    /// Of the stage: hash over its settings and inputs.
    pub key: String,
    /// "batch-0003".
    pub unit: Name,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    of: Label,
    /// Name and number of bytes of each file, in the order in which they are written.
    files: Vec<(Inside, u64)>,
}

/// A file of a unit: its name relative to the stage's folder, and its bytes.
pub(super) type Content = (Inside, Vec<u8>);

/// Leaves `contents` at `path`, whole or not at all.
///
/// # Errors
/// A folder that cannot be written to, or a disk that is full.
pub(super) fn write(path: &Path, of: &Label, contents: &[Content]) -> Result<()> {
    let sizes = contents.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
    let mut body = files::json_line(&Head { of: of.clone(), files: sizes })?.into_bytes();
    body.push(b'\n');
    contents.iter().for_each(|(_, bytes)| body.extend_from_slice(bytes));
    let mut all = format!("{FORM} {}\n", digest::sha256(&body)).into_bytes();
    all.append(&mut body);
    files::write(path, &all)
}

/// The files of the unit `of`; `None` where there is nothing at `path`.
///
/// # Errors
/// Something else is there: a damaged file, or one of another stage, key or unit; it cannot be read just now.
pub(super) fn read(path: &Path, of: &Label) -> Result<Option<Vec<Content>>> {
    let Some(all) = files::read_if_there(path, MOST_BYTES, "a unit that a shard left")? else { return Ok(None) };
    let damaged = |found: &str| {
        Problem::input(path, found)
            .expected("a unit as a shard left it")
            .advice("run its shard again, which makes it anew, or delete the file")
    };
    let (first, body) = split_line(&all).ok_or_else(|| damaged("no unit"))?;
    let noted = first.strip_prefix(FORM).map(str::trim).ok_or_else(|| damaged("no unit, or one of another version"))?;
    if digest::sha256(body) != noted {
        return Err(damaged("a unit whose bytes do not have the SHA-256 that it names"));
    }
    let (head, mut rest) = split_line(body).ok_or_else(|| damaged("a unit without its list of files"))?;
    let head: Head = files::parse_json(path, head.as_bytes(), "a unit's list of files")?;
    if head.of != *of {
        let words = |of: &Label| format!("stage {}, unit {}, key {}", shown(&of.stage), of.unit, shown(&of.key));
        return Err(Problem::input(path, format!("a unit of {}", words(&head.of)))
            .expected(words(of))
            .advice("it was made for other settings or inputs: run its shard again for these"));
    }
    let mut contents = Vec::new();
    for (name, size) in head.files {
        let (own, after) = usize::try_from(size)
            .ok()
            .and_then(|size| rest.split_at_checked(size))
            .ok_or_else(|| damaged("a unit that is shorter than its list of files"))?;
        contents.push((name, own.to_owned()));
        rest = after;
    }
    if rest.is_empty() { Ok(Some(contents)) } else { Err(damaged("a unit that is longer than its list of files")) }
}

/// Whether there is a file at `path` whose label is `of` and which is as long as its list of files says.
pub(super) fn looks_whole(path: &Path, of: &Label) -> bool {
    // A pipe in its place would be waited for without end.
    let Ok((file, length)) = kind_of::open(path, "a unit") else { return false };
    let mut reader = BufReader::new(file.take(MOST_HEAD));
    let (mut first, mut head) = (String::new(), String::new());
    if reader.read_line(&mut first).is_err() || reader.read_line(&mut head).is_err() || !first.starts_with(FORM) {
        return false;
    }
    let before = (first.len() + head.len()) as u64;
    serde_json::from_str::<Head>(&head).is_ok_and(|head| {
        let sizes = head.files.iter().try_fold(before, |all, (_, size)| all.checked_add(*size));
        head.of == *of && sizes == Some(length)
    })
}

/// The first line as text, and what follows it.
fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    fn label(unit: &'static str) -> Label {
        Label { stage: "project".into(), key: "k".repeat(64), unit: unit.into() }
    }

    fn contents() -> Vec<Content> {
        let file = |name: &str, bytes: &[u8]| (Inside::new(name).unwrap(), bytes.to_vec());
        vec![file("images/a.npy", b"\n\x00pixels\n"), file("empty", b""), file("items/a.json", b"{}")]
    }

    #[test]
    fn what_is_left_is_read_back_and_is_the_same_twice() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("a"), &label("u"), &contents()).unwrap();
        write(&at("b"), &label("u"), &contents()).unwrap();
        assert_eq!(std::fs::read(at("a")).unwrap(), std::fs::read(at("b")).unwrap());
        assert_eq!(read(&at("a"), &label("u")).unwrap(), Some(contents()));
        assert_eq!(read(&at("none"), &label("u")).unwrap(), None);
    }

    #[test]
    fn one_of_another_unit_or_key_is_told_and_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, &label("u"), &contents()).unwrap();
        let other = Label { key: "o".repeat(64), ..label("u") };
        for (asked, says) in [(label("v"), "unit v"), (other, "key ooo")] {
            let problem = read(&path, &asked).unwrap_err();
            assert!(problem.kind() == Kind::Input && problem.to_string().contains(says), "{problem}");
        }
    }

    /// Every byte of it matters: changed, cut off or added.
    #[test]
    fn damage_anywhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, &label("u"), &contents()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path, &label("u")).is_err()
        };
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            // The blank between form and hash may be another one that is trimmed as well.
            assert!(refused(&changed) || at == FORM.len(), "byte {at}");
            assert!(refused(&whole[..at]), "cut at {at}");
        }
        assert!(refused(&[whole.as_slice(), b"x"].concat()));
        assert!(!refused(&whole));
        std::fs::write(&path, &whole).unwrap();
        assert!(looks_whole(&path, &label("u")) && !looks_whole(&path, &label("v")));
        for damaged in [&whole[..whole.len() - 1], &[whole.as_slice(), b"x"].concat(), b"hello", b""] {
            std::fs::write(&path, damaged).unwrap();
            assert!(!looks_whole(&path, &label("u")));
        }
    }
}

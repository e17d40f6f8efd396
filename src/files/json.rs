//! JSON texts and files, and logs of one JSON value a line.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json_place::place;
use super::json_room;
use super::whole::{read_if_there, write_unflushed, writer};
use crate::problem::{Kind, Problem, Result};

/// `value` on one line.
///
/// # Errors
/// A value that JSON cannot hold, which is a defect of the program.
pub fn json_line(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(inexpressible)
}

/// `value` indented, for a person too.
///
/// # Errors
/// A value that JSON cannot hold, which is a defect of the program.
pub fn json_text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(inexpressible)
}

fn inexpressible(error: serde_json::Error) -> Problem {
    Problem::new(Kind::Internal, format!("cannot express as JSON: {error}"))
}

/// Writes `value` as indented JSON with a final newline, atomically.
///
/// # Errors
/// Those of [`json_text`] and of [`super::write()`].
pub fn write_json(path: impl AsRef<Path>, value: &impl Serialize) -> Result<()> {
    let path = path.as_ref();
    let mut writer = writer(path)?;
    // Not as one text: that of 200 thousand images has 180 MB.
    serde_json::to_writer_pretty(&mut writer, value).map_err(|error| match error.io_error_kind() {
        Some(_) => Problem::io(path, "writing", error.into()),
        None => inexpressible(error).at(path),
    })?;
    writer.write_all(b"\n").map_err(|error| Problem::io(path, "writing", error))?;
    writer.commit()
}

/// As [`write_json`], for a note that only spares work: a killed process leaves the old or the new one, a power cut may
/// leave it empty, which is no JSON and sends whoever reads it back to the work. Not waiting for the disk, it may be
/// written often.
///
/// # Errors
/// Those of [`write_json`].
pub fn note_json(path: impl AsRef<Path>, value: &impl Serialize) -> Result<()> {
    let path = path.as_ref();
    write_unflushed(path, text_file(path, value)?.as_bytes())
}

fn text_file(path: &Path, value: &impl Serialize) -> Result<String> {
    let mut text = json_text(value).map_err(|problem| problem.at(path))?;
    text.push('\n');
    Ok(text)
}

/// The value that the JSON text `bytes` of the file `path` holds; `what` it should be, e.g. "a manifest".
///
/// # Errors
/// Another text; the message says which key is wrong ("lesions[3].id") and why. One of so many short words or empty
/// lists that its values would take more than 256 MiB and four times its length.
pub fn parse_json<T: DeserializeOwned>(path: &Path, bytes: &[u8], what: &str) -> Result<T> {
    if json_room::is_too_little_for(bytes) {
        let found = format!("not {what}: its {} bytes hold more short words and empty lists than any", bytes.len());
        return Err(Problem::input(path, found).expected("values of some length, as the program writes them"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let place = place(bytes, error.line(), error.column());
        let place = if place.is_empty() { place } else { format!("{place}: ") };
        Problem::input(path, format!("not {what}: {place}{error}")).because(error)
    })
}

/// The largest note that is read, and the largest log: records of tens of thousands of items have tens of megabytes.
const LONGEST: u64 = 1 << 30;

/// The value in a note that only spares work; `None` where there is no note, or one that says nothing (cut off by a
/// power cut, or of another version), which sends whoever reads it back to the work.
///
/// # Errors
/// A note that is there and cannot be read just now (no permission, a disk that fails): it may say much.
pub fn read_note<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<Option<T>> {
    let bytes = read_if_there(path, LONGEST, "a note")?;
    let bytes = bytes.filter(|bytes| !json_room::is_too_little_for(bytes));
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The values of a log, one a line; none where there is no log. A line that a kill cut short is a lost measurement, not
/// an error: it is left out, and so is what was appended to it.
///
/// # Errors
/// A log that may not be read, or one of more than 1 GiB.
pub fn read_json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let bytes = read_if_there(path, LONGEST, "a log")?.unwrap_or_default();
    Ok(bytes.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_the_bytes_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, note) = (folder.path().join("file"), folder.path().join("note"));
        write_json(&file, &[1, 2]).unwrap();
        note_json(&note, &[1, 2]).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(&note).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_note_that_says_nothing_is_none_and_one_that_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("note");
        assert_eq!(read_note::<Vec<u8>>(&path).unwrap(), None);
        note_json(&path, &[1, 2]).unwrap();
        assert_eq!(read_note::<Vec<u8>>(&path).unwrap(), Some(vec![1, 2]));
        for text in ["", "[1, 2", "{}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_note::<Vec<u8>>(&path).unwrap(), None);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(read_note::<Vec<u8>>(&path).unwrap_err().to_string().contains("a folder; expected a note"));
    }

    #[test]
    fn a_line_that_was_cut_short_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert_eq!(read_json_lines::<Vec<u8>>(&path).unwrap(), Vec::<Vec<u8>>::new());
        // Zeros are what a power cut leaves of a line; a cut inside a letter is no text.
        let torn = format!("{}\n[3,\n{}\n\0\0\n[5", json_line(&[1, 2]).unwrap(), json_line(&[4]).unwrap());
        std::fs::write(&path, [torn.as_bytes(), &[0xc3]].concat()).unwrap();
        assert_eq!(read_json_lines::<Vec<u8>>(&path).unwrap(), [vec![1, 2], vec![4]]);
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key() {
        let of = |text: &str| {
            let read = parse_json::<Vec<std::collections::BTreeMap<String, u8>>>(
                Path::new("m.json"),
                text.as_bytes(),
                "a map",
            );
            read.unwrap_err().to_string()
        };
        let said = of(r#"[{"a": 1}, {"a": 2, "b": -1}]"#);
        assert!(said.starts_with("m.json: not a map: [1].b: invalid value: integer `-1`"), "{said}");
        assert!(of("").starts_with("m.json: not a map: EOF"), "{}", of(""));
    }

    #[test]
    fn what_json_cannot_hold_is_the_programs_own_fault() {
        let keys_are_lists = std::collections::BTreeMap::from([([1, 2], 3)]);
        let problem = json_line(&keys_are_lists).unwrap_err();
        assert_eq!(problem.kind(), Kind::Internal);
        assert!(problem.to_string().contains("cannot express as JSON"), "{problem}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert!(write_json(&path, &keys_are_lists).unwrap_err().to_string().contains("a.json"));
        assert!(!path.exists());
    }
}

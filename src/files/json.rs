//! JSON texts and files, and logs of one JSON value a line.

use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::whole::{Durable, write, writer};
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
/// Those of [`json_text`] and of [`write()`].
pub fn write_json(path: impl AsRef<Path>, value: &impl Serialize) -> Result<()> {
    let path = path.as_ref();
    write(path, text_file(path, value)?.as_bytes())
}

/// As [`write_json`], for a note that only spares work: a killed process leaves the old or the new one, a power cut may
/// leave it empty, which is no JSON and sends whoever reads it back to the work. Not waiting for the disk, it may be
/// written often.
///
/// # Errors
/// Those of [`write_json`].
pub fn note_json(path: impl AsRef<Path>, value: &impl Serialize) -> Result<()> {
    let path = path.as_ref();
    let mut writer = writer(path)?;
    writer.write_all(text_file(path, value)?.as_bytes()).map_err(|error| Problem::io(path, "writing", error))?;
    writer.finish(Durable::No)
}

fn text_file(path: &Path, value: &impl Serialize) -> Result<String> {
    let mut text = json_text(value).map_err(|problem| problem.at(path))?;
    text.push('\n');
    Ok(text)
}

/// The value that the JSON text `bytes` of the file `path` holds; `what` it should be, e.g. "a manifest".
///
/// # Errors
/// Another text; the message says which key is wrong ("lesions[3].id") and why.
pub fn parse_json<T: DeserializeOwned>(path: &Path, bytes: &[u8], what: &str) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The second reading, which notes where it is, is the slower one.
        let again = &mut serde_json::Deserializer::from_slice(bytes);
        let place = serde_path_to_error::deserialize::<_, T>(again).err().map(|error| error.path().to_string());
        let place = place.filter(|place| place != ".").map_or_else(String::new, |place| format!("{place}: "));
        Problem::input(path, format!("not {what}: {place}{error}")).because(error)
    })
}

/// The values of a log, one a line; none where there is no log. A line that a kill cut short is a lost measurement, not
/// an error: it is left out, and so is what was appended to it.
///
/// # Errors
/// A log that may not be read.
pub fn read_json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(|error| Problem::io(path, "reading", error))?,
    };
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
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
    fn a_line_that_was_cut_short_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert_eq!(read_json_lines::<Vec<u8>>(&path).unwrap(), Vec::<Vec<u8>>::new());
        std::fs::write(&path, format!("{}\n[3,\n{}\n[5", json_line(&[1, 2]).unwrap(), json_line(&[4]).unwrap()))
            .unwrap();
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

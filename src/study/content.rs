//! What stands behind a stage's key beside its settings: what the files hold that settings name, and what the stages
//! before it left. Two folders of the same settings may hold other networks: of other threads, another processor, or
//! because somebody put one there.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::data::dataset::MANIFEST;
use crate::digest;
use crate::feed::network_source::network_file;
use crate::files;
use crate::problem::Result;
use crate::run_dir::{GanDir, RECORD};

/// Settings whose values may name files of weights, wherever they stand.
const NAME_FILES: [&str; 6] = ["base", "clip", "features", "lpips", "lpips_weights", "weights"];

/// Hashes of the files that `settings` name and that are there, in the order of the settings. A word that is no file
/// ("auto") has none; what lacks is told by who reads it.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn of_named_files(settings: &Value) -> Result<Vec<String>> {
    let mut hashes = Vec::new();
    add_named(settings, &mut hashes)?;
    Ok(hashes)
}

fn add_named(settings: &Value, hashes: &mut Vec<String>) -> Result<()> {
    match settings {
        Value::Array(parts) => parts.iter().try_for_each(|part| add_named(part, hashes)),
        Value::Object(keys) => keys.iter().try_for_each(|(key, value)| match value.as_str().map(Path::new) {
            Some(path) if NAME_FILES.contains(&key.as_str()) => {
                // Of folders those of networks are read, and a word ("auto") may be the name of one.
                let file = if path.is_dir() { network_file(path).ok() } else { Some(path.to_owned()) };
                if let Some(file) = file.filter(|file| file.is_file()) {
                    hashes.push(files::sha256(file)?);
                }
                Ok(())
            }
            _ => add_named(value, hashes),
        }),
        _ => Ok(()),
    }
}

/// The file of a stage's folder that the stages after it read and that its record does not vouch for.
fn head(stage: &str, folder: &Path) -> Option<PathBuf> {
    match stage.split('-').next() {
        Some("prepare") => Some(folder.join(MANIFEST)),
        Some("train") => Some(GanDir::new(folder).best_network()),
        _ => None,
    }
}

/// Of the record in a stage's folder and of its head, where they are there.
pub(super) type Hashes = [Option<String>; 2];

/// What lies in the `folder` of a stage.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn left(stage: &str, folder: &Path) -> Result<Hashes> {
    let sha256 = |path: &Path| if files::is_there(path)? { files::sha256(path).map(Some) } else { Ok(None) };
    let head = head(stage, folder).map(|head| sha256(&head)).transpose()?.flatten();
    Ok([sha256(&folder.join(RECORD))?, head])
}

/// What a stage hands on to those that read its results: its `key`, and what its folder holds but for the time that it
/// took.
///
/// # Errors
/// A record that cannot be read.
pub(super) fn handed_on(stage: &str, key: &str, folder: &Path, [record, head]: &Hashes) -> Result<String> {
    let content = match (head, record) {
        (Some(head), _) => head.clone(),
        (None, None) => return Ok(key.to_owned()),
        (None, Some(record)) => without_times(&folder.join(RECORD))?.unwrap_or_else(|| record.clone()),
    };
    tracing::debug!("{stage}: key {key} left {content}");
    Ok(digest::sha256(format!("{key} {content}").as_bytes()))
}

/// The hash of a record without what says how long something took; `None` where nothing does.
fn without_times(record: &Path) -> Result<Option<String>> {
    let bytes = files::read(record, LARGEST_RECORD, "a record")?;
    if !bytes.windows(SECONDS.len()).any(|word| word == SECONDS.as_bytes()) {
        return Ok(None);
    }
    let mut value: Value = files::parse_json(record, &bytes, "a record")?;
    drop_times(&mut value);
    Ok(Some(digest::sha256(value.to_string().as_bytes())))
}

/// Of a stage, in bytes: what every command that reads one takes.
const LARGEST_RECORD: u64 = 1 << 30;

/// What fields of durations are called.
const SECONDS: &str = "seconds";

fn drop_times(value: &mut Value) {
    match value {
        Value::Array(parts) => parts.iter_mut().for_each(drop_times),
        Value::Object(keys) => {
            keys.retain(|key, _| key != SECONDS);
            keys.values_mut().for_each(drop_times);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_that_settings_name_count_by_what_they_hold() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("base.safetensors");
        let hashes = |content: &[u8]| {
            std::fs::write(&file, content).unwrap();
            let settings = json!([{"net": {"base": file}, "features": "auto", "name": file, "kimg": 3}, 7]);
            of_named_files(&settings).unwrap()
        };
        let (one, other) = (hashes(b"one"), hashes(b"other"));
        assert_ne!(one, other);
        assert_eq!(one, [digest::sha256(b"one")]);
        // A folder means its network.
        std::fs::write(GanDir::new(place.path()).best_network(), b"net").unwrap();
        assert_eq!(of_named_files(&json!({"base": place.path()})).unwrap(), [digest::sha256(b"net")]);
        let empty = place.path().join("auto");
        std::fs::create_dir(&empty).unwrap();
        for none in [place.path().join("gone"), empty] {
            assert!(of_named_files(&json!({"base": none})).unwrap().is_empty());
        }
    }

    #[test]
    fn what_is_handed_on_is_what_was_left_and_not_how_long_it_took() {
        let place = tempfile::tempdir().unwrap();
        let handed = |stage: &str, record: &str| {
            std::fs::write(place.path().join(RECORD), record).unwrap();
            let hashes = left(stage, place.path()).unwrap();
            handed_on(stage, "key", place.path(), &hashes).unwrap()
        };
        assert_eq!(handed("generate", r#"{"seconds":1,"n":[2]}"#), handed("generate", r#"{"n":[2],"seconds":3}"#));
        assert_ne!(handed("generate", r#"{"seconds":1,"n":[2]}"#), handed("generate", r#"{"seconds":1,"n":[3]}"#));
        assert_ne!(handed("project", r#"{"n":2}"#), handed("project", r#"{"n":3}"#));
        for stage in ["train-second", "prepare-external"] {
            let file = head(stage, place.path()).unwrap();
            let with = |content: &[u8], record: &str| {
                std::fs::write(&file, content).unwrap();
                handed(stage, record)
            };
            let one = with(b"one", "{}");
            assert_eq!(one, with(b"one", r#"{"images":5}"#), "the file is what later stages read");
            assert_ne!(one, with(b"other", "{}"));
        }
        std::fs::remove_file(place.path().join(RECORD)).unwrap();
        let nothing = left("generate", place.path()).unwrap();
        assert_eq!(handed_on("generate", "key", place.path(), &nothing).unwrap(), "key");
    }
}

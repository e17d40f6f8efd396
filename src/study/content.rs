//! What stands behind a stage's key beside its settings: what the files hold that settings name, and what the stages
//! before it left. Two folders of the same settings may hold other networks: of other threads, another processor, or
//! because somebody put one there.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

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

/// What lies in the folder of a stage, by its hashes (SHA-256, lowercase hexadecimal).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contents {
    /// Of the record, where there is one.
    #[serde(rename = "left_sha256", default, skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    /// Of the network or the manifest beside it, likewise.
    #[serde(rename = "head_sha256", default, skip_serializing_if = "Option::is_none")]
    head: Option<String>,
}

impl Contents {
    /// What lies in the `folder` of a stage now.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn of(stage: &str, folder: &Path) -> Result<Self> {
        let sha256 = |path: &Path| if files::is_there(path)? { files::sha256(path).map(Some) } else { Ok(None) };
        let head = head(stage, folder).map(|head| sha256(&head)).transpose()?.flatten();
        Ok(Self { record: sha256(&folder.join(RECORD))?, head })
    }

    /// Whether all that was noted is there `now`.
    pub(super) fn are_still(&self, now: &Self) -> bool {
        self.each(now, |then, now| then == now)
    }

    /// Whether something else lies there `now`; what is only gone is the stage's to make again in its folder.
    pub(super) fn are_replaced_by(&self, now: &Self) -> bool {
        !self.each(now, |then, now| now.is_none() || then == now)
    }

    /// Whether `holds` of each file that was noted.
    fn each(&self, now: &Self, holds: impl Fn(&Option<String>, &Option<String>) -> bool) -> bool {
        [(&self.record, &now.record), (&self.head, &now.head)]
            .into_iter()
            .all(|(then, now)| then.is_none() || holds(then, now))
    }

    /// What a stage hands on to those that read its results: its `key`, and what its folder holds but for the time
    /// that it took.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub(super) fn handed_on(&self, stage: &str, key: &str, folder: &Path) -> Result<String> {
        let content = match (&self.head, &self.record) {
            (Some(head), _) => head.clone(),
            (None, None) => return Ok(key.to_owned()),
            (None, Some(_)) => without_times(&folder.join(RECORD))?,
        };
        tracing::debug!("{stage}: key {key} left {content}");
        Ok(digest::sha256(format!("{key} {content}").as_bytes()))
    }
}

/// The hash of a record without what says how long something took.
///
/// Its text is cut, not parsed: values of a record of many megabytes take many times as much, and a stage writes its
/// fields in one order.
fn without_times(record: &Path) -> Result<String> {
    let bytes = files::read(record, LARGEST_RECORD, "a record")?;
    let mut hash = Sha256::new();
    let mut rest = &bytes[..];
    while let Some(at) = rest.windows(SECONDS.len()).position(|word| word == SECONDS) {
        let (before, after) = rest.split_at(at + SECONDS.len());
        hash.update(before);
        // A number, or an object of numbers: of several methods, or a range.
        let is_object = after.trim_ascii_start().starts_with(b"{");
        let ends = |byte: &u8| *byte == b'}' || !is_object && *byte == b',';
        rest = &after[after.iter().position(ends).unwrap_or(after.len())..];
    }
    hash.update(rest);
    Ok(digest::hex(hash.finalize()))
}

/// Of a stage, in bytes: what every command that reads one takes.
const LARGEST_RECORD: u64 = 1 << 30;

/// A field of a duration; quotation marks within a word have a backslash before them.
const SECONDS: &[u8] = b"\"seconds\":";

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
            Contents::of(stage, place.path()).unwrap().handed_on(stage, "key", place.path()).unwrap()
        };
        let of_two = |first: &str, second: &str| {
            let words = r#""words":"a \"seconds\": 5""#;
            handed("generate", &format!(r#"{{"seconds": {first},{words},"n":[{{"seconds":{second}}}]}}"#))
        };
        assert_eq!(of_two("1", "2.5"), of_two("3.5e-7", "0"));
        assert_eq!(of_two("1", r#"{"a":1,"b":2}"#), of_two("1", r#" {"a":2,"b":1}"#));
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
        let nothing = Contents::of("generate", place.path()).unwrap();
        assert_eq!(nothing.handed_on("generate", "key", place.path()).unwrap(), "key");
    }
}

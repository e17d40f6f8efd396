//! What folders are known by that have no mark: they are of a version before there were marks.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::folder::list_if_there;
use super::lock::is_lock;
use super::out_folder::LITTER;
use super::whole::{UNFINISHED, read};
use crate::name::Inside;

/// Largest record in bytes that is looked into: those of the largest data sets are below a tenth of it.
const MOST_BYTES: u64 = 256 << 20;

/// Whether a run of the program has held the folder: its lock file is there.
pub fn was_locked(folder: &Path) -> bool {
    let path = folder.join(".lock");
    path.exists() && is_lock(&path)
}

/// Whether the file at `path` is JSON that says a `T`.
pub fn parses<T: DeserializeOwned>(path: &Path) -> bool {
    let text = read(path, MOST_BYTES, "a record").ok();
    text.is_some_and(|text| serde_json::from_slice::<T>(&text).is_ok())
}

/// Whether the manifest `name` says `{part: {file, sha256}}` and the file is there with that hash.
pub fn holds_what_its_manifest_says(folder: &Path, name: &str, part: &str) -> bool {
    let said = read(folder.join(name), MOST_BYTES, "a manifest").ok();
    let said = said.and_then(|text| serde_json::from_slice::<Value>(&text).ok()).unwrap_or_default();
    let text = |key: &str| said.get(part)?.get(key)?.as_str();
    let (Some(file), Some(sha256)) = (text("file"), text("sha256")) else { return false };
    Inside::new(file).is_ok_and(|file| super::sha256(file.under(folder)).is_ok_and(|found| found == sha256))
}

/// Whether something lies in the folder `inner` ("" for itself) of `folder`, and nothing but what `wanted` wants:
/// beside a lock, unfinished files and what systems put there.
pub fn holds_only(folder: &Path, inner: &str, wanted: impl Fn(&str) -> bool) -> bool {
    let Ok(entries) = list_if_there(&folder.join(inner)) else { return false };
    let names = entries.iter().map(|path| path.file_name().and_then(|name| name.to_str()));
    let passed_over = |name: &str| name == ".lock" || name.starts_with(UNFINISHED) || LITTER.contains(&name);
    let mut others = names.filter(|name| !name.is_some_and(passed_over)).peekable();
    others.peek().is_some() && others.all(|name| name.is_some_and(&wanted))
}

/// Names, relative to `folder`, of the files in its folder `inner` ("" for itself) whose names `wanted` wants.
pub fn files_in(folder: &Path, inner: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = list_if_there(&folder.join(inner)).unwrap_or_default();
    let files = entries.iter().filter(|path| path.symlink_metadata().is_ok_and(|facts| facts.is_file()));
    let names = files.filter_map(|path| path.file_name()?.to_str()).filter(|name| wanted(name));
    names.map(|name| if inner.is_empty() { name.to_owned() } else { format!("{inner}/{name}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_a_number_a_record_what_it_says_and_files_are_no_folders() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| super::super::write(root.path().join(name), text.as_bytes()).unwrap();
        assert!(!was_locked(root.path()));
        put(".lock", "123");
        assert!(was_locked(root.path()));
        put(".lock", "lock of another program");
        assert!(!was_locked(root.path()));
        put("items/a.json", "[1, 2]");
        put("items/b.json/c", "x");
        put("items/notes.txt", "x");
        let json = |name: &str| name.ends_with(".json");
        assert_eq!(files_in(root.path(), "items", json), ["items/a.json"]);
        assert_eq!(files_in(&root.path().join("items"), "", json), ["a.json"]);
        let holds = |inner: &str, wanted: &[&str]| holds_only(root.path(), inner, |name| wanted.contains(&name));
        assert!(holds("", &["items"]) && holds("items", &["a.json", "b.json", "notes.txt"]));
        assert!(!holds("items", &["a.json", "b.json"]) && !holds("none", &["a"]) && !holds("items/a.json", &["a"]));
        put("network", "abc");
        let says = |hash: &str| {
            put("manifest.json", &format!("{{\"network\": {{\"file\": \"network\", \"sha256\": \"{hash}\"}}}}"));
            holds_what_its_manifest_says(root.path(), "manifest.json", "network")
        };
        assert!(says(&crate::digest::sha256(b"abc")) && !says(&crate::digest::sha256(b"abd")));
        let item = root.path().join("items/a.json");
        assert!(parses::<Vec<u8>>(&item) && !parses::<String>(&item) && !parses::<u8>(root.path()));
    }
}

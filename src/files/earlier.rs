//! What folders are known by that have no mark: they are of a version before there were marks.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::folder::list_if_there;
use super::lock::is_lock;
use super::out_folder::LITTER;
use super::whole::{is_unfinished, read_if_there};
use crate::name::Inside;
use crate::problem::{Kind, Result};

/// Largest record in bytes that is looked into: those of the largest data sets are below a tenth of it.
const MOST_BYTES: u64 = 256 << 20;

/// Whether a run of the program has held the folder: its lock file is there.
///
/// # Errors
/// It cannot be read just now.
pub fn was_locked(folder: &Path) -> Result<bool> {
    is_lock(&folder.join(".lock"))
}

/// The bytes of a file that may be anything: `None` where it is not there, or nothing that could be a record. What
/// cannot be read just now is not one of the user's for that.
fn text_of(path: &Path) -> Result<Option<Vec<u8>>> {
    match read_if_there(path, MOST_BYTES, "a record") {
        Err(problem) if problem.kind() == Kind::Environment => Err(problem),
        text => Ok(text.unwrap_or_default()),
    }
}

/// Whether the file at `path` is JSON that says a `T`.
///
/// # Errors
/// It is there and cannot be read just now.
pub fn parses<T: DeserializeOwned>(path: &Path) -> Result<bool> {
    Ok(text_of(path)?.is_some_and(|text| serde_json::from_slice::<T>(&text).is_ok()))
}

/// Whether the manifest `name` says `{part: {file, sha256}}` and the file is there with that hash.
///
/// # Errors
/// One of the two cannot be read just now.
pub fn holds_what_its_manifest_says(folder: &Path, name: &str, part: &str) -> Result<bool> {
    let said = text_of(&folder.join(name))?.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let said = said.unwrap_or_default();
    let text = |key: &str| said.get(part)?.get(key)?.as_str();
    let (Some(file), Some(sha256)) = (text("file"), text("sha256")) else { return Ok(false) };
    let Ok(file) = Inside::new(file) else { return Ok(false) };
    let file = file.under(folder);
    if !file.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
        return Ok(false);
    }
    Ok(super::sha256(file)? == sha256)
}

/// Whether something lies in the folder `inner` ("" for itself) of `folder`, and nothing but what `wanted` wants:
/// beside a lock, unfinished files and what systems put there.
///
/// # Errors
/// It cannot be listed.
pub fn holds_only(folder: &Path, inner: &str, wanted: impl Fn(&str) -> bool) -> Result<bool> {
    let entries = entries(&folder.join(inner))?;
    let names = entries.iter().map(|path| path.file_name().and_then(|name| name.to_str()));
    let passed_over = |name: &str| name == ".lock" || is_unfinished(name) || LITTER.contains(&name);
    let mut others = names.filter(|name| !name.is_some_and(passed_over)).peekable();
    Ok(others.peek().is_some() && others.all(|name| name.is_some_and(&wanted)))
}

/// Names, relative to `folder`, of the files in its folder `inner` ("" for itself) whose names `wanted` wants.
///
/// # Errors
/// It cannot be listed.
pub fn files_in(folder: &Path, inner: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let entries = entries(&folder.join(inner))?;
    let files = entries.iter().filter(|path| path.symlink_metadata().is_ok_and(|facts| facts.is_file()));
    let names = files.filter_map(|path| path.file_name()?.to_str()).filter(|name| wanted(name));
    Ok(names.map(|name| if inner.is_empty() { name.to_owned() } else { format!("{inner}/{name}") }).collect())
}

/// What lies in a folder; nothing where there is none, or where a file or a link has its name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    match folder.symlink_metadata() {
        Ok(facts) if !facts.is_dir() => Ok(Vec::new()),
        _ => list_if_there(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_a_number_a_record_what_it_says_and_files_are_no_folders() {
        let root = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| super::super::write(root.path().join(name), text.as_bytes()).unwrap();
        assert!(!was_locked(root.path()).unwrap());
        put(".lock", "123");
        assert!(was_locked(root.path()).unwrap());
        put(".lock", "lock of another program");
        assert!(!was_locked(root.path()).unwrap());
        put("items/a.json", "[1, 2]");
        put("items/b.json/c", "x");
        put("items/notes.txt", "x");
        let json = |name: &str| name.ends_with(".json");
        assert_eq!(files_in(root.path(), "items", json).unwrap(), ["items/a.json"]);
        assert_eq!(files_in(&root.path().join("items"), "", json).unwrap(), ["a.json"]);
        let holds =
            |inner: &str, wanted: &[&str]| holds_only(root.path(), inner, |name| wanted.contains(&name)).unwrap();
        assert!(holds("", &["items"]) && holds("items", &["a.json", "b.json", "notes.txt"]));
        assert!(!holds("items", &["a.json", "b.json"]) && !holds("none", &["a"]) && !holds("items/a.json", &["a"]));
        put("network", "abc");
        let says = |hash: &str| {
            put("manifest.json", &format!("{{\"network\": {{\"file\": \"network\", \"sha256\": \"{hash}\"}}}}"));
            holds_what_its_manifest_says(root.path(), "manifest.json", "network").unwrap()
        };
        assert!(says(&crate::digest::sha256(b"abc")) && !says(&crate::digest::sha256(b"abd")));
        let item = root.path().join("items/a.json");
        assert!(parses::<Vec<u8>>(&item).unwrap() && !parses::<String>(&item).unwrap());
        assert!(!parses::<u8>(root.path()).unwrap() && !parses::<u8>(&root.path().join("none")).unwrap());
    }

    #[test]
    fn what_cannot_be_read_just_now_is_told_and_behind_a_link_nothing_is_ours() {
        let root = tempfile::tempdir().unwrap();
        // A chain of links without an end stands for all that cannot be told, whoever runs the test.
        let endless = root.path().join("record.json");
        std::os::unix::fs::symlink(&endless, &endless).unwrap();
        let kind = parses::<u8>(&endless).unwrap_err().kind();
        assert_eq!(kind, Kind::Environment);
        let found = holds_what_its_manifest_says(root.path(), "record.json", "network");
        assert_eq!(found.unwrap_err().kind(), Kind::Environment);
        let users = tempfile::tempdir().unwrap();
        std::fs::write(users.path().join("a.npy"), b"mine").unwrap();
        std::os::unix::fs::symlink(users.path(), root.path().join("images")).unwrap();
        assert!(files_in(root.path(), "images", |_| true).unwrap().is_empty());
        assert!(!holds_only(root.path(), "images", |_| true).unwrap());
    }
}

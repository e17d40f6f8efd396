//! Tensors on disk that say what they depend on: read back where that is the same, made again where it is not.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bench::Bench;
use super::fitting::Losses;
use crate::digest;
use crate::files;
use crate::nets::network::Named;
use crate::nets::weights::{bytes_of, read_tensors, write_tensors};
use crate::problem::{Kind, Result};
use crate::records::arithmetic::Arithmetic;

/// What a file of tensors says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Note {
    /// Of all that it depends on.
    pub key: String,
    /// Sizes, names of images, whatever its reader needs.
    #[serde(default)]
    pub about: Value,
    /// Of the fit that it came from; empty for what was not fitted.
    #[serde(default)]
    pub losses: Losses,
    /// How it was computed.
    pub computed_with: Arithmetic,
    /// Of the tensors, as [`digest_of`] has it; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensors_sha256: Option<String>,
}

/// SHA-256 over names, types, sizes and values, in the order of the names.
pub(super) fn digest_of(tensors: &Named) -> Result<String> {
    let mut hash = Sha256::new();
    for (name, tensor) in tensors {
        hash.update(format!("{name} {:?} {:?}\n", tensor.kind(), tensor.size()));
        hash.update(bytes_of(tensor)?);
    }
    Ok(digest::hex(hash.finalize()))
}

/// Whether tensors are others than those that were written; of files of earlier versions that is not `known`.
pub(super) fn is_changed(tensors: &Named, known: Option<&str>) -> Result<bool> {
    Ok(match known {
        Some(known) => known != digest_of(tensors)?,
        None => false,
    })
}

impl Note {
    /// Made here and now.
    pub fn new(bench: &Bench<'_>, key: &str, about: Value, losses: Losses) -> Self {
        let computed_with = bench.place.arithmetic.clone();
        Self { key: key.to_owned(), about, losses, computed_with, tensors_sha256: None }
    }
}

/// A file of tensors that was read or written.
pub(super) struct Kept {
    /// Its tensors, on the CPU.
    pub tensors: Named,
    /// What it says.
    pub note: Note,
    /// Of the file.
    pub sha256: String,
}

/// The file at `path`, if it is of this key.
///
/// # Errors
/// It cannot be read just now.
pub(super) fn read(bench: &Bench<'_>, path: &Path, key: &str) -> Result<Option<Kept>> {
    if !files::is_there(path)? {
        return Ok(None);
    }
    let again = |why: &str| {
        bench.observer.note(&format!("{}: {why}; made again", path.display()));
        Ok(None)
    };
    let file = match read_tensors(path) {
        Ok(file) => file,
        // No permission, a disk that fails: that says nothing about the file.
        Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
        Err(problem) => return again(&problem.to_string()),
    };
    match serde_json::from_str::<Note>(&file.description) {
        // A file is replaced whole: what differs was changed by something else, and would be taken for the method's.
        Ok(note) if is_changed(&file.tensors, note.tensors_sha256.as_deref())? => again("changed since it was written"),
        Ok(note) if note.key == key => Ok(Some(Kept { tensors: file.tensors, note, sha256: file.sha256 })),
        Ok(_) => again("of other settings or data"),
        Err(_) => again("of another version"),
    }
}

/// Writes a file of tensors.
///
/// # Errors
/// Writing failed.
pub(super) fn write(path: &Path, tensors: Named, note: Note) -> Result<Kept> {
    let note = Note { tensors_sha256: Some(digest_of(&tensors)?), ..note };
    let sha256 = write_tensors(path, &tensors, &json!(note).to_string())?;
    Ok(Kept { tensors, note, sha256 })
}

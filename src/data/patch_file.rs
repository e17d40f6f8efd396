//! One patch or mask as an npy file: written with its hash, read only in the shape and type that the manifest promises.

use std::path::Path;

use crate::digest;
use crate::files;
use crate::files::npy::{Element, Npy, npy};
use crate::files::npy_header::LONGEST;
use crate::problem::{Kind, Problem, Result};

/// Writes `values`, as many as `shape` says, in C order and returns the file's SHA-256.
///
/// Not flushed to disk one by one: the manifest, which is, carries the hash, so a patch that a power cut took is
/// noticed.
///
/// # Errors
/// More or fewer values than `shape` says; a value that is NaN or infinite; a folder that is not there or a full disk.
pub fn write<T: Element>(path: &Path, shape: &[u64], values: &[T]) -> Result<String> {
    if let Some(at) = values.iter().position(|value| !value.is_number()) {
        return Err(Problem::input(path, format!("value {at} of a patch would be NaN or infinite"))
            .expected("finite values")
            .advice("look at what it is made of: a volume with damaged voxels, or a network or codes that ran away"));
    }
    let bytes = npy(shape, values).map_err(|problem| problem.at(path))?;
    files::write_unflushed(path, &bytes)?;
    Ok(digest::sha256(&bytes))
}

/// Parses an npy file's bytes; `path` only names it in errors.
///
/// # Errors
/// No npy file, another shape or type than asked for, or fewer values.
pub fn parse<T: Element>(path: &Path, bytes: &[u8], shape: &[u64]) -> Result<Vec<T>> {
    let named = |problem: Problem| problem.at(path).advice("run `rimforge prepare` again");
    let array = Npy::open(bytes).map_err(named)?;
    if array.shape() != shape {
        let found = named(Problem::new(Kind::Input, format!("an array of shape {:?}", array.shape())));
        return Err(found.expected(format!("{shape:?}, as the manifest says")));
    }
    array.values().map_err(named)
}

/// Reads a file that must have the given hash.
///
/// # Errors
/// Those of [`read_verified`] and of [`parse`].
pub fn read<T: Element>(path: &Path, shape: &[u64], sha256: &str) -> Result<Vec<T>> {
    parse(path, &read_verified(path, most_bytes::<T>(shape), sha256)?, shape)
}

/// What an array of this shape and type takes on disk at most.
pub fn most_bytes<T: Element>(shape: &[u64]) -> u64 {
    shape.iter().fold(size_of::<T>() as u64, |bytes, &n| bytes.saturating_mul(n)).saturating_add(LONGEST as u64)
}

/// The bytes of a file of at most `most` that must have the given hash.
///
/// # Errors
/// No such file, a longer one, or another hash.
pub fn read_verified(path: &Path, most: u64, sha256: &str) -> Result<Vec<u8>> {
    tracing::debug!("reading {}", path.display());
    let bytes = files::read(path, most, "an array as the manifest describes it")?;
    let found = digest::sha256(&bytes);
    if found != sha256 {
        return Err(Problem::new(Kind::Input, format!("changed since it was prepared: SHA-256 {found}"))
            .at(path)
            .expected(sha256)
            .advice("run `rimforge prepare` again"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_written_and_a_changed_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.npy");
        let values: Vec<f32> = (0..24).map(|i| i as f32 - 7.5).collect();
        let sha256 = write(&path, &[2, 3, 4], &values).unwrap();
        assert_eq!(read::<f32>(&path, &[2, 3, 4], &sha256).unwrap(), values);
        assert!(read::<f32>(&path, &[4, 3, 2], &sha256).unwrap_err().to_string().contains("shape [2, 3, 4]"));
        assert!(read::<u8>(&path, &[2, 3, 4], &sha256).unwrap_err().to_string().contains("<f4"));
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(read::<f32>(&path, &[2, 3, 4], &sha256).unwrap_err().to_string().contains("changed since"));
    }

    #[test]
    fn values_that_do_not_fill_the_shape_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(&folder.path().join("p.npy"), &[2, 3], &[1u8; 5]).is_err());
        assert!(!folder.path().join("p.npy").exists());
    }
}

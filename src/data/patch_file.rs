//! One patch or mask as an npy file: written with its hash, read only in the shape and type that the manifest promises.

use std::path::Path;

use npyz::{AutoSerialize, Deserialize, NpyFile, WriterBuilder};

use crate::digest;
use crate::problem::{Kind, Problem, Result};

/// What patches and masks consist of.
pub trait Element: AutoSerialize + Copy {
    /// Appends the values' bytes, least significant first, all in one go.
    fn append(values: &[Self], bytes: &mut Vec<u8>);
}

impl Element for f32 {
    fn append(values: &[f32], bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + size_of_val(values), 0);
        for (stored, value) in bytes[start..].as_chunks_mut().0.iter_mut().zip(values) {
            *stored = value.to_le_bytes();
        }
    }
}

impl Element for u8 {
    fn append(values: &[u8], bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(values);
    }
}

/// Writes `values`, as many as `shape` says, in C order and returns the file's SHA-256.
///
/// Not flushed to disk one by one: the manifest, which is, carries the hash, so a patch that a power cut took is noticed.
pub fn write<T: Element>(path: &Path, shape: &[u64], values: &[T]) -> Result<String> {
    let failed = |error| Problem::io(path, "writing", error);
    if shape.iter().product::<u64>() != values.len() as u64 {
        return Err(Problem::new(Kind::Internal, format!("{} values for a shape of {shape:?}", values.len())).at(path));
    }
    let mut bytes = Vec::with_capacity(size_of_val(values) + 128);
    let header = npyz::WriteOptions::<T>::new().default_dtype().shape(shape).writer(&mut bytes);
    header.write_header_only().map_err(failed)?;
    T::append(values, &mut bytes);
    std::fs::write(path, &bytes).map_err(failed)?;
    Ok(digest::sha256(&bytes))
}

/// Parses an npy file's bytes; `path` only names it in errors.
pub fn parse<T: Deserialize + AutoSerialize>(path: &Path, bytes: &[u8], shape: &[u64]) -> Result<Vec<T>> {
    let problem = |found: String| Problem::input(path, found).advice("run `rimforge prepare` again");
    let file = NpyFile::new(bytes).map_err(|error| problem(format!("not an npy file: {error}")))?;
    if file.shape() != shape || file.order() != npyz::Order::C {
        let found = problem(format!("an array of shape {:?}", file.shape()));
        return Err(found.expected(format!("{shape:?} in C order, as the manifest says")));
    }
    let (type_found, type_expected) = (file.dtype().descr(), T::default_dtype().descr());
    if type_found != type_expected {
        return Err(problem(format!("values of type {type_found}")).expected(type_expected));
    }
    file.into_vec().map_err(|error| problem(format!("damaged npy file: {error}")))
}

/// Reads a file that must have the given hash.
pub fn read<T: Deserialize + AutoSerialize>(path: &Path, shape: &[u64], sha256: &str) -> Result<Vec<T>> {
    parse(path, &read_verified(path, sha256)?, shape)
}

/// The bytes of a file that must have the given hash.
pub fn read_verified(path: &Path, sha256: &str) -> Result<Vec<u8>> {
    tracing::debug!("reading {}", path.display());
    let bytes = std::fs::read(path).map_err(|error| Problem::io(path, "reading", error))?;
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

    #[test]
    fn a_file_cut_short_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.npy");
        write(&path, &[5], &[1u8, 2, 3, 4, 5]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            assert!(parse::<u8>(&path, &bytes[..end], &[5]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn the_hash_of_nothing_is_the_published_one() {
        assert_eq!(digest::sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}

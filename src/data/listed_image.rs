//! An image that a record lists with its hash: drawn or projected, in the network's range.

use std::collections::HashSet;
use std::path::Path;

use crate::digest;
use crate::files;
use crate::files::npy::Npy;
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;

use super::patch_file::most_bytes;

/// The bytes of the file, at most `most`, that must have the given hash.
///
/// # Errors
/// No such file, a longer one; `Kind::Gate`: another hash, so that nobody knows what drew it.
pub fn bytes(path: &Path, most: u64, sha256: &str) -> Result<Vec<u8>> {
    let bytes = files::read(path, most, "an image as its record describes it")?;
    same(path, &digest::sha256(&bytes), sha256)?;
    Ok(bytes)
}

/// Refuses a file of another hash, however long it is, without keeping it in memory.
///
/// # Errors
/// No such file; `Kind::Gate` as [`bytes`].
pub fn require(path: &Path, sha256: &str) -> Result<()> {
    same(path, &files::sha256(path)?, sha256)
}

fn same(path: &Path, found: &str, expected: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Problem::new(Kind::Gate, format!("not the image that the record lists: SHA-256 {found}"))
        .at(path)
        .expected(expected))
}

/// Float32 values in C order of an image of this shape and hash.
///
/// # Errors
/// Those of [`bytes`]; another shape than `shape`, another type, or values that are no numbers.
pub fn read(path: &Path, shape: &[u64], sha256: &str) -> Result<Vec<f32>> {
    parse(path, &bytes(path, most_bytes::<f32>(shape), sha256)?, shape)
}

/// The same of bytes that were read before.
///
/// # Errors
/// Those of [`read`] but for the hash.
pub fn parse(path: &Path, bytes: &[u8], shape: &[u64]) -> Result<Vec<f32>> {
    let array = Npy::open(bytes).map_err(|problem| problem.at(path))?;
    if array.shape() != shape {
        return Err(Problem::input(path, format!("an array of shape {:?}", array.shape()))
            .expected(format!("{shape:?}, as the data set's images have")));
    }
    finite(path, array)
}

/// Values of an array of whatever shape, in C order.
///
/// # Errors
/// Another type than float32, or values that are no numbers.
pub fn finite(path: &Path, array: Npy<'_>) -> Result<Vec<f32>> {
    let values: Vec<f32> = array.values().map_err(|problem| problem.at(path))?;
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Problem::input(path, format!("value {at} is not a number")).expected("finite values")),
        None => Ok(values),
    }
}

/// Refuses a list of images, and of the class of each, that something else than the program changed: images twice,
/// classes of others. A network without classes has no list of classes.
///
/// # Errors
/// That, in words; whose record it is the caller knows.
pub fn require_list(images: &[FileHash], classes: &[String]) -> Result<()> {
    if !classes.is_empty() && classes.len() != images.len() {
        return Err(Problem::new(Kind::Input, format!("{} classes of {} images", classes.len(), images.len()))
            .expected("one for each image, or none"));
    }
    let mut seen = HashSet::new();
    match images.iter().find(|image| !seen.insert(&image.path)) {
        Some(twice) => Err(Problem::new(Kind::Input, format!("{} twice among its images", shown(&twice.path)))
            .expected("each image once")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::npy::npy;

    #[test]
    fn an_image_that_changed_or_does_not_fit_is_told_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let put = |values: &[f32]| {
            let bytes = npy(&[1, 2, 2], values).unwrap();
            std::fs::write(&path, &bytes).unwrap();
            digest::sha256(&bytes)
        };
        let hash = put(&[0.0, 1.0, -1.0, 0.5]);
        assert_eq!(read(&path, &[1, 2, 2], &hash).unwrap(), [0.0, 1.0, -1.0, 0.5]);
        for (shape, sha256, kind, says) in [
            ([1, 2, 2], "ab", Kind::Gate, "not the image that the record lists"),
            ([1, 4, 1], hash.as_str(), Kind::Input, "shape [1, 2, 2]"),
        ] {
            let problem = read(&path, &shape, sha256).unwrap_err();
            let text = problem.to_string();
            assert!(problem.kind() == kind && text.contains(says) && text.contains("a.npy"), "{text}");
        }
        require(&path, &hash).unwrap();
        assert_eq!(require(&path, "ab").unwrap_err().kind(), Kind::Gate);
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let hash = put(&[0.0, odd, 0.0, 0.0]);
            let problem = read(&path, &[1, 2, 2], &hash).unwrap_err().to_string();
            assert!(problem.contains("value 1 is not a number"), "{problem}");
        }
    }
}

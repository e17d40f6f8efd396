//! The files of a folder of BraTS that results depend on.

use std::path::{Path, PathBuf};

use super::brats::layout::Layout;
use super::cohort_inputs::hash;
use crate::observer::Observer;
use crate::problem::Result;

/// SHA-256 over the names and contents of all volumes of cases below the folder at `path`, of other neoplasms where
/// they are asked for.
///
/// # Errors
/// No case there, a file that cannot be read, or stopped on request, within a file, too.
pub fn sha256(path: &Path, other_neoplasms: bool, observer: &dyn Observer) -> Result<String> {
    let layout = Layout::read(path, other_neoplasms)?;
    let mut files: Vec<&PathBuf> =
        layout.cases.iter().flat_map(|case| case.files.values()).map(|file| &file.path).collect();
    // All contrasts of a case may lie in one file.
    files.dedup();
    hash(path, files, observer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn a_changed_or_added_volume_is_another_set() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        let of = || sha256(dir.path(), false, &Silent).unwrap();
        write("BraTS-SSA-00002-000-t1c.nii", b"1");
        let first = of();
        write("notes.txt", b"1");
        assert_eq!(of(), first);
        write("BraTS-SSA-00002-000-t1c.nii", b"2");
        assert_ne!(of(), first);
        write("BraTS-SSA-00002-000-t1c.nii", b"1");
        write("BraTS-SSA-00002-000-seg.nii", b"1");
        assert_ne!(of(), first);
    }
}

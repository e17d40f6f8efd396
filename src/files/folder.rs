//! Folders: what is in one, and taking things out.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::fault::{self, Operation};
use crate::problem::{Problem, Result};

/// The paths of a folder's entries in name order.
///
/// # Errors
/// No such folder, or one that may not be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    entries(folder).map_err(|error| Problem::io(folder, "listing", error))
}

/// As [`list`]; none where there is no folder.
///
/// # Errors
/// A folder that may not be read.
pub fn list_if_there(folder: &Path) -> Result<Vec<PathBuf>> {
    match entries(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries.map_err(|error| Problem::io(folder, "listing", error)),
    }
}

fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}

/// Makes a folder and those that it lies in; one that is there is left as it is.
///
/// # Errors
/// It cannot be made: no permission, a full disk, a file of that name.
pub fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fault::before(Operation::Folder, folder)
        .and_then(|()| std::fs::create_dir_all(folder))
        .map_err(|error| Problem::io(folder, "making the folder", error))
}

/// Deletes a file, if it is there.
///
/// # Errors
/// A file that may not be deleted.
pub fn remove(path: &Path) -> Result<()> {
    gone(path, fault::before(Operation::Remove, path).and_then(|()| std::fs::remove_file(path)))
}

/// Deletes a folder with all that is in it, if it is there.
///
/// # Errors
/// A folder that may not be deleted.
pub fn remove_folder(path: &Path) -> Result<()> {
    gone(path, fault::before(Operation::Remove, path).and_then(|()| std::fs::remove_dir_all(path)))
}

/// Deletes a folder if it is there and nothing is in it.
///
/// # Errors
/// An empty folder that may not be deleted.
pub fn remove_if_empty(path: &Path) -> Result<()> {
    match fault::before(Operation::Remove, path).and_then(|()| std::fs::remove_dir(path)) {
        Err(error) if STAYS.contains(&error.kind()) => Ok(()),
        removed => removed.map_err(|error| Problem::io(path, "deleting", error)),
    }
}

/// Why a folder stays as it is: it is not empty (both names of that), not there, a link, a disk's, or another's.
pub(super) const STAYS: [ErrorKind; 6] = [
    ErrorKind::DirectoryNotEmpty,
    ErrorKind::AlreadyExists,
    ErrorKind::NotFound,
    ErrorKind::NotADirectory,
    ErrorKind::ResourceBusy,
    ErrorKind::PermissionDenied,
];

fn gone(path: &Path, removed: std::io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Problem::io(path, "deleting", error)),
        _ => Ok(()),
    }
}

/// The folder that a path lies in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_name_order_and_a_missing_folder_is_told_or_empty() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a", "10", "9"] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        let names = ["10", "9", "a", "b"].map(|name| folder.path().join(name));
        assert_eq!(list(folder.path()).unwrap(), names);
        assert_eq!(list_if_there(folder.path()).unwrap(), names);
        let missing = folder.path().join("missing");
        assert!(list(&missing).unwrap_err().to_string().contains("missing: listing failed"));
        assert!(list_if_there(&missing).unwrap().is_empty());
        assert!(list_if_there(&names[0]).is_err(), "a file is no folder");
    }

    #[test]
    fn what_is_not_there_need_not_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("file"), folder.path().join("inner"));
        std::fs::write(&file, b"x").unwrap();
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(inner.join("file"), b"x").unwrap();
        for _ in 0..2 {
            remove(&file).unwrap();
            remove_folder(&inner).unwrap();
            assert!(list(folder.path()).unwrap().is_empty());
        }
        std::fs::create_dir(&inner).unwrap();
        assert!(remove(&inner).is_err(), "a folder is no file");
    }
}

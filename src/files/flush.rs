//! Many files that the disk shall have, at the price of one.

#![allow(unsafe_code, reason = "the request to flush a whole file system comes through libc")]

use std::fs::File;
use std::path::{Path, PathBuf};

use super::fault::{self, Operation};
use crate::problem::{Problem, Result};

/// Waits until the disk has the contents of `files`, all of which lie in `folder`.
///
/// # Errors
/// The disk fails, or one is not there.
pub(super) fn flush_all(folder: &Path, files: impl Iterator<Item = PathBuf>) -> Result<()> {
    fault::before(Operation::Flush, folder)
        .and_then(|()| flush(folder, files))
        .map_err(|error| Problem::io(folder, "flushing its files to disk", error))
}

/// Of the whole file system at once: thousands of patches take a tenth of a second, one by one they took ten.
#[cfg(target_os = "linux")]
fn flush(folder: &Path, mut files: impl Iterator<Item = PathBuf>) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;

    files.try_for_each(|file| file.symlink_metadata().map(drop))?;
    let folder = File::open(folder)?;
    // SAFETY: the descriptor is that of an open folder.
    match unsafe { libc::syncfs(folder.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn flush(_: &Path, mut files: impl Iterator<Item = PathBuf>) -> std::io::Result<()> {
    files.try_for_each(|file| File::open(file)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::super::fault::tests::under;
    use super::*;

    #[test]
    fn files_that_are_there_are_flushed_and_what_fails_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&files[0], b"x").unwrap();
        flush_all(folder.path(), files[..1].iter().cloned()).unwrap();
        let said = |problem: Problem| problem.to_string();
        assert!(said(flush_all(folder.path(), files.iter().cloned()).unwrap_err()).contains("flushing its files"));
        let (done, _) = under("flush:1", || flush_all(folder.path(), files[..1].iter().cloned()));
        assert!(said(done.unwrap_err()).contains("flushing its files"));
    }
}

//! Files that are either the old or the new version, never half of one.
//!
//! The protocol is: temporary file in the same folder, write, fsync, rename, fsync of the folder. Without the two
//! fsyncs a crash may leave an empty file under the final name (Pillai et al., OSDI 2014).

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::folder::{list_if_there, parent, remove};
use crate::problem::{Problem, Result};

/// Marks a file that a killed run left behind; nothing ever reads one.
const UNFINISHED: &str = ".unfinished-";

/// Replaces the contents of `path` by `bytes` in one step that survives a crash.
///
/// # Errors
/// A folder that cannot be made or written to, or a disk that is full.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut writer = writer(path)?;
    writer.write_all(bytes).map_err(|error| Problem::io(path, "writing", error))?;
    writer.commit()
}

/// Opens a buffered writer whose bytes appear under `path` only on [`AtomicWriter::commit`]; dropping it leaves
/// nothing. Missing parent folders are made.
///
/// # Errors
/// A folder that cannot be made or written to.
pub fn writer(path: impl AsRef<Path>) -> Result<AtomicWriter> {
    let path = path.as_ref();
    let folder = parent(path);
    std::fs::create_dir_all(folder).map_err(|error| Problem::io(folder, "making the folder", error))?;
    let file = Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| Problem::io(path, "creating", error))?;
    Ok(AtomicWriter { file: BufWriter::with_capacity(1 << 18, file), path: path.to_owned() })
}

/// A file in the making; see [`writer`].
pub struct AtomicWriter {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl AtomicWriter {
    /// Flushes to disk and gives the file its name.
    ///
    /// # Errors
    /// The disk is full or gone.
    pub fn commit(self) -> Result<()> {
        self.finish(Durable::Yes)
    }

    pub(super) fn finish(self, durable: Durable) -> Result<()> {
        let path = self.path;
        tracing::debug!("writing {}", path.display());
        let failed = |error| Problem::io(&path, "writing", error);
        let temporary = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        if durable == Durable::Yes {
            temporary.as_file().sync_all().map_err(failed)?;
        }
        temporary.persist(&path).map_err(|error| failed(error.error))?;
        match durable {
            Durable::Yes => sync_folder(parent(&path)),
            Durable::No => Ok(()),
        }
    }
}

/// What a file must outlive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durable {
    /// A power cut.
    Yes,
    /// The process alone.
    No,
}

impl Write for AtomicWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for AtomicWriter {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Makes the names in `folder` durable.
///
/// # Errors
/// No such folder, or a disk that fails.
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Problem::io(folder, "flushing the folder to disk", error))
}

/// Deletes what a killed run left of its unfinished files in `folder`; only for who holds the folder's lock.
///
/// # Errors
/// A folder that cannot be listed or written to; one that does not exist holds nothing.
pub(super) fn sweep(folder: &Path) -> Result<()> {
    for path in list_if_there(folder)? {
        let unfinished =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(UNFINISHED));
        if unfinished && path.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
            remove(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_whole_and_makes_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_abandoned_write_keeps_the_old_version_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"old").unwrap();
        let mut unfinished = writer(&path).unwrap();
        unfinished.write_all(b"half").unwrap();
        drop(unfinished);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sweeps_what_a_killed_run_left() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".unfinished-x1"), b"half").unwrap();
        std::fs::write(folder.path().join("kept"), b"whole").unwrap();
        sweep(folder.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["kept"]);
    }

    #[test]
    fn a_new_file_can_be_read_by_others_as_the_umask_says() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, atomic) = (folder.path().join("plain"), folder.path().join("atomic"));
        std::fs::write(&plain, b"x").unwrap();
        write(&atomic, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&plain), mode(&atomic));
    }
}

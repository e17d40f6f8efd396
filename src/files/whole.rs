//! Files that are either the old or the new version, never half of one.
//!
//! The protocol is: temporary file in the same folder, write, fsync, rename, fsync of the folder. Without the two
//! fsyncs a crash may leave an empty file under the final name (Pillai et al., OSDI 2014).

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::folder::{list_if_there, parent, remove};
use crate::problem::{Problem, Result};

/// Marks a file that a killed run left behind; nothing ever reads one.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// The bytes of a regular file of at most `most` bytes, e.g. `read(path, 64 << 20, "a manifest")`.
///
/// Its size is looked at first, so that neither a sparse file nor a device fills the memory; a file that grows
/// meanwhile is cut off by the same limit.
///
/// # Errors
/// No such file, one that may not be read, something that is no file, or more than `most` bytes; the message says what
/// was expected (`what`).
pub fn read(path: impl AsRef<Path>, most: u64, what: &str) -> Result<Vec<u8>> {
    let path = path.as_ref();
    let failed = |error| Problem::io(path, "reading", error);
    let facts = path.metadata().map_err(failed)?;
    if facts.is_dir() {
        return Err(Problem::input(path, "a folder").expected(what));
    }
    if !facts.is_file() {
        return Err(Problem::input(path, "not a regular file").expected(what));
    }
    let too_long = |found: String| Problem::input(path, found).expected(format!("{what} of at most {most} bytes"));
    if facts.len() > most {
        return Err(too_long(format!("a file of {} bytes", facts.len())));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > most {
        true => Err(too_long("a file that grows while it is read".into())),
        false => Ok(bytes),
    }
}

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
    fn what_is_no_file_or_too_long_is_told_before_a_byte_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        File::create(&path).unwrap().set_len(6 << 30).unwrap();
        let says = |path: &Path, most| read(path, most, "a table").unwrap_err().to_string();
        assert!(says(&path, 1 << 20).contains("a file of 6442450944 bytes; expected a table of at most 1048576 bytes"));
        assert!(says(folder.path(), 9).contains("a folder; expected a table"));
        assert!(says(Path::new("/dev/zero"), 9).contains("not a regular file; expected a table"));
        std::fs::write(&path, b"123").unwrap();
        assert_eq!(read(&path, 3, "a table").unwrap(), b"123");
        assert!(says(&path, 2).contains("a file of 3 bytes"));
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

//! Files that are either the old or the new version, never half of one; and the lock that keeps a second run out of a folder.
//!
//! The protocol is: temporary file in the same folder, write, fsync, rename, fsync of the folder. Without the two
//! fsyncs a crash may leave an empty file under the final name (Pillai et al., OSDI 2014).

pub mod hashed;

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::problem::{Kind, Problem, Result};

/// Marks a file that a killed run left behind; nothing ever reads one.
const UNFINISHED: &str = ".unfinished-";

/// Replaces the contents of `path` by `bytes` in one step that survives a crash.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut writer = writer(path)?;
    writer.write_all(bytes).map_err(|error| Problem::io(path, "writing", error))?;
    writer.commit()
}

/// Writes `value` as indented JSON with a final newline, atomically.
pub fn write_json(path: impl AsRef<Path>, value: &impl serde::Serialize) -> Result<()> {
    let path = path.as_ref();
    write(path, &json(path, value)?)
}

/// As [`write_json`], for a note that only spares work: a killed process leaves the old or the new one, a power cut may leave
/// it empty, which is no JSON and sends whoever reads it back to the work. Not waiting for the disk, it may be written
/// often.
pub fn note_json(path: impl AsRef<Path>, value: &impl serde::Serialize) -> Result<()> {
    let path = path.as_ref();
    let mut writer = writer(path)?;
    writer.write_all(&json(path, value)?).map_err(|error| Problem::io(path, "writing", error))?;
    writer.finish(Durable::No)
}

fn json(path: &Path, value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| Problem::new(Kind::Internal, format!("cannot express as JSON: {error}")).at(path))?;
    text.push(b'\n');
    Ok(text)
}

/// Opens a buffered writer whose bytes appear under `path` only on [`AtomicWriter::commit`]; dropping it leaves nothing.
/// Missing parent folders are made.
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
    pub fn commit(self) -> Result<()> {
        self.finish(Durable::Yes)
    }

    fn finish(self, durable: Durable) -> Result<()> {
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

/// Whether a file must outlive a power cut, or only the process.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
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
pub fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Problem::io(folder, "flushing the folder to disk", error))
}

/// Deletes what a killed run left of its unfinished files in `folder`. Only for a run that holds the folder's lock.
pub fn sweep(folder: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| Problem::io(folder, "listing", error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| Problem::io(folder, "listing", error))?;
        let unfinished = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
        if unfinished && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            std::fs::remove_file(entry.path()).map_err(|error| Problem::io(entry.path(), "deleting", error))?;
        }
    }
    Ok(())
}

/// Held for as long as a run works in a folder; released when dropped or when the process dies, however it dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Takes the lock file `path` (e.g. `out/demo/.lock`) or says who has it.
///
/// The file stays behind: deleting it would let a third run lock a file that the second no longer sees.
pub fn lock(path: impl AsRef<Path>) -> Result<FolderLock> {
    let path = path.as_ref();
    let folder = parent(path);
    std::fs::create_dir_all(folder).map_err(|error| Problem::io(folder, "making the folder", error))?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| Problem::io(path, "opening the lock file", error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only to name the holder: without a readable number the message is vaguer, not wrong.
            let _ = (&mut file).take(32).read_to_string(&mut holder);
            let who = match holder.trim() {
                "" => "another run".to_owned(),
                process => format!("another run (process {process})"),
            };
            return Err(Problem::new(Kind::Environment, format!("{who} is working in this folder"))
                .at(folder)
                .advice("wait for it to end, or choose another --out"));
        }
        Err(TryLockError::Error(error)) => return Err(Problem::io(path, "locking", error)),
    }
    let write_holder = |mut file: &File| {
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())
    };
    write_holder(&file).map_err(|error| Problem::io(path, "writing the lock file", error))?;
    Ok(FolderLock { _file: file })
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    fn a_note_has_the_bytes_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, note) = (folder.path().join("file"), folder.path().join("note"));
        write_json(&file, &[1, 2]).unwrap();
        note_json(&note, &[1, 2]).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(&note).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
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

    #[test]
    fn a_second_run_in_the_folder_is_the_machines_problem_and_names_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let first = lock(&path).unwrap();
        let problem = lock(&path).unwrap_err();
        assert_eq!(problem.kind(), Kind::Environment);
        assert!(problem.to_string().contains(&format!("process {}", std::process::id())), "{problem}");
        drop(first);
        lock(&path).unwrap();
    }
}

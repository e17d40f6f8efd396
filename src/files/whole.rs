//! Files that are either the old or the new version, never half of one.
//!
//! The protocol is: temporary file in the same folder, write, fsync, rename, fsync of the folder. Without the two
//! fsyncs a crash may leave an empty file under the final name (Pillai et al., OSDI 2014).

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::fault::{self, Operation};
use super::folder::{list_if_there, make_folder, parent, remove, remove_folder};
use super::kind_of;
use crate::problem::{Problem, Result};

/// Marks a file that a killed run left behind; nothing ever reads one.
pub(super) const UNFINISHED: &str = ".unfinished-";

/// Whether a name is one that an unfinished file, folder or checkpoint has, and no other that only begins so.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_prefix(UNFINISHED).is_some_and(|rest| match rest.strip_prefix("checkpoint-") {
        Some(images) => images.len() == 12 && images.bytes().all(|byte| byte.is_ascii_digit()),
        None => rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    })
}

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
    if bytes.len() as u64 > most {
        return Err(too_long("a file that grows while it is read".into()));
    }
    Ok(bytes)
}

/// As [`read`]; `None` where there is no such file, and only there: one that may not be read, or that a disk or server
/// does not give just now, is not one that is missing.
///
/// # Errors
/// Those of [`read`] but the first.
pub fn read_if_there(path: impl AsRef<Path>, most: u64, what: &str) -> Result<Option<Vec<u8>>> {
    let path = path.as_ref();
    if is_there(path)? { read(path, most, what).map(Some) } else { Ok(None) }
}

/// Whether there is a file or folder of this name; a link that leads nowhere is none.
///
/// # Errors
/// That cannot be told: no permission to look, a disk or server that does not answer.
pub fn is_there(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|error| Problem::io(path, "looking for it", error))
}

/// As [`is_there`], of a file, folder or link itself, wherever a link leads.
///
/// # Errors
/// That cannot be told.
pub(super) fn lies_there(path: &Path) -> Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(Problem::io(path, "looking for it", error)),
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
    make_folder(folder)?;
    let file = fault::before(Operation::Create, path)
        .and_then(|()| Builder::new().prefix(UNFINISHED).permissions(Permissions::from_mode(0o666)).tempfile_in(folder))
        .map_err(|error| Problem::io(path, "creating", systems_own(error)))?;
    let file = Temporary { file, path: path.to_owned() };
    Ok(AtomicWriter { file: BufWriter::with_capacity(1 << 18, file), path: path.to_owned() })
}

/// What the system said, without the temporary name that tempfile puts behind it: of use to nobody.
fn systems_own(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path \"") {
        Some((own, _)) => io::Error::new(error.kind(), own.to_owned()),
        None => error,
    }
}

/// As [`write()`], for what can be told from its hash or made again: a killed process leaves the old or the new file, a
/// power cut may leave it empty.
///
/// # Errors
/// Those of [`write()`].
pub fn write_unflushed(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut writer = writer(path)?;
    writer.write_all(bytes).map_err(|error| Problem::io(path, "writing", error))?;
    writer.finish(Durable::No)
}

/// Gives `to` the bytes of `from`, as [`write()`] does: a file of its own, so that damage to one leaves the other.
///
/// # Errors
/// `from` cannot be read, or `to` not be written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let failed = |error| Problem::io(from, "reading", error);
    let (mut source, _) = kind_of::open(from, "a file to copy")?;
    let mut writer = writer(to)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return writer.commit(),
            Ok(count) => writer.write_all(&buffer[..count]).map_err(|error| Problem::io(to, "writing", error))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Gives a file or folder another name in the same folder or another of the same disk, in place of what had it.
///
/// # Errors
/// The disk is gone, or a folder may not be written to.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fault::before(Operation::Rename, to)
        .and_then(|()| std::fs::rename(from, to))
        .map_err(|error| Problem::io(to, "renaming", error))
}

/// Where a write is to fail, it does after half of the bytes.
pub(super) fn write_or_half(file: &mut File, bytes: &[u8], path: &Path) -> io::Result<()> {
    fault::before(Operation::Write, path).inspect_err(|_| {
        // A torn write is what is to be tried: whether even the half arrives does not matter.
        let _ = file.write_all(&bytes[..bytes.len() / 2]);
    })
}

/// A file in the making; see [`writer`].
pub struct AtomicWriter {
    file: BufWriter<Temporary>,
    path: PathBuf,
}

/// The file under its temporary name, and the one that it is to have.
struct Temporary {
    file: NamedTempFile,
    path: PathBuf,
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_or_half(self.file.as_file_mut(), bytes, &self.path)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Temporary {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
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
        let temporary = self.file.into_inner().map_err(|error| failed(error.into_error()))?.file;
        if durable == Durable::Yes {
            fault::before(Operation::Flush, &path).and_then(|()| temporary.as_file().sync_all()).map_err(failed)?;
        }
        fault::before(Operation::Rename, &path).map_err(failed)?;
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
    fault::before(Operation::Flush, folder)
        .and_then(|()| File::open(folder))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Problem::io(folder, "flushing the folder to disk", error))
}

/// Deletes what a killed run left of its unfinished files and folders in `folder`; only for who holds its lock.
///
/// # Errors
/// A folder that cannot be listed or written to; one that does not exist holds nothing.
pub(super) fn sweep(folder: &Path) -> Result<()> {
    for path in list_if_there(folder)? {
        let unfinished = path.file_name().and_then(|name| name.to_str()).is_some_and(is_unfinished);
        if !unfinished {
            continue;
        }
        match path.symlink_metadata() {
            Ok(facts) if facts.is_dir() => remove_folder(&path)?,
            _ => remove(&path)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fault::tests::under;
    use super::*;

    #[test]
    fn what_the_system_said_stands_without_a_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = Builder::new().prefix(UNFINISHED).tempfile_in(folder.path().join("none")).unwrap_err();
        assert!(error.to_string().contains(UNFINISHED), "{error}");
        let own = systems_own(error);
        assert_eq!(own.to_string(), io::Error::from_raw_os_error(libc::ENOENT).to_string());
        assert_eq!(systems_own(io::Error::other("words")).to_string(), "words");
    }

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
        std::fs::write(folder.path().join(".unfinished-x1y2Z3"), b"half").unwrap();
        std::fs::write(folder.path().join("kept"), b"whole").unwrap();
        for name in ["x2y3Z4", "checkpoint-000000000016"] {
            let unfinished = folder.path().join(format!("{UNFINISHED}{name}"));
            std::fs::create_dir(&unfinished).unwrap();
            std::fs::write(unfinished.join("inside"), b"whole").unwrap();
        }
        // What only begins so is somebody's.
        let own = Builder::new().prefix(UNFINISHED).tempfile_in(folder.path()).unwrap();
        assert!(is_unfinished(own.path().file_name().unwrap().to_str().unwrap()));
        drop(own);
        std::fs::write(folder.path().join(".unfinished-thesis.txt"), b"mine").unwrap();
        sweep(folder.path()).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".unfinished-thesis.txt", "kept"]);
    }

    /// Whatever fails, the name has the old bytes or the new ones, nothing else is left, and the error names it.
    #[test]
    fn an_operation_that_fails_leaves_the_old_or_the_new_version() {
        let (old, new) = (vec![1; 700_000], vec![2; 600_000]);
        type Act = fn(&Path, &[u8]) -> Result<()>;
        let acts: [(Act, u64); 3] = [
            (|path, new| write(path, new), 5),
            (|path, new| write_unflushed(path, new), 3),
            (|path, _| copy(&path.with_file_name("new"), path), 7),
        ];
        for (act, expected) in acts {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a");
            std::fs::write(folder.path().join("new"), &new).unwrap();
            let mut at = 1;
            loop {
                std::fs::write(&path, &old).unwrap();
                let (done, count) = under(&format!("any:{at}"), || act(&path, &new));
                let found = std::fs::read(&path).unwrap();
                assert_eq!(list_if_there(folder.path()).unwrap().len(), 2, "{at}");
                let Err(problem) = done else {
                    assert!(found == new && count == at - 1);
                    break;
                };
                assert!(found == old || found == new, "{at}");
                assert_eq!(problem.kind(), crate::problem::Kind::Environment, "{at}: {problem}");
                assert!(problem.path().unwrap().starts_with(folder.path()), "{at}: {problem}");
                at += 1;
            }
            assert_eq!(at - 1, expected);
        }
    }

    #[test]
    fn what_may_not_be_looked_at_is_not_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(!is_there(&path).unwrap() && read_if_there(&path, 9, "a note").unwrap().is_none());
        std::fs::write(&path, b"x").unwrap();
        assert_eq!(read_if_there(&path, 9, "a note").unwrap().unwrap(), b"x");
        // A chain of links without an end stands for all that cannot be told, whoever runs the test.
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::os::unix::fs::symlink(&one, &two).unwrap();
        std::os::unix::fs::symlink(&two, &one).unwrap();
        assert_eq!(is_there(&one).unwrap_err().kind(), crate::problem::Kind::Environment);
        assert!(read_if_there(&one, 9, "a note").unwrap_err().to_string().contains("looking for it failed"));
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

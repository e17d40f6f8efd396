//! The lock that keeps a second run out of a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::fault::{self, Operation};
use super::folder::{make_folder, parent};
use super::whole::{read, sweep};
use crate::problem::{Kind, Problem, Result};

/// Held for as long as a run works in a folder; released when dropped or when the process dies, however it dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// What locking answers on file systems that have no locks: Lustre without `-o flock` (ENOSYS), others (ENOTSUP), NFS
/// whose lock daemon is not there (ENOLCK), and Cray DVS (524, the kernel's own ENOTSUPP).
const WITHOUT_LOCKS: [i32; 4] = [libc::ENOSYS, libc::ENOTSUP, libc::ENOLCK, 524];

/// Takes the lock file `path` (e.g. `out/demo/.lock`) or says who has it, and deletes what a killed run left of its
/// unfinished files in the lock's folder.
///
/// The file stays behind: deleting it would let a third run lock a file that the second no longer sees. On a file
/// system without locks a warning says so, and the run goes on: nothing keeps a second one out then.
///
/// # Errors
/// `Kind::Environment` where another run has it; a folder that cannot be written to.
pub fn lock(path: impl AsRef<Path>) -> Result<FolderLock> {
    let path = path.as_ref();
    let folder = parent(path);
    let file = match taken(path)? {
        Taken::Held(file) => file,
        Taken::ByAnother(file) => {
            let mut holder = String::new();
            // Only to name the holder: without a readable number the message is vaguer, not wrong.
            let _ = file.take(LONGEST_HOLDER).read_to_string(&mut holder);
            let who = match holder.trim() {
                "" => "another run".to_owned(),
                holder => format!("another run ({})", in_words(holder)),
            };
            return Err(Problem::new(Kind::Environment, format!("{who} is working in this folder"))
                .at(folder)
                .advice("wait for it to end, or choose another --out (of a study: another `out`)"));
        }
        Taken::WithoutLocks(file, error) => {
            tracing::warn!(
                "{}: the file system has no locks ({error}): see to it that no other run works in this folder",
                folder.display()
            );
            file
        }
    };
    hold(path, file)
}

/// As [`lock`], where nobody has it and the file system has locks; else `None`, and the folder is as it was.
///
/// # Errors
/// A folder that cannot be written to.
pub fn lock_if_free(path: impl AsRef<Path>) -> Result<Option<FolderLock>> {
    let path = path.as_ref();
    match taken(path)? {
        // Whoever held it may have deleted it before it was locked here.
        Taken::Held(file) if is_at(path, &file) => hold(path, file).map(Some),
        _ => Ok(None),
    }
}

/// What locking a file came to.
enum Taken {
    Held(File),
    ByAnother(File),
    WithoutLocks(File, std::io::Error),
}

fn taken(path: &Path) -> Result<Taken> {
    make_folder(parent(path))?;
    if path.symlink_metadata().is_ok_and(|facts| !facts.is_file()) {
        return Err(Problem::new(Kind::Environment, "not a lock file that rimforge left").at(path));
    }
    let file = fault::before(Operation::Create, path)
        .and_then(|()| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path))
        .map_err(|error| Problem::io(path, "opening the lock file", error))?;
    let locked = fault::before(Operation::Lock, path).map_err(TryLockError::Error).and_then(|()| file.try_lock());
    match locked {
        Ok(()) => Ok(Taken::Held(file)),
        Err(TryLockError::WouldBlock) => Ok(Taken::ByAnother(file)),
        Err(TryLockError::Error(error)) if error.raw_os_error().is_some_and(|code| WITHOUT_LOCKS.contains(&code)) => {
            Ok(Taken::WithoutLocks(file, error))
        }
        Err(TryLockError::Error(error)) => Err(Problem::io(path, "locking", error)),
    }
}

/// Notes who holds the lock, and deletes what a killed run left.
fn hold(path: &Path, mut file: File) -> Result<FolderLock> {
    fault::before(Operation::Write, path)
        .and_then(|()| file.set_len(0))
        .and_then(|()| file.write_all(holder().as_bytes()))
        .map_err(|error| Problem::io(path, "writing the lock file", error))?;
    sweep(parent(path))?;
    Ok(FolderLock { _file: file })
}

/// Whether `file` is the one at `path`.
fn is_at(path: &Path, file: &File) -> bool {
    let of = |facts: std::fs::Metadata| (facts.dev(), facts.ino());
    match (path.symlink_metadata(), file.metadata()) {
        (Ok(there), Ok(held)) => of(there) == of(held),
        _ => false,
    }
}

/// Longest text of a lock file in bytes.
const LONGEST_HOLDER: u64 = 200;

/// Variables in which schedulers tell a process its job.
const JOBS: [&str; 4] = ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"];

/// Who holds a lock: "HOST:PROCESS:JOB", each empty where it is not known; on a file system of a network the number of
/// a process alone says nothing.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    let job = JOBS.iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let word = |text: &str| -> String { text.trim().chars().filter(|&c| is_of_word(c)).take(60).collect() };
    format!("{}:{}:{}", word(&host.unwrap_or_default()), std::process::id(), word(&job))
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-._[]".contains(letter)
}

/// A holder for a person; versions before noted the number alone.
fn in_words(holder: &str) -> String {
    let mut words = holder.split(':');
    let (Some(host), Some(process)) = (words.next(), words.next()) else { return format!("process {holder}") };
    let job = words.next().filter(|job| !job.is_empty()).map_or_else(String::new, |job| format!(", job {job}"));
    let host = if host.is_empty() { String::new() } else { format!(" on {host}") };
    format!("process {process}{host}{job}")
}

/// Whether a lock file is at `path`: a regular one that is empty or names its holder.
///
/// # Errors
/// It cannot be read just now.
pub(super) fn is_lock(path: &Path) -> Result<bool> {
    if !path.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
        return Ok(false);
    }
    match read(path, LONGEST_HOLDER, "a lock file") {
        Ok(text) => Ok(is_holder(&String::from_utf8_lossy(text.trim_ascii()))),
        Err(problem) if problem.kind() == Kind::Environment => Err(problem),
        Err(_) => Ok(false),
    }
}

/// Whether a lock file's text is one that [`lock`] wrote, in this version or one before.
fn is_holder(text: &str) -> bool {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split(':').collect::<Vec<_>>()[..] {
        [process] => number(process),
        [host, process, job] => number(process) && host.chars().chain(job.chars()).all(is_of_word),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::tests::under;
    use super::*;

    #[test]
    fn a_file_system_without_locks_is_no_reason_not_to_begin() {
        let folder = tempfile::tempdir().unwrap();
        let (locked, _) = under("lock:1", || lock(folder.path().join(".lock")));
        locked.unwrap();
        assert!(is_lock(&folder.path().join(".lock")).unwrap());
    }

    #[test]
    fn a_lock_is_had_if_free_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let held = lock_if_free(&path).unwrap();
        assert!(held.is_some() && lock_if_free(&path).unwrap().is_none());
        drop(held);
        let (without, _) = under("lock:1", || lock_if_free(&path));
        assert!(without.unwrap().is_none(), "a file system without locks");
        let gone = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&path, &gone));
        File::create(&path).unwrap();
        assert!(!is_at(&path, &gone), "another file of that name");
    }

    #[test]
    fn a_holder_is_known_again_and_told_in_words() {
        for text in ["", "4711", &holder(), "node7:4711:12_3", ":1:"] {
            assert!(is_holder(text), "{text}");
        }
        for text in ["my notes", "a:b:c", "1:2", "a b:1:"] {
            assert!(!is_holder(text), "{text}");
        }
        assert_eq!(in_words("node7:4711:12"), "process 4711 on node7, job 12");
        assert_eq!([in_words(":4711:"), in_words("4711")], ["process 4711", "process 4711"]);
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

    #[test]
    fn what_a_killed_run_left_is_gone_once_the_lock_is_taken_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let others = folder.path().join("others");
        std::fs::create_dir(&others).unwrap();
        let left = [folder.path(), &others].map(|folder| folder.join(".unfinished-x1y2z3"));
        left.iter().for_each(|file| std::fs::write(file, b"half").unwrap());
        let there = || left.each_ref().map(|file| file.exists());
        let path = folder.path().join(".lock");
        let lock_of_another_process = File::create(&path).unwrap();
        lock_of_another_process.lock().unwrap();
        lock(&path).unwrap_err();
        assert_eq!(there(), [true; 2], "they may be another run's");
        drop(lock_of_another_process);
        let _held = lock(&path).unwrap();
        assert_eq!(there(), [false, true]);
    }
}

//! The lock that keeps a second run out of a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
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

/// Takes the lock file `path` (e.g. `out/demo/.lock`) or says who has it, and deletes what a killed run left of its
/// unfinished files in the lock's folder.
///
/// The file stays behind: deleting it would let a third run lock a file that the second no longer sees.
///
/// # Errors
/// `Kind::Environment` where another run has it; a folder that cannot be written to.
pub fn lock(path: impl AsRef<Path>) -> Result<FolderLock> {
    let path = path.as_ref();
    let folder = parent(path);
    make_folder(folder)?;
    if path.symlink_metadata().is_ok_and(|facts| !facts.is_file()) {
        return Err(Problem::new(Kind::Environment, "not a lock file that rimforge left").at(path));
    }
    let mut file = fault::before(Operation::Create, path)
        .and_then(|()| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path))
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
                .advice("wait for it to end, or choose another --out (of a study: another `out`)"));
        }
        Err(TryLockError::Error(error)) => return Err(Problem::io(path, "locking", error)),
    }
    let write_holder = |mut file: &File| {
        fault::before(Operation::Write, path)?;
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())
    };
    write_holder(&file).map_err(|error| Problem::io(path, "writing the lock file", error))?;
    sweep(folder)?;
    Ok(FolderLock { _file: file })
}

/// Whether a lock file is at `path`: a regular one that is empty or holds the number of a process.
///
/// # Errors
/// It cannot be read just now.
pub(super) fn is_lock(path: &Path) -> Result<bool> {
    if !path.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
        return Ok(false);
    }
    match read(path, 32, "a lock file") {
        Ok(text) => Ok(text.trim_ascii().iter().all(u8::is_ascii_digit)),
        Err(problem) if problem.kind() == Kind::Environment => Err(problem),
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let left = [folder.path(), &others].map(|folder| folder.join(".unfinished-x1"));
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

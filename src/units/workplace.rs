//! Where a unit that takes hours is made: a folder that outlives a process that is stopped.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::files::{self, FolderLock};
use crate::problem::{Kind, Problem, Result};

/// Beside the lock: what is made there is a stage's own folder, with a lock of its own.
const INSIDE: &str = "folder";

/// A folder to make a unit in.
#[derive(Debug)]
pub struct Workplace(Place);

#[derive(Debug)]
enum Place {
    /// Among the units; whoever is stopped leaves it, and the next who makes the unit goes on in it.
    Lasting { root: PathBuf, inside: PathBuf, _lock: FolderLock },
    /// This process's own.
    Own(TempDir),
}

impl Workplace {
    /// The lasting one in `root`; `None` where another process is at work in it, or where the file system has no
    /// locks that could tell.
    pub(super) fn lasting(root: PathBuf) -> Result<Option<Self>> {
        let inside = root.join(INSIDE);
        files::refuse_link(&inside)?;
        let lock = files::lock_if_free(root.join(super::share::LOCK))?;
        Ok(lock.map(|lock| Self(Place::Lasting { root, inside, _lock: lock })))
    }

    pub(super) fn own(folder: TempDir) -> Self {
        Self(Place::Own(folder))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        match &self.0 {
            Place::Lasting { inside, .. } => inside,
            Place::Own(folder) => folder.path(),
        }
    }

    /// Why what is made here was not finished: what a stage says of a stop is true where its folder lasts.
    pub fn of_stop(&self, problem: Problem) -> Problem {
        if matches!(self.0, Place::Lasting { .. }) || problem.kind() != Kind::Interrupted {
            return problem;
        }
        Problem::new(Kind::Interrupted, "stopped; what this shard has made of the unit so far is not kept")
            .expected("the only process that makes this unit, in a folder on a file system with locks")
            .advice("the same command begins the unit anew")
    }

    /// Deletes it, once its unit is left.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn clear(self) -> Result<()> {
        match self.0 {
            // The lock goes with it: another process that opened it sees that it holds a file that is gone.
            Place::Lasting { root, .. } => files::remove_folder(&root),
            Place::Own(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_there_outlives_who_is_stopped_and_only_one_works_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("training.begun");
        let first = Workplace::lasting(root.clone()).unwrap().unwrap();
        std::fs::create_dir(first.path()).unwrap();
        std::fs::write(first.path().join("half"), b"x").unwrap();
        assert!(Workplace::lasting(root.clone()).unwrap().is_none());
        let stop = || Problem::new(Kind::Interrupted, "run the same command to go on");
        assert!(first.of_stop(stop()).to_string().contains("to go on"));
        let own = Workplace::own(tempfile::tempdir().unwrap());
        assert!(own.of_stop(stop()).to_string().contains("is not kept"));
        drop(first);
        let next = Workplace::lasting(root.clone()).unwrap().unwrap();
        assert!(next.path().join("half").exists());
        next.clear().unwrap();
        assert!(!root.exists());
        let after = Workplace::lasting(root.clone()).unwrap().unwrap();
        assert!(!after.path().exists());
        std::os::unix::fs::symlink(folder.path(), root.join(INSIDE)).unwrap();
        drop(after);
        assert!(Workplace::lasting(root).unwrap_err().to_string().contains("link"));
    }
}

//! The units that one process makes, and where it leaves them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

use super::part::Part;
use super::shelf::Shelf;
use super::workplace::Workplace;
use crate::files;
use crate::name::{Inside, Name};
use crate::problem::{Kind, Problem, Result};

/// A lock file that a stage left says who held it there.
pub(super) const LOCK: &str = ".lock";

/// A unit of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its name, which is a file's, too.
    pub name: Name,
    /// What is in it, where that is not said by its name: images that are projected together.
    pub items: Vec<String>,
}

impl Unit {
    /// One that says all by its name.
    pub fn new(name: Name) -> Self {
        Self { name, items: vec![] }
    }
}

/// What a process does of a stage.
pub struct Share {
    shelf: Shelf,
    /// Folders of units in which a finished one may lie; the first is where new ones go.
    roots: Vec<PathBuf>,
    /// `None`: the units are listed, none is made.
    part: Option<Part>,
    told: Mutex<Told>,
}

/// What came of a share.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// All units of the stage, in their order.
    pub all: Vec<Unit>,
    /// Units of this share.
    pub own: Vec<Name>,
    /// Those that were made now.
    pub made: Vec<Name>,
}

impl Share {
    /// Makes the units of `part` and leaves them in `out`; one that lies whole there or in one of `others` is not made
    /// again.
    pub fn new(shelf: Shelf, part: Part, out: PathBuf, others: Vec<PathBuf>) -> Self {
        let roots = [out].into_iter().chain(others).collect();
        Self { shelf, roots, part: Some(part), told: Mutex::default() }
    }

    /// Makes none and lists all.
    pub fn list(shelf: Shelf) -> Self {
        Self { shelf, roots: vec![], part: None, told: Mutex::default() }
    }

    /// Places of the units to be made now, in the list of all units of the stage, which every share gives alike.
    ///
    /// # Errors
    /// A folder of units that cannot be read just now.
    pub fn to_do(&self, units: Vec<Unit>) -> Result<Vec<usize>> {
        let own = |place: &usize| self.part.is_some_and(|part| part.has(*place));
        let own: Vec<usize> = (0..units.len()).filter(own).collect();
        let mut to_do = vec![];
        for &place in &own {
            if !self.is_there(&units[place].name)? {
                to_do.push(place);
            }
        }
        let mut told = self.told();
        told.own = own.iter().map(|&place| units[place].name.clone()).collect();
        told.all = units;
        Ok(to_do)
    }

    /// Whether a unit lies there whole; one that is damaged is made again.
    fn is_there(&self, unit: &Name) -> Result<bool> {
        for root in &self.roots {
            match self.shelf.read(root, unit) {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(true),
                Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
                Err(problem) => tracing::warn!("{problem}; made anew"),
            }
        }
        Ok(false)
    }

    /// The files of a unit that others of this stage need, where it lies there, written into `folder`.
    ///
    /// # Errors
    /// It is damaged, or it cannot be read or written just now.
    pub fn take(&self, unit: &Name, folder: &Path) -> Result<bool> {
        for root in &self.roots {
            if let Some(contents) = self.shelf.read(root, unit)? {
                for (name, bytes) in contents {
                    files::write(name.under(folder), &bytes)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A folder of this process's own to work in, in the system's for temporary files (`TMPDIR`); gone when dropped.
    ///
    /// # Errors
    /// None can be made.
    pub fn workplace(&self) -> Result<TempDir> {
        let folder = tempfile::Builder::new().prefix("rimforge-shard-").tempdir();
        folder.map_err(|error| Problem::io(std::env::temp_dir(), "making a folder to work in", error))
    }

    /// A folder to make a unit in that takes hours: among the units, where the next process that makes it goes on;
    /// where another is at work there, or where there are no locks, one of this process's own.
    ///
    /// # Errors
    /// None can be made.
    pub fn lasting_workplace(&self, unit: &Name) -> Result<Workplace> {
        match Workplace::lasting(self.shelf.begun(&self.roots[0], unit)?)? {
            Some(lasting) => Ok(lasting),
            None => self.workplace().map(Workplace::own),
        }
    }

    /// Leaves a finished unit: the files of these names in `folder`, in this order.
    ///
    /// # Errors
    /// A file that is not there, or a failed write.
    pub fn leave(&self, unit: &Name, folder: &Path, names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
        let mut contents = vec![];
        for name in names {
            let name = Inside::new(name.as_ref()).map_err(|fault| Problem::input(folder, fault))?;
            let bytes = files::read(name.under(folder), u64::MAX - 1, "a file of a unit")?;
            contents.push((name, bytes));
        }
        self.shelf.write(&self.roots[0], unit, &contents)?;
        tracing::info!("{unit}: made");
        self.told().made.push(unit.clone());
        Ok(())
    }

    /// Leaves a finished unit: all that lies in `folder` but locks.
    ///
    /// # Errors
    /// As [`Share::leave`].
    pub fn leave_folder(&self, unit: &Name, folder: &Path) -> Result<()> {
        let (mut names, mut open) = (vec![], vec![folder.to_owned()]);
        while let Some(next) = open.pop() {
            for path in files::list(&next)? {
                match path.strip_prefix(folder) {
                    _ if path.is_dir() => open.push(path),
                    Ok(name) if path.file_name().is_some_and(|name| name != LOCK) => {
                        names.push(name.to_string_lossy().into_owned());
                    }
                    _ => {}
                }
            }
        }
        names.sort();
        self.leave(unit, folder, names)
    }

    /// What came of it.
    pub fn into_told(self) -> Told {
        let mut told = self.told.into_inner().unwrap_or_default();
        // Threads finish in any order.
        let made: BTreeSet<Name> = told.made.iter().cloned().collect();
        told.made = made.into_iter().collect();
        told
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

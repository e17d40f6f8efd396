//! Units that others made, as whoever does the whole stage finds them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::bundle::Content;
use super::shelf::Shelf;
use crate::files;
use crate::name::Name;
use crate::problem::{Kind, Problem, Result};

/// Marks a folder that is not whole yet.
const UNFINISHED: &str = ".unfinished-";

/// Between two looks for a unit that is not there yet.
const PAUSE: Duration = Duration::from_millis(500);

/// What became of the folder of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is put in place.
    Put,
    /// It is ready, and something lies in its place.
    InTheWay,
    /// Nobody has made it.
    NotReady,
}

/// Where the units of a stage may lie, and what becomes of those that do not.
#[derive(Clone, Debug)]
pub struct Ready {
    /// `None`: nobody makes parts of this stage apart from it.
    places: Option<(Shelf, Vec<PathBuf>)>,
    /// Nothing that is missing is made; it is waited for until then.
    only: Option<Instant>,
}

impl Ready {
    /// No unit is looked for; all is made.
    pub const NONE: Self = Self { places: None, only: None };

    /// Units of `shelf` in any of the folders of units `roots`; what is missing is made.
    pub fn new(shelf: Shelf, roots: Vec<PathBuf>) -> Self {
        Self { places: Some((shelf, roots)), only: None }
    }

    /// What is missing is not made; a unit is waited for until `until`: a file system of a network may show a file of
    /// another machine late.
    pub fn only(self, until: Instant) -> Self {
        Self { only: Some(until), ..self }
    }

    /// Whether what is missing is not made.
    pub fn makes_none(&self) -> bool {
        self.only.is_some()
    }

    /// Whether units are looked for at all.
    pub fn is_any(&self) -> bool {
        self.places.is_some()
    }

    /// Refuses a folder of units that has some of this stage, all of other settings or inputs.
    ///
    /// # Errors
    /// `Kind::Input`: that.
    pub fn require_key(&self, roots: &[PathBuf]) -> Result<()> {
        let Some((shelf, _)) = &self.places else { return Ok(()) };
        for root in roots {
            let others = shelf.of_other_keys(root)?;
            if !others.is_empty() {
                return Err(Problem::input(
                    root,
                    format!("units of {} for other keys: {}", shelf.stage(), others.join(", ")),
                )
                .expected(format!("units for the key {}", shelf.key()))
                .advice("they are of other settings or inputs: run the shards again for these"));
            }
        }
        Ok(())
    }

    /// The files of a unit, where it is ready.
    ///
    /// # Errors
    /// It is damaged, or of something else; it cannot be read just now.
    pub(crate) fn read(&self, unit: &Name) -> Result<Option<Vec<Content>>> {
        Ok(self.find(unit)?.map(|(_, contents)| contents))
    }

    /// The files of a unit and where it lies.
    fn find(&self, unit: &Name) -> Result<Option<(PathBuf, Vec<Content>)>> {
        let Some((shelf, roots)) = &self.places else { return Ok(None) };
        loop {
            for root in roots {
                if let Some(contents) = shelf.read(root, unit)? {
                    return Ok(Some((shelf.file(root, unit), contents)));
                }
            }
            if self.only.is_none_or(|until| Instant::now() >= until) {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Writes the files of a unit into `folder`, where it is ready; they are to be those of these names.
    ///
    /// # Errors
    /// As [`Ready::read`]; it has other files; a failed write.
    pub fn take(&self, unit: &Name, folder: &Path, names: &[String]) -> Result<bool> {
        let Some((path, contents)) = self.find(unit)? else { return Ok(false) };
        let mut found: Vec<&str> = contents.iter().map(|(name, _)| name.as_str()).collect();
        let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
        found.sort_unstable();
        expected.sort_unstable();
        if found != expected {
            return Err(Problem::input(path, format!("a unit {unit} of the files {}", found.join(", ")))
                .expected(expected.join(", "))
                .advice("run its shard again, which makes it anew"));
        }
        for (name, bytes) in contents {
            files::write(name.under(folder), &bytes)?;
        }
        tracing::info!("{unit}: made by a shard, taken in");
        Ok(true)
    }

    /// Puts the folder of a unit at `folder`, where it is ready and nothing lies there; whole or not at all.
    ///
    /// # Errors
    /// As [`Ready::take`].
    pub fn take_folder(&self, unit: &Name, folder: &Path) -> Result<Taken> {
        let Some(contents) = self.read(unit)? else { return Ok(Taken::NotReady) };
        if !files::list_if_there(folder)?.is_empty() {
            return Ok(Taken::InTheWay);
        }
        let above = folder.parent().unwrap_or(folder);
        files::make_folder(above)?;
        let beside =
            tempfile::Builder::new().prefix(UNFINISHED).permissions(Permissions::from_mode(0o777)).tempdir_in(above);
        let beside = beside.map_err(|error| Problem::io(above, "making a folder", error))?;
        for (name, bytes) in contents {
            files::write(name.under(beside.path()), &bytes)?;
        }
        files::remove_if_empty(folder)?;
        files::rename(&beside.keep(), folder)?;
        tracing::info!("{unit}: made by a shard, taken in");
        Ok(Taken::Put)
    }

    /// Whether a unit is ready, for a list of those that are not.
    ///
    /// # Errors
    /// As [`Ready::read`].
    pub fn has(&self, unit: &Name) -> Result<bool> {
        Ok(self.read(unit)?.is_some())
    }

    /// Where nothing that is missing is to be made: names it.
    ///
    /// # Errors
    /// `Kind::Gate`: units are missing.
    pub fn require_none(&self, missing: &[Name]) -> Result<()> {
        let (Some((shelf, _)), Some(_)) = (&self.places, self.only) else { return Ok(()) };
        if missing.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = missing.iter().map(Name::as_str).collect();
        let stage = shelf.stage();
        Err(Problem::new(Kind::Gate, format!("{} units of {stage} are missing: {}", names.len(), names.join(", ")))
            .expected(format!("every unit of {stage} for the key {}", shelf.key()))
            .advice("run their shards again (what is there is not made again), or `rimforge run`, which makes them"))
    }
}

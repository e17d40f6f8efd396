//! A walk over a folder of volumes at any depth, in the order of names.

use std::path::{Path, PathBuf};

use super::passed_over::passed_over;
use crate::problem::{Problem, Result};

/// Folders nested deeper than this are a mistake.
const MAX_DEPTH: usize = 8;

/// Files and folders in a set: a hundred thousand cases.
const MOST_FILES: usize = 1_000_000;

/// What was not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    /// Links to folders.
    links: usize,
    /// Files and folders whose names are no Unicode.
    odd_names: usize,
}

impl Skipped {
    /// What to say of it.
    pub fn notes(self) -> impl Iterator<Item = String> {
        let links =
            (self.links > 0).then(|| format!("links to folders, {} not followed: give the folder itself", self.links));
        let odd =
            (self.odd_names > 0).then(|| format!("files whose names are no Unicode, {} passed over", self.odd_names));
        links.into_iter().chain(odd)
    }
}

/// Hands each file below `root` to `visit`, with its path from there; links to files are followed, links to folders are
/// not. `of` says what the folders hold: "cases".
///
/// # Errors
/// A folder that cannot be listed, too many of them or nested too deep, and what `visit` reports.
pub(super) fn each(root: &Path, of: &str, visit: &mut dyn FnMut(PathBuf, &str, &str) -> Result<()>) -> Result<Skipped> {
    let mut walk = Walk { root, of, seen: 0, skipped: Skipped::default(), visit };
    walk.folder(root, "", 0)?;
    Ok(walk.skipped)
}

struct Walk<'a> {
    root: &'a Path,
    of: &'a str,
    seen: usize,
    skipped: Skipped,
    visit: &'a mut dyn FnMut(PathBuf, &str, &str) -> Result<()>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &str, depth: usize) -> Result<()> {
        let failed = |error| Problem::io(folder, "listing", error);
        if depth > MAX_DEPTH {
            return Err(Problem::input(folder, format!("folders nested more than {MAX_DEPTH} deep"))
                .expected(format!("folders of {}", self.of)));
        }
        let mut entries: Vec<_> =
            std::fs::read_dir(folder).map_err(failed)?.collect::<std::io::Result<_>>().map_err(failed)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            self.seen += 1;
            if self.seen > MOST_FILES {
                return Err(Problem::input(self.root, format!("more than {MOST_FILES} files and folders"))
                    .expected(format!("a folder of {}", self.of)));
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.skipped.odd_names += 1;
                continue;
            };
            let path = entry.path();
            let relative = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if passed_over(&relative).is_some() {
                continue;
            }
            if entry.file_type().map_err(failed)?.is_dir() {
                self.folder(&path, &relative, depth + 1)?;
            } else if path.is_dir() {
                self.skipped.links += 1;
            } else {
                (self.visit)(path, name, &relative)?;
            }
        }
        Ok(())
    }
}

//! The files of a cohort that its results depend on: those that `prepare` and scoring read, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::bids::{self, Cohort};
use super::prepare_config::PrepareConfig;
use super::sidecar::Sidecars;
use super::truth;
use crate::digest;
use crate::files::{self, kind_of};
use crate::observer::Observer;
use crate::problem::{Problem, Result};

/// The files of a cohort as they were when a run began to read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortInputs {
    /// As [`sha256`] says.
    pub sha256: String,
    states: BTreeMap<PathBuf, State>,
}

/// What changes with a file that is written, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl CohortInputs {
    /// Of the cohort at `root`; `configs` as in [`sha256`]. All that is read of it between this and
    /// [`CohortInputs::require_unchanged`] is of one state.
    ///
    /// # Errors
    /// Those of [`sha256`].
    pub fn read(root: &Path, configs: &[&PrepareConfig], observer: &dyn Observer) -> Result<Self> {
        let files = files_of(root, configs)?;
        let states = states(&files)?;
        Ok(Self { sha256: hash(root, &files, observer)?, states })
    }

    /// Holds the cohort to what it was: sizes and times of its files, and where one differs, what they hold.
    ///
    /// # Errors
    /// A file that is another one now, or not there any more; a further one; stopped on request.
    pub fn require_unchanged(&self, root: &Path, configs: &[&PrepareConfig], observer: &dyn Observer) -> Result<()> {
        let changed = |path: &Path| {
            Problem::input(path, "changed while the study was at work; what is done may be of either state")
                .expected("a cohort that nothing writes to until the study has ended")
                .advice("run the same command again: what the change touches is made anew")
        };
        let files = files_of(root, configs).map_err(|problem| changed(root).because(problem))?;
        let states = states(&files)?;
        let known = self.states.keys().chain(states.keys());
        let Some(other) = known.into_iter().find(|path| self.states.get(*path) != states.get(*path)) else {
            return Ok(());
        };
        // Copied over itself, or touched.
        if hash(root, &files, observer)? == self.sha256 { Ok(()) } else { Err(changed(other)) }
    }
}

/// SHA-256 over the names and contents of all files that preparing the cohort at `root` in each of these ways reads.
///
/// A file that none of them reads changes nothing, whatever it is: a link to nowhere, a pipe, results in a derivative
/// of their own.
///
/// # Errors
/// No such cohort, a file that is read and cannot be, or stopped on request, within a file, too.
pub fn sha256(root: &Path, configs: &[&PrepareConfig], observer: &dyn Observer) -> Result<String> {
    hash(root, &files_of(root, configs)?, observer)
}

fn files_of(root: &Path, configs: &[&PrepareConfig]) -> Result<BTreeSet<PathBuf>> {
    let mut read = BTreeSet::new();
    let sidecars = Sidecars::new(root);
    for config in configs {
        let cohort = bids::read(root, &config.contrasts, &config.picks())?;
        for volume in volumes(&cohort) {
            read.extend(sidecars.of(volume)?.into_iter().flatten());
        }
        read.extend(volumes(&cohort).cloned());
        read.insert(cohort.reader_table);
    }
    let tables = ["participants.tsv", "dataset_description.json"].map(|name| root.join(name));
    read.extend(tables.into_iter().filter(|path| path.is_file()).chain(truth::find(root)?));
    Ok(read)
}

fn states(files: &BTreeSet<PathBuf>) -> Result<BTreeMap<PathBuf, State>> {
    let state = |path: &PathBuf| {
        let facts = kind_of::facts(path)?;
        Ok((path.clone(), State { bytes: facts.len(), modified: facts.modified().ok() }))
    };
    files.iter().map(state).collect()
}

/// Over names below `root` and contents, in the order given.
pub(super) fn hash<'a>(
    root: &Path,
    files: impl IntoIterator<Item = &'a PathBuf>,
    observer: &dyn Observer,
) -> Result<String> {
    let hashed = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        Ok((name, files::sha256_unless_stopped(path, observer)?))
    };
    let hashes = files.into_iter().map(hashed).collect::<Result<Vec<_>>>()?;
    Ok(digest::sha256(files::json_line(&hashes)?))
}

fn volumes(cohort: &Cohort) -> impl Iterator<Item = &PathBuf> {
    cohort.patients.iter().flat_map(|patient| {
        let contrasts = patient.contrasts.iter().filter_map(|contrast| contrast.path.as_ref());
        std::iter::once(&patient.lesion_map).chain(contrasts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sidecars_are_inherited_from_the_folders_above() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cohort");
        let anat = root.join("sub-1/ses-2/anat");
        std::fs::create_dir_all(&anat).unwrap();
        let speak = ["Chimap.json", "sub-1/sub-1_Chimap.json", "sub-1/ses-2/anat/sub-1_ses-2_Chimap.json"];
        let others = ["T1w.json", "sub-1/sub-1_ses-3_Chimap.json", "sub-1/ses-2/anat/sub-1_T1w.json", "notes.txt"];
        speak.iter().chain(&others).for_each(|name| std::fs::write(root.join(name), b"{}").unwrap());
        std::fs::write(folder.path().join("Chimap.json"), b"{}").unwrap();
        let sidecars = Sidecars::new(&root).of(&anat.join("sub-1_ses-2_Chimap.nii.gz")).unwrap();
        let mut found = sidecars.concat();
        let mut wanted = speak.map(|name| root.join(name));
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted);
    }
}

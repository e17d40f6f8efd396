//! The files of a cohort that its results depend on: those that `prepare` and scoring read, and no others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::bids::{self, Cohort};
use super::prepare_config::PrepareConfig;
use super::sidecar::Sidecars;
use super::truth;
use crate::digest;
use crate::files;
use crate::observer::Observer;
use crate::problem::Result;

/// SHA-256 over the names and contents of all files that preparing the cohort at `root` in each of these ways reads.
///
/// A file that none of them reads changes nothing, whatever it is: a link to nowhere, a pipe, results in a derivative
/// of their own.
///
/// # Errors
/// No such cohort, a file that is read and cannot be, or stopped on request, within a file, too.
pub fn sha256(root: &Path, configs: &[&PrepareConfig], observer: &dyn Observer) -> Result<String> {
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
    let hashed = |path: &PathBuf| {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        Ok((name, files::sha256_unless_stopped(path, observer)?))
    };
    let hashes = read.iter().map(hashed).collect::<Result<Vec<_>>>()?;
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

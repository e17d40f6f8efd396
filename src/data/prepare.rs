//! The stage: a cohort, a folder of images or a zip becomes a prepared data set with a proven split.
//!
//! Order of writing: patches, manifest, record. The manifest appears whole or not at all, so a killed run leaves no
//! data set that looks finished; started again, it keeps the patients that were done.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::cohort_patient::PARTIAL;
use super::dataset::MANIFEST;
use super::extracted::{Extracted, PATCHES};
use super::manifest::{Class, Lesion, Manifest, SCHEMA, Split};
use super::prepare_config::{PrepareConfig, Source};
use super::split;
use super::{from_cohort, from_images};
use crate::files;
use crate::lab::Lab;
use crate::problem::{Kind, Problem, Result};
use crate::records::prepare::{ClassCount, PrepareRecord, SplitCount};
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::statistics::agreement::VoteTable;
use crate::statistics::bootstrap::ClusterBootstrap;

/// Prepares `source` into the folder `out` and returns the record that it also leaves there.
///
/// # Errors
/// Unusable input; another run in `out`; a split that cannot be made or does not hold; a request to stop.
pub fn run_stage<E>(source: &Source, config: &PrepareConfig, out: &Path, lab: &Lab<'_, E>) -> Result<PrepareRecord> {
    let &Lab { seed, observer, .. } = lab;
    config.check()?;
    config.check_for(source)?;
    let _lock = files::lock(out.join(".lock"), &[out.join(PATCHES), out.join(PARTIAL)])?;
    for stale in [RECORD, MANIFEST] {
        files::remove(&out.join(stale))?;
    }
    let extracted = match source {
        Source::Cohort(root) => from_cohort::extract(root, out, config, seed, observer)?,
        Source::Images(root) => from_images::from_folder(root, out, config, seed, observer)?,
        Source::Zip(path) => from_images::from_zip(path, out, config, seed, observer)?,
    };
    let advice = match source {
        Source::Cohort(_) => "find out which patient they belong to and remove the other",
        Source::Images(_) | Source::Zip(_) => {
            "remove one of each pair, or give both the same patient in a table of file and patient (prepare.patients, \
             --patients)"
        }
    };
    split::require_no_twins(&extracted.hashes, advice)?;
    let two_sides = proof(&extracted);
    split::require_proof(two_sides)?;
    let record = record(&extracted, two_sides, seed);
    let manifest = Manifest {
        schema: SCHEMA,
        simulated: extracted.simulated,
        contrasts: extracted.contrasts,
        patch: extracted.patch,
        patient_source: extracted.patient_source,
        voxel_mm: extracted.voxel_mm,
        seed: seed.0,
        classes: extracted.classes,
        items: config.items,
        lesions: extracted.lesions,
        slices: extracted.slices,
        inputs: extracted.inputs,
    };
    if let Some(fault) = manifest.classes.fault() {
        return Err(Problem::new(Kind::Input, fault).expected("labels that can be names of classes"));
    }
    remove_foreign_patches(out, &manifest)?;
    files::write_json(out.join(MANIFEST), &manifest)?;
    files::write_json(out.join(RECORD), &record)?;
    from_cohort::forget_partial(out)?;
    Ok(record)
}

fn proof(extracted: &Extracted) -> (u64, u64) {
    let sides: HashMap<String, Split> =
        extracted.lesions.iter().map(|lesion| (lesion.patient.clone(), lesion.split)).collect();
    let lesions: Vec<(String, Split)> =
        extracted.lesions.iter().map(|lesion| (lesion.patient.clone(), lesion.split)).collect();
    split::on_two_sides(&sides, &lesions, &extracted.hashes)
}

fn record(extracted: &Extracted, two_sides: (u64, u64), seed: RunSeed) -> PrepareRecord {
    let lesions = &extracted.lesions;
    let given = VoteTable::from_votes(lesions.iter().filter_map(votes));
    let owners: Vec<&str> = lesions.iter().map(|lesion| lesion.patient.as_str()).collect();
    let interval =
        || ClusterBootstrap::by_patient(&owners, seed.child("kappa", 0)).interval(|copies| kappa(lesions, copies));
    let count = |name: &str, side: Split| {
        let here: Vec<&Lesion> = lesions.iter().filter(|lesion| lesion.split == side).collect();
        let of = |class: &Class| here.iter().filter(|lesion| lesion.class == *class).count() as u64;
        let classes = &extracted.classes;
        let counted = classes.names.iter().chain(&classes.contested).filter(|_| !classes.is_of_readers());
        SplitCount {
            split: name.to_owned(),
            patients: here.iter().map(|lesion| &lesion.patient).collect::<HashSet<_>>().len() as u64,
            rim: of(&Class::RIM),
            ambiguous: of(&Class::AMBIGUOUS),
            non_rim: of(&Class::NON_RIM),
            classes: counted.map(|class| ClassCount { class: class.clone(), items: of(class) }).collect(),
        }
    };
    PrepareRecord {
        simulated: extracted.simulated,
        contrasts: extracted.contrasts.iter().map(|contrast| contrast.name.to_string()).collect(),
        patients: lesions.iter().map(|lesion| &lesion.patient).collect::<HashSet<_>>().len() as u64,
        lesions: lesions.len() as u64,
        slices: extracted.slices.len() as u64,
        kappa: extracted.has_readers.then(|| given.kappa()).flatten(),
        kappa_interval: extracted.has_readers.then(interval).flatten(),
        counts: vec![count("train", Split::Train), count("validation", Split::Validation), count("test", Split::Test)],
        patients_on_two_sides: two_sides.0,
        pixel_hashes_on_two_sides: two_sides.1,
        non_finite_voxels: extracted.non_finite,
        notes: extracted.notes.clone(),
        inputs: extracted.inputs.clone(),
        seed: seed.0,
    }
}

/// Kappa of a resampled cohort that holds each lesion `copies` times.
fn kappa(lesions: &[Lesion], copies: &[u32]) -> Option<f64> {
    let drawn = lesions.iter().zip(copies).filter_map(|(lesion, &times)| Some((votes(lesion)?, times)));
    VoteTable::from_votes(drawn.flat_map(|(votes, times)| std::iter::repeat_n(votes, times as usize))).kappa()
}

/// What the two readers say of a lesion, where there are readers.
fn votes(lesion: &Lesion) -> Option<(bool, bool)> {
    lesion.reader1.zip(lesion.reader2)
}

/// Patches of an earlier run with other lesions; only files that such a run can have written are touched.
fn remove_foreign_patches(out: &Path, manifest: &Manifest) -> Result<()> {
    let kept: HashSet<PathBuf> = manifest
        .lesions
        .iter()
        .flat_map(|lesion| std::iter::once(&lesion.patch).chain(&lesion.mask))
        .map(|file| out.join(file))
        .collect();
    let folder = out.join(PATCHES);
    for path in files::list(&folder)? {
        if path.extension().is_some_and(|ending| ending == "npy") && !kept.contains(&path) {
            files::remove(&path)?;
        }
    }
    Ok(())
}

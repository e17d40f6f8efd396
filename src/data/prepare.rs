//! The stage: a cohort, a folder of images, a zip or a set of dermoscopic photographs becomes a prepared data set with
//! a proven split.
//!
//! All is written beside the data set that is there already and takes its place once it is whole and its split is
//! proven: a run that is killed or fails leaves the old one as it was; started again, it keeps the patients that were
//! done.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::cohort_patient::PARTIAL;
use super::dataset::{MANIFEST, MAX_MANIFEST_BYTES};
use super::dermoscopy::{self, Origin};
use super::extracted::{Extracted, PATCHES, stop_if_asked};
use super::from_images::Target;
use super::manifest::{Class, Items, Lesion, Manifest, SCHEMA, Split};
use super::prepare_config::{PrepareConfig, Source};
use super::split;
use super::{brats, cohort_figures, fa_maps, from_cohort, from_images};
use crate::files::{self, Input, OutFolder, Owner};
use crate::lab::Lab;
use crate::problem::{Problem, Result};
use crate::records::prepare::{ClassCount, PrepareRecord, SplitCount};
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::statistics::agreement::VoteTable;
use crate::statistics::bootstrap::ClusterBootstrap;

/// Knows the stage's folders.
pub const OWNER: Owner = Owner::of("prepare", unmarked);

/// Files of a data set of a version before there were marks: what its manifest lists; where it was not finished, all
/// patches and the notes of finished patients, or patches alone where nothing else is there.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    if !files::was_locked(folder)? {
        return Ok(None);
    }
    let heads = [MANIFEST, RECORD].into_iter().chain(cohort_figures::FILES).map(str::to_owned);
    if files::parses::<Manifest>(&folder.join(MANIFEST))? {
        let text = files::read(folder.join(MANIFEST), MAX_MANIFEST_BYTES, "a manifest")?;
        let manifest: Manifest = files::parse_json(&folder.join(MANIFEST), &text, "a manifest")?;
        return Ok(Some(patch_files(&manifest).into_iter().chain(heads).collect()));
    }
    let notes = files::files_in(folder, PARTIAL, |name| name.starts_with("sub-") && name.ends_with(".json"))?;
    let patch = |name: &str| name.ends_with(".npy");
    let patches = if !notes.is_empty() {
        files::files_in(folder, PATCHES, |name| name.starts_with("sub-") && patch(name))?
    } else if files::holds_only(folder, "", |name| name == PATCHES)? && files::holds_only(folder, PATCHES, patch)? {
        files::files_in(folder, PATCHES, patch)?
    } else {
        return Ok(None);
    };
    Ok(Some(notes.into_iter().chain(patches).chain(heads).collect()))
}

/// What of a cohort's folder is left to others: derivatives beside those that are read.
pub fn is_left_to_others(relative: &Path) -> bool {
    let parts: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
    matches!(parts.as_slice(), ["derivatives", name, ..] if !["lesions", "truth"].contains(name))
}

/// Prepares `source` into the folder `out` and returns the record that it also leaves there.
///
/// # Errors
/// An `out` that is not this stage's; unusable input; another run in `out`; a split that cannot be made or does not
/// hold; a request to stop.
pub fn run_stage<E>(source: &Source, config: &PrepareConfig, out: &Path, lab: &Lab<'_, E>) -> Result<PrepareRecord> {
    let &Lab { seed, observer, .. } = lab;
    config.check()?;
    config.check_for(source)?;
    let read = match source {
        Source::Cohort(root) => Input::of(root).with_room(is_left_to_others),
        _ => Input::of(source.path()),
    };
    let inputs = std::iter::once(read).chain(config.patients.as_deref().map(Input::of));
    let mut claim = OutFolder::new(OWNER, out).apart_from(inputs).claim()?;
    claim.require_free([MANIFEST, RECORD].into_iter().chain(cohort_figures::FILES))?;
    let making = claim.staging()?;
    let free = |names: Vec<String>| claim.require_free(names).map(drop);
    let target = Target { out: &making, free: &free };
    let extracted = match source {
        Source::Cohort(root) => from_cohort::extract(root, &making, config, seed, observer),
        Source::Images(root) => from_images::from_folder(root, target, config, seed, observer),
        Source::Zip(path) => from_images::from_zip(path, target, config, seed, observer),
        Source::Ham10000(root) => dermoscopy::extract(root, Origin::Ham10000, target, config, (seed, observer)),
        Source::Isic(root) => dermoscopy::extract(root, Origin::Isic, target, config, (seed, observer)),
        Source::Brats(root) => brats::extract(root, target, config, (seed, observer)),
        Source::Fa(root) => fa_maps::extract(root, target, config, (seed, observer)),
    };
    if extracted.is_err() && !matches!(source, Source::Cohort(_)) {
        // Patients are gone on with, images are not. The first error is the one to show.
        let _ = claim.discard();
    }
    let mut extracted = extracted?;
    let advice = match source {
        Source::Cohort(_) | Source::Brats(_) | Source::Fa(_) => {
            "find out which patient they belong to and remove the other"
        }
        _ => {
            "remove one of each pair, or give both the same patient in a table of file and patient (prepare.patients, \
             --patients)"
        }
    };
    split::require_no_twins(&extracted.hashes, advice)?;
    let two_sides = proof(&extracted);
    split::require_proof(two_sides)?;
    // Of 200,000 images the hashes take some 50 MB, as the list of inputs does, which manifest and record both hold.
    extracted.hashes = vec![];
    let mut record = record(&extracted, two_sides, seed);
    let manifest = Manifest {
        schema: SCHEMA,
        simulated: extracted.simulated,
        contrasts: extracted.contrasts,
        patch: extracted.patch,
        patient_source: extracted.patient_source,
        voxel_mm: extracted.voxel_mm,
        seed: seed.0,
        classes: extracted.classes,
        items: if config.brats.volumes { Items::Volumes } else { config.items },
        lesions: extracted.lesions,
        slices: extracted.slices,
        inputs: extracted.inputs,
    };
    if let Some(fault) = manifest.classes.fault() {
        return Err(Problem::input(source.path(), fault)
            .expected("labels that can be names of classes")
            .advice("name the groups or classes otherwise in the table or the folders that say them"));
    }
    files::write_json(making.join(MANIFEST), &manifest)?;
    let patches = patch_files(&manifest).into_iter().chain(cohort_figures::of(&record)).collect::<Vec<_>>();
    record.inputs = manifest.inputs;
    drop((manifest.lesions, manifest.slices));
    files::write_json(making.join(RECORD), &record)?;
    stop_if_asked(observer)?;
    claim.publish(patches, &[MANIFEST, RECORD], observer)?;
    Ok(record)
}

fn proof(extracted: &Extracted) -> (u64, u64) {
    let lesions: Vec<(&str, Split)> =
        extracted.lesions.iter().map(|lesion| (lesion.patient.as_str(), lesion.split)).collect();
    let sides: HashMap<&str, Split> = lesions.iter().copied().collect();
    split::on_two_sides(&sides, &lesions, &extracted.hashes)
}

/// The record but for its list of inputs.
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
        windows: extracted.windows.clone(),
        patient_figure: extracted.patient_figure.clone(),
        lesion_figure: extracted.lesion_figure.clone(),
        inputs: vec![],
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

/// Patches and masks, relative to the data folder.
fn patch_files(manifest: &Manifest) -> Vec<String> {
    manifest
        .lesions
        .iter()
        .flat_map(|lesion| std::iter::once(&lesion.patch).chain(&lesion.mask))
        .map(|file| file.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_derivatives_of_a_cohort_are_left_to_others() {
        for (path, left) in [
            ("derivatives/rimforge", true),
            ("derivatives/mine/deep", true),
            ("derivatives", false),
            ("derivatives/lesions", false),
            ("derivatives/truth/x", false),
            ("sub-001/anat", false),
            ("out", false),
            ("", false),
        ] {
            assert_eq!(is_left_to_others(Path::new(path)), left, "{path}");
        }
    }
}

//! A BIDS cohort to patches, patient by patient in parallel; a patient that is done is not done again.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use rayon::prelude::*;

use super::background::BackgroundNotes;
use super::bids::{self, Cohort, Patient};
use super::cohort_figures;
use super::cohort_patient::{Memory, PARTIAL, PatientPatches, Work};
use super::extracted::{Extracted, PATCHES, stop_if_asked};
use super::intensity::default_contrast;
use super::label_map::LabelMap;
use super::manifest::{Classes, Items, Lesion, Slice, Split};
use super::measure::Measure;
use super::name_join::listed;
use super::own_labels;
use super::place_notes::PlaceNotes;
use super::prepare_config::PrepareConfig;
use super::reader_table::{self, LesionKey};
use super::split;
use crate::files;
use crate::name::Name;
use crate::nifti::Form;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::seed::RunSeed;
use crate::statistics::order::upper_median;

/// Voxel sizes of two patients may differ by this share.
const VOXEL_TOLERANCE: f64 = 0.01;

/// Indexes, splits and cuts the cohort at `root`.
pub(super) fn extract(
    root: &Path,
    out: &Path,
    config: &PrepareConfig,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<Extracted> {
    let cohort = bids::read(root, &config.contrasts, &config.picks())?;
    let maps = label_maps(&cohort, config.form, observer)?;
    for patient in &cohort.patients {
        let rows = cohort.votes.keys().filter(|key| key.patient == patient.id).count();
        maps[&patient.id].require_whole_lesions(&patient.lesion_map, rows)?;
    }
    let keys_of = |(id, map): (&String, &LabelMap)| {
        let key = |&number| LesionKey { patient: id.clone(), number };
        map.lesions.keys().map(key).collect::<Vec<_>>()
    };
    let mapped: BTreeSet<LesionKey> = maps.iter().flat_map(keys_of).collect();
    reader_table::require_same_lesions(&cohort.reader_table, &cohort.votes, &mapped)?;
    reader_table::require_both_classes(&cohort.reader_table, &cohort.votes)?;
    let sides = sides(&cohort, config, seed, observer).map_err(|problem| problem.at(root))?;
    for folder in [PATCHES, PARTIAL] {
        let folder = out.join(folder);
        files::make_folder(&folder)?;
    }
    let with_lesions: Vec<&Patient> =
        cohort.patients.iter().filter(|patient| sides.contains_key(&patient.id)).collect();
    observer.begin("cutting patches", "patients", with_lesions.len() as u64);
    let work = Work { cohort: &cohort, maps: &maps, config, out, memory: Memory::default() };
    let done = with_lesions.par_iter().map(|patient| {
        stop_if_asked(observer)?;
        let done = work.patient(patient, sides[&patient.id])?;
        observer.advance(1);
        Ok(done)
    });
    let done = done.collect::<Result<Vec<PatientPatches>>>();
    observer.end();
    let mut all = assemble(&cohort, config, done?)?;
    cohort_figures::draw(&work, &sides, &mut all)?;
    Ok(all)
}

/// All label maps, by patient.
fn label_maps(cohort: &Cohort, form: Form, observer: &dyn Observer) -> Result<HashMap<String, LabelMap>> {
    observer.begin("label maps", "patients", cohort.patients.len() as u64);
    let maps = cohort.patients.par_iter().map(|patient| {
        stop_if_asked(observer)?;
        let map = LabelMap::read(&patient.lesion_map, form)?;
        observer.advance(1);
        Ok((patient.id.clone(), map))
    });
    let maps = maps.collect::<Result<HashMap<_, _>>>();
    observer.end();
    maps
}

fn sides(
    cohort: &Cohort,
    config: &PrepareConfig,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<HashMap<String, Split>> {
    let kinds = split::kinds(&Classes::of_readers());
    let classes: Vec<_> = cohort.votes.values().map(|&votes| reader_table::class(votes)).collect();
    let lesions = cohort.votes.keys().map(|key| key.patient.as_str()).zip(&classes);
    let patients = split::count_lesions(lesions, &kinds);
    let sides = split::assign(&patients, &kinds, config.shares(), seed, observer)?;
    Ok(patients.into_iter().map(|patient| patient.id).zip(sides).collect())
}

/// All patients in one, and what a reader of the record should know.
fn assemble(cohort: &Cohort, config: &PrepareConfig, mut patients: Vec<PatientPatches>) -> Result<Extracted> {
    let contrasts: Vec<_> = config.contrasts.iter().map(|name| config.with_window(default_contrast(name))).collect();
    let mut all = Extracted {
        simulated: cohort.simulated,
        patch: config.patch,
        patient_source: "participant_id".into(),
        voxel_mm: voxel_size(cohort, &patients)?,
        has_readers: true,
        notes: cohort.notes.clone(),
        ..Extracted::default()
    };
    let training = |patient: &&PatientPatches| patient.lesions.iter().any(|lesion| lesion.split == Split::Train);
    for (at, contrast) in contrasts.iter().enumerate() {
        let ranges: Vec<[f32; 2]> = patients.iter().filter(training).map(|patient| patient.ranges[at]).collect();
        let mean = |end: usize| ranges.iter().map(|range| f64::from(range[end])).sum::<f64>() / ranges.len() as f64;
        all.notes.push(format!(
            "{} in {}: window {} to {}; .5th and 99.5th percentile of the training slices, \
             mean over {} patients: {:.2} and {:.2}",
            contrast.name,
            contrast.unit,
            contrast.window.low,
            contrast.window.high,
            ranges.len(),
            mean(0),
            mean(1)
        ));
    }
    let (padded, larger) = patients.iter().fold((0, 0), |sum, one| (sum.0 + one.padded, sum.1 + one.larger));
    all.notes.push(format!("{padded} patches reach beyond the volume and repeat its nearest voxels there"));
    all.notes.push(format!("{larger} lesions are larger than their patch"));
    all.notes.extend(untraced(&patients));
    all.notes.extend(overtraced(&patients));
    all.notes.extend(odd_sizes(cohort, &patients));
    all.notes.extend(odd_signs(&patients));
    let mut places = PlaceNotes::default();
    patients.iter_mut().for_each(|patient| places.join(std::mem::take(&mut patient.places)));
    all.notes.extend(places.words(config.form));
    let mut background = BackgroundNotes::default();
    patients.iter_mut().for_each(|patient| background.join(std::mem::take(&mut patient.background)));
    all.notes.extend(background.words());
    require_own_volumes(cohort, &patients)?;
    let lesions = patients.iter().flat_map(|patient| &patient.lesions);
    let identity = |one: &Lesion| own_labels::of_lesion(one.centre, one.voxels, one.mask_sha256.as_deref());
    let masks = lesions.map(|lesion| (lesion.id.as_str(), lesion.patient.as_str(), identity(lesion)));
    own_labels::require_own(&cohort.root, "of lesions of two patients", masks)?;
    all.contrasts = contrasts;
    all.inputs = tables(cohort)?;
    for patient in patients {
        let first = all.lesions.len() as u32;
        if config.items == Items::Slices {
            all.slices.extend(patient.slices.into_iter().map(|slice| Slice { lesion: first + slice.lesion, ..slice }));
        }
        all.lesions.extend(patient.lesions);
        all.hashes.extend(patient.hashes);
        all.inputs.extend(patient.inputs);
        all.non_finite += patient.non_finite;
    }
    Ok(all)
}

/// Refuses one volume of two patients: they would be one patient on two sides of the split.
fn require_own_volumes(cohort: &Cohort, patients: &[PatientPatches]) -> Result<()> {
    // Where slices are the same, those are named later.
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for hash in patients.iter().flat_map(|patient| &patient.hashes) {
        if owners.insert(&hash.sha256, &hash.patient).is_some_and(|other| other != hash.patient) {
            return Ok(());
        }
    }
    let images = cohort.patients.iter().flat_map(|patient| &patient.contrasts);
    let images = images.filter(|contrast| contrast.measure() != Measure::Traced).filter_map(|one| one.path.as_ref());
    let images: BTreeSet<String> = images.map(|path| cohort.relative(path)).collect();
    let mut seen: HashMap<&str, (usize, &str)> = HashMap::new();
    for (at, patient) in patients.iter().enumerate() {
        for file in patient.inputs.iter().filter(|file| images.contains(&file.path)) {
            let (first, path) = *seen.entry(&file.sha256).or_insert((at, &file.path));
            if first != at {
                let found =
                    format!("the same file for two patients: {}", listed(&[path.to_owned(), file.path.clone()]));
                return Err(Problem::input(&cohort.root, found)
                    .expected("volumes of its own for each patient")
                    .advice(
                        "put the right volume in the place of the wrong one, or take one of the two patients out",
                    ));
            }
        }
    }
    Ok(())
}

/// Lesions that tracings fill.
fn overtraced(patients: &[PatientPatches]) -> Option<String> {
    let names: Vec<&str> = patients.iter().flat_map(|patient| &patient.overtraced).map(Name::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{} lesions are traced as rim throughout, or for the most part where neither reader calls them one ({}): \
             look whether the traced maps are of rims, and of these lesions",
            names.len(),
            listed(&names)
        )
    })
}

/// Agreed rims inside which nothing is traced.
fn untraced(patients: &[PatientPatches]) -> Option<String> {
    let rims = patients.iter().flat_map(|patient| &patient.lesions);
    let rims = rims.filter(|lesion| (lesion.reader1, lesion.reader2) == (Some(true), Some(true))).count();
    let names: Vec<&str> = patients.iter().flat_map(|patient| &patient.untraced).map(Name::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "in {} of {rims} lesions that both readers call a rim nothing is traced ({}): look whether the traced maps \
             lie on their lesions and hold shares from 0 to 1",
            names.len(),
            listed(&names)
        )
    })
}

/// How many times larger or smaller than the cohort's median a patient's susceptibilities are before it is said.
const ODD_FACTOR: f32 = 3.0;

/// Susceptibilities in ppb of used slices that are said to be large: vessels and bleedings have hundreds.
const LARGE_PPB: f32 = 1000.0;

/// Patients whose susceptibilities are of another size than the others', as a map in another unit, a phase or a z-score
/// has them, and a cohort of such.
fn odd_sizes(cohort: &Cohort, patients: &[PatientPatches]) -> Vec<String> {
    let mut notes = Vec::new();
    let contrasts = cohort.patients.first().map(|patient| patient.contrasts.as_slice()).unwrap_or_default();
    for (at, contrast) in contrasts.iter().enumerate().filter(|(_, one)| one.measure() == Measure::Susceptibility) {
        let size = |patient: &PatientPatches| patient.ranges[at].iter().fold(0f32, |most, end| most.max(end.abs()));
        let Some(middle) = upper_median(&patients.iter().map(size).collect::<Vec<f32>>()) else { continue };
        let odd =
            patients.iter().filter(|patient| !(middle / ODD_FACTOR..=middle * ODD_FACTOR).contains(&size(patient)));
        let named = |patient: &PatientPatches| {
            let id = patient.lesions.first().map_or("?", |lesion| lesion.patient.as_str());
            format!("{id} ({:.0} ppb)", size(patient))
        };
        let odd: Vec<String> = odd.map(named).collect();
        if !odd.is_empty() {
            notes.push(format!(
                "{} of {} patients have susceptibilities more than {ODD_FACTOR} times larger or smaller than the \
                 others ({middle:.0} ppb); their {} may be in another unit: {}",
                odd.len(),
                patients.len(),
                contrast.name,
                listed(&odd)
            ));
        }
        if middle > LARGE_PPB {
            notes.push(format!(
                "susceptibilities reach {middle:.0} ppb in half of the patients, where tens to hundreds are usual: a \
                 z-score, a phase or another unit under the name {}?",
                contrast.name
            ));
        }
    }
    notes
}

/// Lesions that a patient must have before the sign of its map is doubted.
const LEAST_LESIONS: usize = 3;

/// Of all lesions less what is around them, in ppb: below it no sign is to be told.
const LEAST_PPB: f32 = 1.0;

/// Agreed rims that lie below their surroundings, and patients whose lesions lie as far below as the others' lie above:
/// scanners and programs differ in the sign of the phase, and iron is paramagnetic.
fn odd_signs(patients: &[PatientPatches]) -> Option<String> {
    let is_rim = |lesion: &Lesion| (lesion.reader1, lesion.reader2) == (Some(true), Some(true));
    let own = |patient: &PatientPatches| -> Vec<f32> { patient.above.iter().copied().flatten().collect() };
    let rims = patients.iter().flat_map(|patient| patient.lesions.iter().zip(&patient.above));
    let rims: Vec<f32> = rims.filter(|(lesion, _)| is_rim(lesion)).filter_map(|(_, above)| *above).collect();
    let ask = "is the sign of the maps that of susceptibility, in which iron is positive?";
    if let Some(rim) = upper_median(&rims).filter(|rim| *rim <= 0.0) {
        return Some(format!(
            "lesions that both readers call a rim are less susceptible than what is around them (median {rim:.1} ppb): \
             {ask} do the label maps lie on their lesions?"
        ));
    }
    let all: Vec<f32> = patients.iter().flat_map(own).collect();
    let usual = upper_median(&all).filter(|usual| *usual >= LEAST_PPB)?;
    let opposite = |patient: &&PatientPatches| {
        let above = own(patient);
        above.len() >= LEAST_LESIONS && upper_median(&above).is_some_and(|middle| middle <= -usual / 2.0)
    };
    let odd: Vec<&str> = patients.iter().filter(opposite).map(|patient| patient.lesions[0].patient.as_str()).collect();
    (!odd.is_empty()).then(|| {
        format!(
            "the lesions of {} of {} patients lie as far below what is around them as the others' above ({usual:.1} \
             ppb): {ask} {}",
            odd.len(),
            patients.len(),
            listed(&odd)
        )
    })
}

fn tables(cohort: &Cohort) -> Result<Vec<FileHash>> {
    let path = &cohort.reader_table;
    let relative = path.strip_prefix(&cohort.root).unwrap_or(path);
    Ok(vec![FileHash { path: relative.to_string_lossy().into_owned(), sha256: files::sha256(path)? }])
}

/// The voxel size that all patients share, as depth, height, width.
fn voxel_size(cohort: &Cohort, patients: &[PatientPatches]) -> Result<Option<[f64; 3]>> {
    let Some(first) = patients.first() else { return Ok(None) };
    let name = |patient: &PatientPatches| patient.lesions.first().map_or("?".into(), |lesion| lesion.patient.clone());
    for other in patients {
        let sizes = [first, other].map(|patient| (name(patient), patient.voxel_mm));
        require_same_size((&sizes[0].0, sizes[0].1), (&sizes[1].0, sizes[1].1))
            .map_err(|problem| problem.at(&cohort.root))?;
    }
    let [x, y, z] = first.voxel_mm;
    Ok(Some([z, y, x]))
}

/// Refuses voxels of two sizes; each patient by name and size in mm along x, y, z.
///
/// # Errors
/// They differ by more than 1 %.
pub(crate) fn require_same_size(first: (&str, [f64; 3]), other: (&str, [f64; 3])) -> Result<()> {
    if other.1.iter().zip(first.1).all(|(a, b)| (a - b).abs() <= VOXEL_TOLERANCE * b) {
        return Ok(());
    }
    let found = format!("voxels of {:?} mm in {} and of {:?} mm in {}", first.1, first.0, other.1, other.0);
    Err(Problem::new(Kind::Input, found)
        .expected("one voxel size (within 1 %) in all patients")
        .advice("resample the volumes and label maps to one voxel size first"))
}

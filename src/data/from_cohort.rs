//! A BIDS cohort to patches, patient by patient in parallel; a patient that is done is not done again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bids::{self, Cohort, ContrastFile, Patient};
use super::extracted::{Extracted, PATCHES, hash_pixels, stop_if_asked};
use super::grid::Volume;
use super::intensity::{default_contrast, foreground_median, implausible_susceptibility, percentile};
use super::manifest::{Lesion, SCHEMA, Slice, Split};
use super::patches::{self, Border, Extent};
use super::prepare_config::PrepareConfig;
use super::reader_table::{self, LesionKey};
use super::split::{self, PixelHash};
use super::{nifti_reader, patch_file};
use crate::atomic_file;
use crate::digest;
use crate::filter::gaussian;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::FileHash;
use crate::seed::RunSeed;

/// What finished patients leave until the manifest is written.
const PARTIAL: &str = ".partial";

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
    let cohort = bids::read(root, &config.contrasts, config.session.as_deref())?;
    let extents = lesion_maps(&cohort, observer)?;
    let mapped: BTreeSet<LesionKey> = extents.keys().cloned().collect();
    reader_table::require_same_lesions(&cohort.reader_table, &cohort.votes, &mapped)?;
    reader_table::require_both_classes(&cohort.reader_table, &cohort.votes)?;
    let sides = sides(&cohort, config, seed).map_err(|problem| problem.at(root))?;
    for folder in [PATCHES, PARTIAL] {
        let folder = out.join(folder);
        std::fs::create_dir_all(&folder).map_err(|error| Problem::io(&folder, "making the folder", error))?;
    }
    let with_lesions: Vec<&Patient> =
        cohort.patients.iter().filter(|patient| sides.contains_key(&patient.id)).collect();
    observer.begin("cutting patches", "patients", with_lesions.len() as u64);
    let work = Work { cohort: &cohort, extents: &extents, config, out };
    let done = with_lesions.par_iter().map(|patient| {
        stop_if_asked(observer)?;
        let done = work.patient(patient, sides[&patient.id])?;
        observer.advance(1);
        Ok(done)
    });
    let done = done.collect::<Result<Vec<PatientPatches>>>();
    observer.end();
    assemble(&cohort, config, done?)
}

/// Deletes the notes of finished patients, once the manifest holds them.
pub(super) fn forget_partial(out: &Path) -> Result<()> {
    let folder = out.join(PARTIAL);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Problem::io(&folder, "deleting", error)),
        _ => Ok(()),
    }
}

/// All lesions of all label maps; centres in RAS+ voxels.
fn lesion_maps(cohort: &Cohort, observer: &dyn Observer) -> Result<BTreeMap<LesionKey, Extent>> {
    observer.begin("label maps", "patients", cohort.patients.len() as u64);
    let maps = cohort.patients.par_iter().map(|patient| {
        stop_if_asked(observer)?;
        let (labels, _) = label_map(&patient.lesion_map)?;
        let found = patches::lesions(&labels).map_err(|found| {
            Problem::input(&patient.lesion_map, found).expected("whole numbers: 0 outside, each lesion its own number")
        })?;
        observer.advance(1);
        let keyed = |(number, extent)| (LesionKey { patient: patient.id.clone(), number }, extent);
        Ok(found.into_iter().map(keyed).collect::<Vec<_>>())
    });
    let maps = maps.collect::<Result<Vec<_>>>();
    observer.end();
    Ok(maps?.into_iter().flatten().collect())
}

/// A label map in RAS+ order and the hash of its file.
fn label_map(path: &Path) -> Result<(Volume, String)> {
    let file = nifti_reader::read(path)?;
    if file.non_finite > 0 {
        return Err(Problem::input(path, format!("{} NaN or infinite voxels in a label map", file.non_finite))
            .expected("whole numbers"));
    }
    Ok((file.volume.into_ras(), file.sha256))
}

fn sides(cohort: &Cohort, config: &PrepareConfig, seed: RunSeed) -> Result<HashMap<String, Split>> {
    let lesions = cohort.votes.iter().map(|(key, &votes)| (key.patient.as_str(), reader_table::class(votes)));
    let patients = split::count_lesions(lesions);
    let sides = split::assign(&patients, config.shares(), seed)?;
    Ok(patients.into_iter().map(|patient| patient.id).zip(sides).collect())
}

/// A finished patient, as kept on disk until all are.
#[derive(Debug, Serialize, Deserialize)]
struct PatientPatches {
    /// Changes with anything that the patches depend on.
    fingerprint: String,
    voxel_mm: [f64; 3],
    lesions: Vec<Lesion>,
    /// Lesion indices count from the patient's first.
    slices: Vec<Slice>,
    hashes: Vec<PixelHash>,
    inputs: Vec<FileHash>,
    non_finite: u64,
    /// Patches that reach beyond the volume, and lesions larger than a patch.
    padded: u64,
    larger: u64,
    /// Per contrast the .5th and 99.5th percentile over the used slices, in physical units.
    ranges: Vec<[f32; 2]>,
}

struct Work<'a> {
    cohort: &'a Cohort,
    extents: &'a BTreeMap<LesionKey, Extent>,
    config: &'a PrepareConfig,
    out: &'a Path,
}

impl Work<'_> {
    fn patient(&self, patient: &Patient, side: Split) -> Result<PatientPatches> {
        let kept = self.out.join(PARTIAL).join(format!("{}.json", patient.id));
        let fingerprint = self.fingerprint(patient, side)?;
        if let Some(done) = self.kept(&kept, &fingerprint) {
            return Ok(done);
        }
        let done = self.cut(patient, side, fingerprint)?;
        atomic_file::write_json(&kept, &done)?;
        Ok(done)
    }

    /// What an interrupted run left of this patient, if nothing has changed since and every patch is whole.
    fn kept(&self, path: &Path, fingerprint: &str) -> Option<PatientPatches> {
        let done: PatientPatches = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let whole = |file: &Option<String>, sha256: &Option<String>| match (file, sha256) {
            (Some(file), Some(sha256)) => patch_file::read_verified(&self.out.join(file), sha256).is_ok(),
            (file, _) => file.is_none(),
        };
        let all_whole = done.lesions.iter().all(|lesion| {
            whole(&Some(lesion.patch.clone()), &Some(lesion.sha256.clone())) && whole(&lesion.mask, &lesion.mask_sha256)
        });
        (done.fingerprint == fingerprint && all_whole).then_some(done)
    }

    /// Hash of the settings, the side, the votes, and size and time of every input file.
    fn fingerprint(&self, patient: &Patient, side: Split) -> Result<String> {
        let mut facts = format!("{SCHEMA} {:?} {side:?} {:?}", self.config, self.votes_of(patient));
        for path in inputs(patient) {
            let file = std::fs::metadata(path).map_err(|error| Problem::io(path, "reading", error))?;
            let changed = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            facts.push_str(&format!(" {} {} {changed:?}", path.display(), file.len()));
        }
        Ok(digest::sha256(facts.as_bytes()))
    }

    fn votes_of(&self, patient: &Patient) -> Vec<(u32, (bool, bool))> {
        let own = self.cohort.votes.iter().filter(|(key, _)| key.patient == patient.id);
        own.map(|(key, &votes)| (key.number, votes)).collect()
    }

    fn cut(&self, patient: &Patient, side: Split, fingerprint: String) -> Result<PatientPatches> {
        let (labels, labels_sha256) = label_map(&patient.lesion_map)?;
        let mut inputs = vec![self.input(&patient.lesion_map, labels_sha256)];
        let mut non_finite = 0;
        let mut volumes = Vec::with_capacity(patient.contrasts.len());
        for contrast in &patient.contrasts {
            let Some(path) = &contrast.path else {
                volumes.push(None);
                continue;
            };
            let file = nifti_reader::read(path)?;
            inputs.push(self.input(path, file.sha256));
            non_finite += file.non_finite;
            let volume = file.volume.into_ras();
            labels.grid.require(&volume.grid, path, &patient.lesion_map)?;
            volumes.push(Some(to_physical(volume, contrast, path)?));
        }
        let mut done = PatientPatches {
            fingerprint,
            voxel_mm: labels.grid.voxel_mm(),
            lesions: Vec::new(),
            slices: Vec::new(),
            hashes: Vec::new(),
            inputs,
            non_finite,
            padded: 0,
            larger: 0,
            ranges: Vec::new(),
        };
        let mut used: Vec<Vec<f32>> = vec![Vec::new(); volumes.len()];
        for (number, votes) in self.votes_of(patient) {
            let key = LesionKey { patient: patient.id.clone(), number };
            let lesion =
                Cut { key, extent: self.extents[&LesionKey { patient: patient.id.clone(), number }], votes, side };
            self.lesion(&lesion, &labels, &volumes, &mut done, &mut used)?;
        }
        done.ranges = used
            .iter_mut()
            .map(|values| [0.005, 0.995].map(|share| percentile(values, share).unwrap_or_default()))
            .collect();
        Ok(done)
    }

    fn lesion(
        &self,
        lesion: &Cut,
        labels: &Volume,
        volumes: &[Option<Volume>],
        done: &mut PatientPatches,
        used: &mut [Vec<f32>],
    ) -> Result<()> {
        let shape = self.config.patch;
        let plane = (shape[1] * shape[2]) as usize;
        let centre = lesion.extent.centre;
        let id = lesion.key.to_string();
        let mask: Vec<u8> = patches::cut(labels, centre, shape, Border::Zero)
            .into_iter()
            .map(|label| u8::from(label == lesion.key.number as f32))
            .collect();
        let channel = |(volume, contrast): (&Option<Volume>, &String)| match volume {
            Some(volume) if contrast == "rim" => {
                let traced = patches::cut(volume, centre, shape, Border::Zero);
                let size = (shape[1] as usize, shape[2] as usize);
                traced.chunks_exact(plane).flat_map(|slice| gaussian(slice, size, self.config.rim_softness)).collect()
            }
            Some(volume) => patches::cut(volume, centre, shape, Border::Edge),
            None => vec![0.0; mask.len()],
        };
        let patch: Vec<f32> = volumes.iter().zip(&self.config.contrasts).flat_map(channel).collect();
        let slices = patches::slices(&mask, shape, self.config.slice_area_fraction);
        if slices.is_empty() {
            return Err(Problem::input(&self.cohort.root, format!("{id} has no voxel in the patch about its centre"))
                .expected(format!("a lesion that fits into {shape:?} voxels")));
        }
        let index = done.lesions.len() as u32;
        for &(z, voxels) in &slices {
            done.slices.push(Slice { lesion: index, z, voxels });
            for (at, contrast) in self.config.contrasts.iter().enumerate() {
                let values = &patch[at * mask.len() + z as usize * plane..][..plane];
                used[at].extend_from_slice(values);
                // Traced masks are small and alike; equal ones do not mean equal images.
                if contrast != "rim" {
                    done.hashes.push(PixelHash {
                        sha256: hash_pixels(values),
                        patient: lesion.key.patient.clone(),
                        name: format!("{id} slice {z}, {contrast}"),
                    });
                }
            }
        }
        let voxels = mask.iter().map(|&voxel| u64::from(voxel)).sum();
        done.larger += u64::from(voxels < lesion.extent.voxels);
        done.padded += u64::from(patches::is_padded(labels.grid.shape, centre, shape));
        let (file, mask_file) = (format!("{PATCHES}/{id}.npy"), format!("{PATCHES}/{id}_mask.npy"));
        let [depth, height, width] = shape.map(u64::from);
        let patch_shape = [volumes.len() as u64, depth, height, width];
        done.lesions.push(Lesion {
            sha256: patch_file::write(&self.out.join(&file), &patch_shape, &patch)?,
            mask_sha256: Some(patch_file::write(&self.out.join(&mask_file), &patch_shape[1..], &mask)?),
            id,
            patient: lesion.key.patient.clone(),
            centre,
            affine: labels.grid.affine,
            reader1: lesion.votes.0,
            reader2: lesion.votes.1,
            class: reader_table::class(lesion.votes),
            label: None,
            split: lesion.side,
            voxels,
            patch: file,
            mask: Some(mask_file),
        });
        Ok(())
    }

    fn input(&self, path: &Path, sha256: String) -> FileHash {
        let relative = path.strip_prefix(&self.cohort.root).unwrap_or(path);
        FileHash { path: relative.to_string_lossy().into_owned(), sha256 }
    }
}

/// One lesion on its way to a patch.
struct Cut {
    key: LesionKey,
    extent: Extent,
    votes: (bool, bool),
    side: Split,
}

fn inputs(patient: &Patient) -> impl Iterator<Item = &PathBuf> {
    std::iter::once(&patient.lesion_map).chain(patient.contrasts.iter().filter_map(|contrast| contrast.path.as_ref()))
}

/// ppb for susceptibility, a probability for the rim map, multiples of the foreground median for the rest.
fn to_physical(mut volume: Volume, contrast: &ContrastFile, path: &Path) -> Result<Volume> {
    let scale = match contrast.name.as_str() {
        "chimap" => contrast.scale as f32,
        "rim" => {
            let outside = volume.values.iter().copied().find(|value| !(-1e-3..=1.001).contains(value));
            if let Some(value) = outside {
                return Err(Problem::input(path, format!("the value {value}")).expected("probabilities from 0 to 1"));
            }
            1.0
        }
        _ => {
            let median = foreground_median(&volume.values)
                .ok_or_else(|| Problem::input(path, "no positive voxel").expected("an image to normalise"))?;
            1.0 / median
        }
    };
    volume.values.iter_mut().for_each(|value| *value *= scale);
    if contrast.name == "chimap"
        && let Some(found) = implausible_susceptibility(&volume.values)
    {
        return Err(Problem::input(path, found)
            .expected("tens of ppb: BIDS stores ppm")
            .advice("say {\"Units\": \"ppb\"} or {\"Units\": \"ppm\"} in the sidecar, whichever holds"));
    }
    Ok(volume)
}

/// All patients in one, and what a reader of the record should know.
fn assemble(cohort: &Cohort, config: &PrepareConfig, patients: Vec<PatientPatches>) -> Result<Extracted> {
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
            "{} in {}: window {} to {}; .5th and 99.5th percentile of the training slices, mean over {} patients: {:.2} and {:.2}",
            contrast.name, contrast.unit, contrast.window.low, contrast.window.high, ranges.len(), mean(0), mean(1)
        ));
    }
    let (padded, larger) = patients.iter().fold((0, 0), |sum, one| (sum.0 + one.padded, sum.1 + one.larger));
    all.notes.push(format!("{padded} patches reach beyond the volume and repeat its nearest voxels there"));
    all.notes.push(format!("{larger} lesions are larger than their patch"));
    all.contrasts = contrasts;
    all.inputs = tables(cohort)?;
    for patient in patients {
        let first = all.lesions.len() as u32;
        all.slices.extend(patient.slices.into_iter().map(|slice| Slice { lesion: first + slice.lesion, ..slice }));
        all.lesions.extend(patient.lesions);
        all.hashes.extend(patient.hashes);
        all.inputs.extend(patient.inputs);
        all.non_finite += patient.non_finite;
    }
    Ok(all)
}

fn tables(cohort: &Cohort) -> Result<Vec<FileHash>> {
    let path = &cohort.reader_table;
    let bytes = std::fs::read(path).map_err(|error| Problem::io(path, "reading", error))?;
    let relative = path.strip_prefix(&cohort.root).unwrap_or(path);
    Ok(vec![FileHash { path: relative.to_string_lossy().into_owned(), sha256: digest::sha256(&bytes) }])
}

/// The voxel size that all patients share, as depth, height, width.
fn voxel_size(cohort: &Cohort, patients: &[PatientPatches]) -> Result<Option<[f64; 3]>> {
    let Some(first) = patients.first() else { return Ok(None) };
    let differs = |patient: &&PatientPatches| {
        patient.voxel_mm.iter().zip(first.voxel_mm).any(|(a, b)| (a - b).abs() > VOXEL_TOLERANCE * b)
    };
    if let Some(other) = patients.iter().find(differs) {
        let name =
            |patient: &PatientPatches| patient.lesions.first().map_or("?".into(), |lesion| lesion.patient.clone());
        return Err(Problem::input(
            &cohort.root,
            format!(
                "voxels of {:?} mm in {} and of {:?} mm in {}",
                first.voxel_mm,
                name(first),
                other.voxel_mm,
                name(other)
            ),
        )
        .expected("one voxel size (within 1 %) in all patients")
        .advice("resample the volumes and label maps to one voxel size first"));
    }
    let [x, y, z] = first.voxel_mm;
    Ok(Some([z, y, x]))
}

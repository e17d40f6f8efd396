//! A BIDS cohort to patches, patient by patient in parallel; a patient that is done is not done again.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bids::{self, Cohort, Patient};
use super::channel::Channel;
use super::extracted::{Extracted, PATCHES, hash_pixels, stop_if_asked};
use super::intensity::default_contrast;
use super::label_map::{self, LabelMap};
use super::manifest::{Classes, Items, Lesion, SCHEMA, Slice, Split};
use super::patch_file;
use super::patches;
use super::prepare_config::PrepareConfig;
use super::ranks::Ranks;
use super::reader_table::{self, LesionKey};
use super::split::{self, PixelHash};
use crate::digest;
use crate::files;
use crate::nifti;
use crate::nifti::grid::RasAxes;
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
    let maps = label_maps(&cohort, observer)?;
    let keys_of = |(id, map): (&String, &LabelMap)| {
        let key = |&number| LesionKey { patient: id.clone(), number };
        map.lesions.keys().map(key).collect::<Vec<_>>()
    };
    let mapped: BTreeSet<LesionKey> = maps.iter().flat_map(keys_of).collect();
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
    let work = Work { cohort: &cohort, maps: &maps, config, out, memory: Memory::default() };
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

/// All label maps, by patient.
fn label_maps(cohort: &Cohort, observer: &dyn Observer) -> Result<HashMap<String, LabelMap>> {
    observer.begin("label maps", "patients", cohort.patients.len() as u64);
    let maps = cohort.patients.par_iter().map(|patient| {
        stop_if_asked(observer)?;
        let map = LabelMap::read(&patient.lesion_map)?;
        observer.advance(1);
        Ok((patient.id.clone(), map))
    });
    let maps = maps.collect::<Result<HashMap<_, _>>>();
    observer.end();
    maps
}

fn sides(cohort: &Cohort, config: &PrepareConfig, seed: RunSeed) -> Result<HashMap<String, Split>> {
    let kinds = split::kinds(&Classes::of_readers());
    let classes: Vec<_> = cohort.votes.values().map(|&votes| reader_table::class(votes)).collect();
    let lesions = cohort.votes.keys().map(|key| key.patient.as_str()).zip(&classes);
    let patients = split::count_lesions(lesions, &kinds);
    let sides = split::assign(&patients, &kinds, config.shares(), seed)?;
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
    maps: &'a HashMap<String, LabelMap>,
    config: &'a PrepareConfig,
    out: &'a Path,
    memory: Memory,
}

/// Memory of volumes that are done with, for the next ones.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<f32>>>);

impl Memory {
    fn take(&self) -> Vec<f32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, values: Vec<f32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

impl Work<'_> {
    fn patient(&self, patient: &Patient, side: Split) -> Result<PatientPatches> {
        let kept = self.out.join(PARTIAL).join(format!("{}.json", patient.id));
        let fingerprint = self.fingerprint(patient, side)?;
        if let Some(done) = self.kept(&kept, &fingerprint) {
            return Ok(done);
        }
        let done = self.cut(patient, side, fingerprint)?;
        // The kept patches' hashes stand in it, so nothing is lost where a power cut takes it or them.
        files::note_json(&kept, &done)?;
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
        let labels = &self.maps[&patient.id];
        let mut inputs = vec![self.input(&patient.lesion_map, labels.sha256.clone())];
        let mut non_finite = 0;
        let mut channels = Vec::with_capacity(patient.contrasts.len());
        for contrast in &patient.contrasts {
            let Some(path) = &contrast.path else {
                channels.push(None);
                continue;
            };
            let mut file = nifti::read_into(path, self.memory.take())?;
            inputs.push(self.input(path, std::mem::take(&mut file.sha256)));
            non_finite += file.non_finite;
            labels.grid.require(&RasAxes::new(&file.volume.grid).grid, path, &patient.lesion_map)?;
            channels.push(Some(Channel::new(file, contrast, path, self.config.rim_softness)?));
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
        let mut used: Vec<Vec<f32>> = vec![Vec::new(); channels.len()];
        for (number, votes) in self.votes_of(patient) {
            let key = LesionKey { patient: patient.id.clone(), number };
            let lesion = Cut { key, mapped: &labels.lesions[&number], votes, side };
            self.lesion(&lesion, labels, &channels, &mut done, &mut used)?;
        }
        done.ranges = used.iter().map(|values| range(values)).collect();
        channels.into_iter().flatten().for_each(|channel| self.memory.give_back(channel.volume.values));
        Ok(done)
    }

    fn lesion(
        &self,
        lesion: &Cut,
        labels: &LabelMap,
        channels: &[Option<Channel>],
        done: &mut PatientPatches,
        used: &mut [Vec<f32>],
    ) -> Result<()> {
        let shape = self.config.patch;
        let plane = (shape[1] * shape[2]) as usize;
        let centre = lesion.mapped.extent.centre;
        let id = lesion.key.to_string();
        let mask = lesion.mapped.mask(shape);
        let mut patch = vec![0.0; channels.len() * mask.len()];
        for (channel, part) in channels.iter().zip(patch.chunks_exact_mut(mask.len())) {
            if let Some(channel) = channel {
                channel.cut(centre, shape, part);
            }
        }
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
        done.larger += u64::from(voxels < lesion.mapped.extent.voxels);
        done.padded += u64::from(patches::is_padded(labels.grid.shape, centre, shape));
        let (file, mask_file) = (format!("{PATCHES}/{id}.npy"), format!("{PATCHES}/{id}_mask.npy"));
        let [depth, height, width] = shape.map(u64::from);
        let patch_shape = [channels.len() as u64, depth, height, width];
        done.lesions.push(Lesion {
            sha256: patch_file::write(&self.out.join(&file), &patch_shape, &patch)?,
            mask_sha256: Some(patch_file::write(&self.out.join(&mask_file), &patch_shape[1..], &mask)?),
            id,
            patient: lesion.key.patient.clone(),
            centre,
            affine: labels.grid.affine,
            reader1: Some(lesion.votes.0),
            reader2: Some(lesion.votes.1),
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
struct Cut<'a> {
    key: LesionKey,
    mapped: &'a label_map::Lesion,
    votes: (bool, bool),
    side: Split,
}

fn inputs(patient: &Patient) -> impl Iterator<Item = &PathBuf> {
    std::iter::once(&patient.lesion_map).chain(patient.contrasts.iter().filter_map(|contrast| contrast.path.as_ref()))
}

/// The .5th and 99.5th percentile.
fn range(values: &[f32]) -> [f32; 2] {
    let all = Ranks::new(values, |_| true);
    [0.005, 0.995].map(|share| all.percentile(share).unwrap_or_default())
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

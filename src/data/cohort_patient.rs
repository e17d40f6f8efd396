//! One patient of a cohort: its volumes to patches, and a note so that it need not be done again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::background::BackgroundNotes;
use super::bids::{Cohort, Patient};
use super::channel::{Channel, Wanted};
use super::extracted::{PATCHES, hash_pixels};
use super::label_map::{self, LabelMap};
use super::manifest::{Lesion, SCHEMA, Slice, Split};
use super::measure::Measure;
use super::missing;
use super::name_join::listed;
use super::patch_file;
use super::patches;
use super::place_notes::PlaceNotes;
use super::prepare_config::PrepareConfig;
use super::reader_table::{self, LesionKey};
use super::rim_maps::TRACED;
use super::slice_ranges::SliceRanges;
use super::split::PixelHash;
use crate::digest;
use crate::files::{self, kind_of};
use crate::name::{Inside, Name};
use crate::nifti;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;

/// What finished patients leave until the manifest is written.
pub(super) const PARTIAL: &str = ".partial";

/// Bytes of the parts of volumes that are in memory at once, those of all patients that are worked on together. A
/// patient with more lesions than that is cut in groups, for each of which its volumes are read again.
const PARTS_BYTES: usize = 64 << 20;

/// A patient's share of them is not less, however many are worked on: 81 lesions of one contrast, which few patients
/// have.
const LEAST_PARTS_BYTES: usize = 32 << 20;

/// Values of a patient's used slices that stay in memory (16 MB), to find their percentiles.
const USED_VALUES: usize = 1 << 22;

/// Largest share of a traced map inside a lesion, below which nothing is traced there: one of two readers' line of one
/// voxel, smoothed as by default, has .2.
const FAINTEST: f32 = 0.05;

/// Largest share of a lesion that neither reader calls a rim which is traced, and of a rim: beyond these a map may be
/// one of lesions.
const MOST_TRACED: [f32; 2] = [0.5, 0.95];

/// A finished patient, as kept on disk until all are.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PatientPatches {
    /// Changes with anything that the patches depend on.
    fingerprint: String,
    /// Along x, y, z.
    pub voxel_mm: [f64; 3],
    pub lesions: Vec<Lesion>,
    /// Lesion indices count from the patient's first.
    pub slices: Vec<Slice>,
    pub hashes: Vec<PixelHash>,
    pub inputs: Vec<FileHash>,
    /// Voxels that were NaN or infinite.
    pub non_finite: u64,
    /// Patches that reach beyond the volume, and lesions larger than a patch.
    pub padded: u64,
    pub larger: u64,
    /// Lesions that both readers call a rim, and inside which the traced map has none.
    #[serde(default)]
    pub untraced: Vec<Name>,
    /// Lesions that neither calls a rim and that are traced for the most part, and rims that are traced throughout.
    #[serde(default)]
    pub overtraced: Vec<Name>,
    /// Of each lesion: its mean susceptibility less that of the patch around it, in ppb; none where it fills the patch.
    /// Empty without such a map.
    #[serde(default)]
    pub above: Vec<Option<f32>>,
    /// Per contrast the .5th and 99.5th percentile over the used slices, in physical units.
    pub ranges: Vec<[f32; 2]>,
    /// What the headers of its files leave open.
    #[serde(flatten)]
    pub places: PlaceNotes,
    /// Of volumes whose background is no number.
    #[serde(flatten)]
    pub background: BackgroundNotes,
}

/// What cutting a patient needs; shared by all threads.
pub(super) struct Work<'a> {
    pub cohort: &'a Cohort,
    /// Of every patient.
    pub maps: &'a HashMap<String, LabelMap>,
    pub config: &'a PrepareConfig,
    /// The data folder.
    pub out: &'a Path,
    pub memory: Memory,
}

/// Memory of volumes that are done with, for the next ones.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Vec<f32>>>);

impl Memory {
    fn take(&self) -> Vec<f32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, values: Vec<f32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(values);
    }
}

impl Work<'_> {
    /// A patient's patches: those that an interrupted run left, or cut now.
    ///
    /// # Errors
    /// Files that do not fit each other or hold what the contrast cannot have; writing failed.
    pub fn patient(&self, patient: &Patient, side: Split) -> Result<PatientPatches> {
        let kept = self.out.join(PARTIAL).join(format!("{}.json", patient.id));
        let fingerprint = self.fingerprint(patient, side)?;
        if let Some(done) = self.kept(&kept, &fingerprint)? {
            tracing::info!("{}: cut before from the same files, kept", kept.display());
            return Ok(done);
        }
        let done = self.cut(patient, side, fingerprint)?;
        // The kept patches' hashes stand in it, so nothing is lost where a power cut takes it or them.
        files::note_json(&kept, &done)?;
        Ok(done)
    }

    /// What an interrupted run left of this patient, if nothing has changed since and every patch is whole.
    fn kept(&self, path: &Path, fingerprint: &str) -> Result<Option<PatientPatches>> {
        let Some(done) = files::read_note::<PatientPatches>(path)?.filter(|done| done.fingerprint == fingerprint)
        else {
            return Ok(None);
        };
        let whole = |file: &Inside, sha256: &str| match files::sha256(self.out.join(file)) {
            Ok(found) => Ok(found == sha256),
            // No permission, a disk that fails: that says nothing about the patch.
            Err(problem) if problem.kind() == Kind::Environment => Err(problem),
            Err(_) => Ok(false),
        };
        for lesion in &done.lesions {
            let mask = match (&lesion.mask, &lesion.mask_sha256) {
                (Some(file), Some(sha256)) => whole(file, sha256)?,
                (file, _) => file.is_none(),
            };
            if !(mask && whole(&lesion.patch, &lesion.sha256)?) {
                return Ok(None);
            }
        }
        Ok(Some(done))
    }

    /// Hash of the settings, the side, the votes, the units, and size and time of every input file.
    fn fingerprint(&self, patient: &Patient, side: Split) -> Result<String> {
        let mut facts = format!("{SCHEMA} {:?} {side:?} {:?}", self.config, self.votes_of(patient));
        for contrast in &patient.contrasts {
            // From a sidecar, which may have been corrected since.
            facts.push_str(&format!(" x{}", contrast.scale));
        }
        for path in inputs(patient) {
            let file = kind_of::facts(path)?;
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
        let lesions: Vec<_> = self.votes_of(patient);
        let centres: Vec<_> = lesions.iter().map(|(number, _)| labels.lesions[number].extent.centre).collect();
        let config = self.config;
        let wanted =
            |centres| Wanted { centres, shape: config.patch, rim_softness: config.rim_softness, form: config.form };
        let images = patient.contrasts.iter().filter(|contrast| contrast.path.is_some()).count();
        let groups = centres.chunks(self.at_once(labels.placement.grid.voxels(), images, rayon::current_num_threads()));
        let first = groups.clone().next().unwrap_or_default();
        let (mut places, mut background) = (PlaceNotes::default(), BackgroundNotes::default());
        places.add(&labels.placement, &self.relative(&patient.lesion_map));
        background.add(&self.relative(&patient.lesion_map), labels.background, 0);
        for contrast in &patient.contrasts {
            let Some(path) = &contrast.path else {
                channels.push(None);
                continue;
            };
            let file = nifti::open(path, self.config.form)?;
            labels.placement.require(&file.placement(), path, &patient.lesion_map, self.config.form)?;
            places.add(&file.placement(), &self.relative(path));
            let mut memory = self.memory.take();
            let channel = Channel::read(file, contrast, path, &wanted(first), &mut memory)?;
            self.memory.give_back(memory);
            inputs.push(self.input(path, channel.sha256.clone()));
            non_finite += channel.gaps.voxels();
            let reaching = self.require_finite(&channel, path, &lesions, labels)?;
            background.add(&self.relative(path), channel.gaps.background(), reaching);
            if channel.is_blank() && lesions.iter().any(|(_, votes)| *votes == (true, true)) {
                return Err(Problem::input(path, format!("nothing but zeros: no traced rims for {}", patient.id))
                    .expected("traced rims, since both readers see a rim in this patient")
                    .advice(format!("give the traced map, or leave `{}` out of the contrasts", contrast.name)));
            }
            channels.push(Some(channel));
        }
        let mut done = PatientPatches {
            fingerprint,
            voxel_mm: labels.placement.grid.voxel_mm(),
            lesions: Vec::new(),
            slices: Vec::new(),
            hashes: Vec::new(),
            inputs,
            non_finite,
            padded: 0,
            larger: 0,
            untraced: Vec::new(),
            overtraced: Vec::new(),
            above: Vec::new(),
            ranges: Vec::new(),
            places,
            background,
        };
        let mut used = SliceRanges::new(channels.len(), USED_VALUES);
        let mut empty: Vec<Vec<String>> = vec![Vec::new(); channels.len()];
        let mut lesions = lesions.into_iter();
        let mut twins = self.pairs();
        for (group, centres) in groups.enumerate() {
            if group > 0 {
                for (channel, contrast) in channels.iter_mut().zip(&patient.contrasts) {
                    if let (Some(channel), Some(path)) = (channel, &contrast.path) {
                        channel.take(path, &wanted(centres))?;
                    }
                }
            }
            for (which, (number, votes)) in lesions.by_ref().take(centres.len()).enumerate() {
                let key = LesionKey { patient: patient.id.clone(), number };
                let mapped = &labels.lesions[&number];
                let lesion = Cut { which, key, mapped, mask: mapped.mask(self.config.patch), votes, side };
                let patch = self.lesion(&lesion, labels, &channels, &mut done, &mut used)?;
                self.note_empty(&lesion, &patch, &mut empty);
                self.note_untraced(&lesion, &patch, &mut done);
                self.note_above(&lesion, &patch, &mut done);
                let channel = |at: usize| &patch[at * lesion.mask.len()..][..lesion.mask.len()];
                twins.retain(|&[one, other]| channel(one) == channel(other));
            }
        }
        self.require_something(patient, &empty)?;
        if let Some([one, other]) = twins.first().map(|pair| pair.map(|at| &patient.contrasts[at])) {
            let found = format!("the {} of {} is its {} in all its lesions' patches", other.name, patient.id, one.name);
            return Err(Problem::input(other.path.as_ref().unwrap_or(&patient.lesion_map), found)
                .expected("an image of its own for each contrast")
                .advice("look which of the two files lies under the wrong name"));
        }
        done.ranges = used.ends(&mut |channel, see| self.used_again(&done, channel, see))?;
        Ok(done)
    }

    /// Contrasts that may be one file under two names; maps of tracings are empty in many lesions.
    fn pairs(&self) -> Vec<[usize; 2]> {
        let images = self.config.contrasts.iter().enumerate();
        let images: Vec<usize> =
            images.filter(|(_, name)| Measure::of(name) != Measure::Traced).map(|(at, _)| at).collect();
        let with = |(at, &one): (usize, &usize)| images[..at].iter().map(|&other| [other, one]).collect::<Vec<_>>();
        images.iter().enumerate().flat_map(with).collect()
    }

    /// Lesions whose patches are cut at once, from volumes of `voxels` voxels of `images` images, where `workers` work.
    fn at_once(&self, voxels: usize, images: usize, workers: usize) -> usize {
        let most = (PARTS_BYTES / workers.max(1)).max(LEAST_PARTS_BYTES) / (size_of::<f32>() * images.max(1));
        if voxels <= most {
            // Patches take no more than the volume that they are cut from.
            return usize::MAX;
        }
        let patch: usize = self.config.patch.iter().map(|&side| side as usize).product();
        (most / patch.max(1)).max(1)
    }

    /// Shows `see` a channel's values in the used slices of the patches that lie on disk.
    fn used_again(&self, done: &PatientPatches, channel: usize, see: &mut dyn FnMut(&[f32])) -> Result<()> {
        let [depth, height, width] = self.config.patch.map(u64::from);
        let shape = [self.config.contrasts.len() as u64, depth, height, width];
        let plane = (height * width) as usize;
        for slices in done.slices.chunk_by(|a, b| a.lesion == b.lesion) {
            let lesion = &done.lesions[slices[0].lesion as usize];
            let patch = patch_file::read::<f32>(&self.out.join(&lesion.patch), &shape, &lesion.sha256)?;
            slices
                .iter()
                .for_each(|slice| see(&patch[(channel * depth as usize + slice.z as usize) * plane..][..plane]));
        }
        Ok(())
    }

    /// Refuses a volume whose NaN or infinite voxels lie where lesions are; how many lesions' patches reach into a
    /// background of such.
    fn require_finite(
        &self,
        channel: &Channel,
        path: &Path,
        lesions: &[(u32, (bool, bool))],
        labels: &LabelMap,
    ) -> Result<u64> {
        let (mut found, mut reaching) = (Vec::new(), 0);
        for (number, _) in lesions {
            let missing = labels.lesions[number].missing(&channel.gaps, self.config.patch);
            found.extend(missing.words().map(|words| format!("lesion {number} ({words})")));
            reaching += u64::from(missing.reaches_outside);
        }
        if found.is_empty() {
            return Ok(reaching);
        }
        Err(Problem::input(path, format!("values are missing where they matter: {}", listed(&found)))
            .expected("at most 1 % of a lesion's voxels, and of its patch's in the brain, that are NaN or infinite")
            .advice("repair the reconstruction, or take the lesion out of the reader table and the label map"))
    }

    /// Notes for each channel in which a lesion has no values.
    fn note_empty(&self, lesion: &Cut, patch: &[f32], empty: &mut [Vec<String>]) {
        let values = patch.chunks_exact(lesion.mask.len());
        for ((contrast, values), empty) in self.config.contrasts.iter().zip(values).zip(empty) {
            let in_ppb = match Measure::of(contrast) {
                Measure::Traced => continue,
                Measure::Susceptibility => true,
                Measure::Weighted => false,
            };
            let words = missing::nothing(&lesion.mask, values, in_ppb);
            empty.extend(words.map(|words| format!("lesion {} ({words})", lesion.key.number)));
        }
    }

    /// Notes an agreed rim whose traced map shows next to nothing inside the lesion (it may lie elsewhere, or be no
    /// share from 0 to 1), and lesions that it fills: it may be one of lesions, or of other votes.
    fn note_untraced(&self, lesion: &Cut, patch: &[f32], done: &mut PatientPatches) {
        let (rim, most) = match lesion.votes {
            (true, true) => (true, MOST_TRACED[1]),
            (false, false) => (false, MOST_TRACED[0]),
            _ => return,
        };
        let maps = self.config.contrasts.iter().zip(patch.chunks_exact(lesion.mask.len()));
        for (_, map) in maps.filter(|(contrast, _)| Measure::of(contrast) == Measure::Traced) {
            let inside = || lesion.mask.iter().zip(map).filter(|(inside, _)| **inside > 0).map(|(_, &share)| share);
            if rim && !inside().any(|share| share >= FAINTEST) {
                done.untraced.extend(done.lesions.last().map(|cut| cut.id.clone()));
            }
            let traced = inside().filter(|&share| share >= TRACED).count();
            if traced as f32 > most * inside().count() as f32 {
                done.overtraced.extend(done.lesions.last().map(|cut| cut.id.clone()));
            }
        }
    }

    /// Notes how far the lesion's mean susceptibility lies above that of the rest of its patch, ppb.
    fn note_above(&self, lesion: &Cut, patch: &[f32], done: &mut PatientPatches) {
        let is_susceptibility = |name: &String| Measure::of(name) == Measure::Susceptibility;
        let Some(at) = self.config.contrasts.iter().position(is_susceptibility) else { return };
        let values = &patch[at * lesion.mask.len()..][..lesion.mask.len()];
        let mean = |inside: bool| {
            let own =
                lesion.mask.iter().zip(values).filter(|(mask, value)| (**mask > 0) == inside && value.is_finite());
            let (sum, count) = own.fold((0f64, 0u64), |(sum, count), (_, value)| (sum + f64::from(*value), count + 1));
            (count > 0).then(|| (sum / count as f64) as f32)
        };
        done.above.push(mean(true).zip(mean(false)).map(|(own, around)| own - around));
    }

    fn require_something(&self, patient: &Patient, empty: &[Vec<String>]) -> Result<()> {
        let found = patient.contrasts.iter().zip(empty).find(|(_, lesions)| !lesions.is_empty());
        let Some((contrast, lesions)) = found else { return Ok(()) };
        let path = contrast.path.as_ref().unwrap_or(&patient.lesion_map);
        Err(Problem::input(path, format!("no values where they matter: {}", listed(lesions)))
            .expected("a map that covers each lesion of the reader table")
            .advice("repair the map, or take the lesion out of the reader table and the label map"))
    }

    fn lesion(
        &self,
        lesion: &Cut,
        labels: &LabelMap,
        channels: &[Option<Channel>],
        done: &mut PatientPatches,
        used: &mut SliceRanges,
    ) -> Result<Vec<f32>> {
        let shape = self.config.patch;
        let centre = lesion.mapped.extent.centre;
        let id = Name::new(lesion.key.to_string())
            .map_err(|fault| Problem::input(&self.cohort.root, fault).advice("rename the patient"))?;
        let mask = &lesion.mask;
        let mut patch = vec![0.0; channels.len() * mask.len()];
        for (channel, part) in channels.iter().zip(patch.chunks_exact_mut(mask.len())) {
            if let Some(channel) = channel {
                channel.cut(lesion.which, centre, shape, part);
            }
        }
        let slices = patches::slices(mask, shape, self.config.slice_area_fraction);
        if slices.is_empty() {
            return Err(Problem::input(&self.cohort.root, format!("{id} has no voxel in the patch about its centre"))
                .expected(format!("a lesion that fits into {shape:?} voxels")));
        }
        self.note_slices(&lesion.key, &slices, &patch, done, used);
        let voxels = mask.iter().map(|&voxel| u64::from(voxel)).sum();
        done.larger += u64::from(voxels < lesion.mapped.extent.voxels);
        let (file, mask_file) = (Inside::of(PATCHES, &id, ".npy"), Inside::of(PATCHES, &id, "_mask.npy"));
        done.padded += u64::from(patches::is_padded(labels.placement.grid.shape, centre, shape));
        let [depth, height, width] = shape.map(u64::from);
        let patch_shape = [channels.len() as u64, depth, height, width];
        done.lesions.push(Lesion {
            sha256: patch_file::write(&self.out.join(&file), &patch_shape, &patch)?,
            mask_sha256: Some(patch_file::write(&self.out.join(&mask_file), &patch_shape[1..], mask)?),
            id,
            patient: lesion.key.patient.clone(),
            centre,
            affine: labels.placement.grid.affine(),
            patch_affine: None,
            reader1: Some(lesion.votes.0),
            reader2: Some(lesion.votes.1),
            class: reader_table::class(lesion.votes),
            label: None,
            split: lesion.side,
            voxels,
            patch: file,
            mask: Some(mask_file),
        });
        Ok(patch)
    }

    /// Adds the slices (index, voxels of the lesion) of the next lesion to `done` and their values, by channel, to
    /// `used`.
    fn note_slices(
        &self,
        key: &LesionKey,
        slices: &[(u32, u32)],
        patch: &[f32],
        done: &mut PatientPatches,
        used: &mut SliceRanges,
    ) {
        let [depth, height, width] = self.config.patch.map(|side| side as usize);
        let (plane, channel) = (height * width, depth * height * width);
        let lesion = done.lesions.len() as u32;
        for &(z, voxels) in slices {
            done.slices.push(Slice { lesion, z, voxels });
            for (at, contrast) in self.config.contrasts.iter().enumerate() {
                let values = &patch[at * channel + z as usize * plane..][..plane];
                used.add(at, values);
                // Traced masks are small and alike; equal ones do not mean equal images.
                if Measure::of(contrast) != Measure::Traced {
                    done.hashes.push(PixelHash {
                        sha256: hash_pixels(values),
                        patient: key.patient.clone(),
                        name: format!("{key} slice {z}, {contrast}"),
                    });
                }
            }
        }
    }

    fn input(&self, path: &Path, sha256: String) -> FileHash {
        FileHash { path: self.relative(path), sha256 }
    }

    fn relative(&self, path: &Path) -> String {
        self.cohort.relative(path)
    }
}

/// One lesion on its way to a patch.
struct Cut<'a> {
    /// Of the patient's.
    which: usize,
    key: LesionKey,
    mapped: &'a label_map::Lesion,
    /// In the patch, 1 inside.
    mask: Vec<u8>,
    votes: (bool, bool),
    side: Split,
}

fn inputs(patient: &Patient) -> impl Iterator<Item = &PathBuf> {
    std::iter::once(&patient.lesion_map).chain(patient.contrasts.iter().filter_map(|contrast| contrast.path.as_ref()))
}

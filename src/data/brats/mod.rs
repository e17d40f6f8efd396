//! Brains with gliomas as BraTS and BraTS-Africa are downloaded: slices of three planes, each told its plane, whether
//! it cuts a tumour, and whose it is.
//!
//! layout (which files) -> case (volumes in one orientation, labels by their scheme, a window of each volume) -> planes
//! (slices), or whole (one volume a case) -> patches of one slice, or of one volume, split by patient over all planes.

pub mod config;

pub mod labels;

pub(super) mod layout;

pub(super) mod case;

mod decathlon;

mod lacking;

mod planes;

mod whole;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rayon::prelude::*;

use self::case::CaseVolumes;
use self::config::{Plane, SliceClasses};
use self::layout::{CaseFiles, LABELS, Layout};
use self::planes::Cut;
use super::background::BackgroundNotes;
use super::extracted::{Extracted, PATCHES, few_at_once, hash_pixels, require_one_origin, stop_if_asked};
use super::from_images::Target;
use super::manifest::{Class, Classes, Lesion, Slice, Split};
use super::name_join::listed;
use super::own_labels;
use super::patch_file;
use super::place_notes::PlaceNotes;
use super::prepare_config::PrepareConfig;
use super::split::{self, PixelHash};
use super::visits;
use crate::name::{Inside, Name};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::label::{Contrast, Window};
use crate::records::prepare::VolumeWindowed;
use crate::seed::RunSeed;

/// Side of a slice where nothing else is asked for, in pixels.
const SIDE: u32 = 64;

/// Reads the set at `root`.
///
/// # Errors
/// Files that are no cases or contradict each other, a split that cannot be made, or a request to stop.
pub(super) fn extract(
    root: &Path,
    target: Target<'_>,
    config: &PrepareConfig,
    (seed, observer): (RunSeed, &dyn Observer),
) -> Result<Extracted> {
    let layout = Layout::read(root, config.brats.other_neoplasms)?;
    let contrasts = config.brats_contrasts();
    let usual = if config.brats.volumes { whole::SIDE } else { SIDE };
    let side = config.side.unwrap_or(usual) as usize;
    lacking::require_labels(root, &layout.cases, &contrasts, config)?;
    let work = Work { config, contrasts: &contrasts, side, root, target };
    crate::files::make_folder(&target.out.join(PATCHES))?;
    observer.begin(
        if config.brats.volumes { "averaging volumes" } else { "cutting slices" },
        "cases",
        layout.cases.len() as u64,
    );
    let one = |case: &CaseFiles| {
        stop_if_asked(observer)?;
        let done = work.case(case)?;
        observer.advance(1);
        Ok(done)
    };
    let done = few_at_once(|| layout.cases.par_iter().with_max_len(1).map(one).collect::<Result<Vec<Done>>>())?;
    observer.end();
    let mut all = assemble(&work, &layout, done?)?;
    deal(&mut all, &layout, config, (seed, observer)).map_err(|problem| problem.at(root))?;
    Ok(all)
}

/// What cutting a case needs.
struct Work<'a> {
    config: &'a PrepareConfig,
    contrasts: &'a [String],
    side: usize,
    root: &'a Path,
    target: Target<'a>,
}

/// Slices of one case.
struct Done {
    lesions: Vec<Lesion>,
    voxels: Vec<u32>,
    hashes: Vec<PixelHash>,
    inputs: Vec<FileHash>,
    windows: Vec<VolumeWindowed>,
    simulated: bool,
    places: PlaceNotes,
    background: BackgroundNotes,
    /// Labelled voxels where there is no brain.
    outside: u64,
    /// Voxels that were NaN or infinite.
    non_finite: u64,
    /// Voxels far from their window.
    far: u64,
    /// Depth, height and width of the items' voxels in mm, each size once.
    mm: Vec<[f64; 3]>,
    /// Slices that cut too little of a tumour to say which class they are.
    between: usize,
    labelled: [bool; 3],
    /// Of its labels.
    labels: Option<String>,
    /// Of the case.
    name: String,
}

impl Work<'_> {
    fn case(&self, case: &CaseFiles) -> Result<Done> {
        let mut volumes = CaseVolumes::read(case, self.contrasts, &self.config.brats, self.config.form)?;
        let relative = |file: FileHash| {
            let path = Path::new(&file.path).strip_prefix(self.root).unwrap_or(Path::new(&file.path));
            FileHash { path: path.display().to_string(), ..file }
        };
        let regions = volumes.regions.as_deref();
        let of_slices = !self.config.brats.volumes;
        let has = |region: u8| regions.is_some_and(|regions| regions.contains(&region));
        let mut done = Done {
            lesions: vec![],
            voxels: vec![],
            hashes: vec![],
            inputs: volumes.inputs.iter().cloned().map(relative).collect(),
            windows: volumes.windows.clone(),
            simulated: volumes.simulated,
            places: std::mem::take(&mut volumes.places),
            background: std::mem::take(&mut volumes.background),
            outside: volumes.outside,
            non_finite: volumes.non_finite,
            far: volumes.far,
            mm: vec![],
            between: 0,
            labelled: [has(1), has(2), has(3)],
            labels: regions.and_then(own_labels::identity),
            name: case.id.to_string(),
        };
        if !of_slices {
            self.whole(case, &volumes, &mut done)?;
            return Ok(done);
        }
        for &plane in &self.config.brats.planes {
            self.plane(case, &volumes, plane, &mut done)?;
        }
        Ok(done)
    }

    /// Of each channel of an item, the labels aside: drawn anew, or as another year's edition has them, they are
    /// another reading of the same person.
    fn hashes(&self, case: &CaseFiles, levels: &[f32], name: &str) -> Vec<PixelHash> {
        let channels = levels.chunks_exact(levels.len() / self.contrasts.len());
        let images = self.contrasts.iter().zip(channels).filter(|(contrast, _)| *contrast != LABELS);
        let hash = |(contrast, levels): (&String, &[f32])| PixelHash {
            sha256: hash_pixels(levels),
            patient: case.patient.clone(),
            name: format!("{name}, {contrast}"),
        };
        images.map(hash).collect()
    }

    /// Adds the slices of a plane that show enough brain.
    fn plane(&self, case: &CaseFiles, volumes: &CaseVolumes, plane: Plane, done: &mut Done) -> Result<()> {
        let cut = Cut::new(&volumes.grid, plane, self.side);
        done.mm.push(cut.pixel_mm(volumes.grid.voxel_mm()));
        let brats = &self.config.brats;
        // The places of one slice at a time: those of all take eight bytes a voxel.
        let mut areas = vec![0usize; cut.count()];
        for at in (0..volumes.brain.len()).filter(|&at| volumes.brain[at]) {
            areas[volumes.grid.voxel(at)[plane.across()]] += 1;
        }
        let largest = areas.iter().copied().max().unwrap_or_default();
        let used = |at: &usize| areas[*at] > 0 && areas[*at] as f64 >= brats.least_area * largest as f64;
        let used: Vec<usize> = (0..cut.count()).filter(used).step_by(brats.step as usize).collect();
        for at in used {
            let (places, size) = cut.places(at);
            let slice = (places.as_slice(), size);
            let cuts = |regions: &[u8]| places.iter().filter(|&&place| regions[place] != 0).count() as u32;
            let tumour = volumes.regions.as_deref().map_or(0, cuts);
            if (1..brats.least_tumour).contains(&tumour) {
                done.between += 1;
                continue;
            }
            let class = class(plane, tumour > 0, &case.population, brats.classes);
            let id = case.id.with(&format!("_{}-{at:03}", plane.key()));
            self.slice(case, volumes, &cut, slice, (id, class, at, plane), done)?;
        }
        Ok(())
    }

    fn slice(
        &self,
        case: &CaseFiles,
        volumes: &CaseVolumes,
        cut: &Cut,
        slice: (&[usize], [usize; 2]),
        (id, class, at, plane): (Name, Class, usize, Plane),
        done: &mut Done,
    ) -> Result<()> {
        let regions = volumes.regions.as_deref().map(|regions| cut.regions(regions, slice));
        let mut levels = Vec::with_capacity(self.contrasts.len() * self.side * self.side);
        for (contrast, values) in self.contrasts.iter().zip(&volumes.channels) {
            match &regions {
                Some(regions) if contrast == LABELS => levels.extend(regions.iter().map(|&region| f32::from(region))),
                _ => levels.extend(cut.levels(values, slice)),
            }
        }
        let shape = [self.contrasts.len(), 1, self.side, self.side].map(|size| size as u64);
        let patch = Inside::of(PATCHES, &id, ".npy");
        (self.target.free)(vec![patch.as_str().to_owned()])?;
        let sha256 = patch_file::write(&self.target.out.join(&patch), &shape, &levels)?;
        let inside = |regions: &Vec<u8>| regions.iter().map(|&region| u8::from(region != 0)).collect::<Vec<u8>>();
        let mask = regions.as_ref().map(inside);
        let voxels = mask.as_deref().map_or(0, |mask| mask.iter().filter(|&&inside| inside == 1).count() as u32);
        let (mask, mask_sha256) = match mask {
            None => (None, None),
            Some(mask) => {
                let path = Inside::of(PATCHES, &id, "_mask.npy");
                let sha256 = patch_file::write(&self.target.out.join(&path), &shape[1..], &mask)?;
                (Some(path), Some(sha256))
            }
        };
        let mut centre = volumes.grid.shape.map(|size| size as i64 / 2);
        centre[plane.across()] = at as i64;
        let name = format!("{} {} {at}", case.id, plane.key());
        done.hashes.extend(self.hashes(case, &levels, &name));
        done.voxels.push(voxels);
        done.lesions.push(Lesion {
            id,
            patient: case.patient.clone(),
            centre,
            affine: volumes.grid.affine(),
            patch_affine: Some(cut.affine(volumes.grid.affine(), at)),
            reader1: None,
            reader2: None,
            label: Some(class.name().to_owned()),
            class,
            split: Split::Train,
            voxels: u64::from(voxels),
            patch,
            mask,
            sha256,
            mask_sha256,
        });
        Ok(())
    }
}

/// "axial", "axial-tumour", "axial-tumour-SSA".
fn class(plane: Plane, tumour: bool, population: &str, classes: SliceClasses) -> Class {
    let with = if tumour { "-tumour" } else { "" };
    Class::new(match classes {
        SliceClasses::Plane => plane.key().to_owned(),
        SliceClasses::PlaneTumour => format!("{}{with}", plane.key()),
        SliceClasses::PlaneTumourPopulation => format!("{}{with}-{population}", plane.key()),
    })
}

fn assemble(work: &Work<'_>, layout: &Layout, done: Vec<Done>) -> Result<Extracted> {
    let side = work.side as u32;
    let contrast = |name: &String| match name.as_str() {
        LABELS => {
            Contrast { name: Name::of_known(name), unit: "region".into(), window: Window { low: 0.0, high: 3.0 } }
        }
        _ => Contrast {
            name: Name::of_known(name),
            unit: "share of the volume's window".into(),
            window: Window { low: 0.0, high: 1.0 },
        },
    };
    let mut all = Extracted {
        contrasts: work.contrasts.iter().map(contrast).collect(),
        patch: if work.config.brats.volumes { [side; 3] } else { [1, side, side] },
        patient_source: "the cases' names; those that count examinations at their end together".into(),
        notes: layout.notes.clone(),
        ..Extracted::default()
    };
    let between: usize = done.iter().map(|case| case.between).sum();
    if between > 0 {
        let least = work.config.brats.least_tumour;
        all.notes.push(format!("slices that cut a tumour in fewer than {least} voxels, {between} left out"));
    }
    let outside = done.iter().filter(|case| case.outside > 0).count();
    if outside > 0 {
        let voxels: u64 = done.iter().map(|case| case.outside).sum();
        all.notes.push(format!("{voxels} labelled voxels of {outside} cases are where the images are 0"));
    }
    all.non_finite = done.iter().map(|case| case.non_finite).sum();
    let far: u64 = done.iter().map(|case| case.far).sum();
    if far > 0 {
        let cases = done.iter().filter(|case| case.far > 0).count();
        all.notes.push(format!(
            "{far} voxels of {cases} cases lie more than a thousand widths of their window away: damage, or a fill value; \
             networks see the window's end there"
        ));
    }
    let maps = layout.cases.iter().zip(&done);
    let maps = maps.map(|(case, done)| (case.id.as_str(), case.patient.as_str(), done.labels.clone()));
    own_labels::require_own(work.root, "of two persons", maps)?;
    let brats = &work.config.brats;
    let by_tumour = !brats.volumes && brats.classes != SliceClasses::Plane;
    let unlabelled = layout.cases.iter().zip(&done).filter(|(case, _)| case.files.contains_key(LABELS));
    let unlabelled = unlabelled.filter(|(_, done)| !done.labelled.contains(&true)).map(|(case, _)| case.id.as_str());
    let unlabelled: Vec<&str> = unlabelled.collect();
    if !unlabelled.is_empty() {
        all.notes.push(format!(
            "label maps without a voxel of a tumour, {} of {}{}: {}",
            unlabelled.len(),
            done.len(),
            if by_tumour { ", whose slices count as without" } else { "" },
            listed(&unlabelled)
        ));
    }
    let persons = layout.cases.iter().map(|case| (case.id.as_str(), case.patient.as_str()));
    all.notes.extend(visits::joined(persons));
    let mut done = done;
    let (mut places, mut background) = (PlaceNotes::default(), BackgroundNotes::default());
    for case in &mut done {
        places.join(std::mem::take(&mut case.places));
        background.join(std::mem::take(&mut case.background));
    }
    all.notes.extend(places.words(work.config.form));
    all.notes.extend(background.words());
    for (region, name) in ["necrosis or dark core", "oedema", "enhancing tumour"].into_iter().enumerate() {
        let with = done.iter().filter(|case| case.labelled[region]).count();
        all.notes.push(format!("{name} is labelled in {with} of {} cases", done.len()));
    }
    let mut stored: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let windows = done.iter().flat_map(|case| &case.windows);
    for one in windows {
        stored.entry(&one.stored).or_default().insert(&one.case);
    }
    all.notes.extend(
        stored.iter().map(|(way, cases)| format!("{} cases are stored {way} and were read as RAS", cases.len())),
    );
    let sizes: BTreeSet<String> = done.iter().flat_map(|case| &case.mm).map(|mm| format!("{mm:?}")).collect();
    if sizes.len() > 1 {
        let listed: Vec<String> = sizes.into_iter().collect();
        all.notes.push(format!("voxels of several sizes, depth, height and width in mm: {}", listed.join("; ")));
    } else {
        all.voxel_mm = done.first().and_then(|case| case.mm.first().copied());
    }
    require_one_origin(work.root, done.iter().map(|case| (case.name.as_str(), case.simulated)))?;
    for case in done {
        all.simulated |= case.simulated;
        for voxels in case.voxels {
            if work.config.brats.volumes {
                continue;
            }
            all.slices.push(Slice { lesion: all.slices.len() as u32, z: 0, voxels });
        }
        all.lesions.extend(case.lesions);
        all.hashes.extend(case.hashes);
        all.inputs.extend(case.inputs);
        all.windows.extend(case.windows);
    }
    let present: BTreeSet<&str> = all.lesions.iter().map(|lesion| lesion.class.name()).collect();
    if present.len() < 2 && !work.config.brats.volumes {
        return Err(Problem::new(Kind::Input, format!("slices of {} classes", present.len()))
            .at(work.root)
            .expected("at least two: planes, or slices with and without a tumour")
            .advice("lower prepare.brats.least_area (--least-area), or take more planes"));
    }
    let names = present.into_iter().map(|name| Class::new(name.to_owned())).collect();
    all.classes = Classes { names, contested: None, of_interest: None };
    Ok(all)
}

/// Deals patients out to the sides, each population on its own where it has enough.
fn deal(
    all: &mut Extracted,
    layout: &Layout,
    config: &PrepareConfig,
    (seed, observer): (RunSeed, &dyn Observer),
) -> Result<()> {
    let population: HashMap<&str, &str> =
        layout.cases.iter().map(|case| (case.patient.as_str(), case.population.as_str())).collect();
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (patient, population) in &population {
        members.entry(population).or_default().insert(patient);
    }
    let shares = config.shares();
    let apart = members.len() > 1 && members.values().all(|patients| patients.len() >= 3);
    let kinds = split::kinds(&all.classes);
    let mut side_of: HashMap<String, Split> = HashMap::new();
    let groups: Vec<Option<&str>> = if apart { members.keys().map(|name| Some(*name)).collect() } else { vec![None] };
    for group in groups {
        let mine = |lesion: &&Lesion| group.is_none_or(|group| population.get(lesion.patient.as_str()) == Some(&group));
        let own: Vec<(&str, &Class)> =
            all.lesions.iter().filter(mine).map(|lesion| (lesion.patient.as_str(), &lesion.class)).collect();
        let present: Vec<split::Kind> =
            kinds.iter().filter(|kind| own.iter().any(|(_, class)| **class == kind.class)).cloned().collect();
        let patients = split::count_lesions(own.iter().copied(), &present);
        let seed = group.map_or(seed, |group| seed.child(group, 0));
        let sides = split::assign(&patients, &present, shares, seed, observer)?;
        side_of.extend(patients.into_iter().map(|patient| patient.id).zip(sides));
    }
    all.lesions.iter_mut().for_each(|lesion| lesion.split = side_of[&lesion.patient]);
    let told = if apart { "each population on its own" } else { "all populations together" };
    all.notes.push(format!("sides were dealt to patients, {told}; all planes of a patient are on one side"));
    Ok(())
}

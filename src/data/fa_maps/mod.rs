//! Maps of fractional anisotropy, aligned to one space, as tools for diffusion leave them: axial slices of healthy
//! persons and of patients, with masks of lesions where there are any.
//!
//! layout (which files, whose) -> person (volumes in one orientation) -> axial slices -> patches of one slice, split by
//! person.

pub mod config;

pub(super) mod layout;

mod field;

mod person;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rayon::prelude::*;

use self::config::Learns;
use self::field::{Extent, Field};
use self::layout::{Layout, Person};
use self::person::Volumes;
use super::background::BackgroundNotes;
use super::brats::config::Plane;
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
use crate::name::{Inside, Name, shown};
use crate::nifti::Grid;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::FileHash;
use crate::records::label::{Contrast, Window};
use crate::seed::RunSeed;

/// The name of the one channel, and its unit.
pub const FA: &str = "fa";

/// Side of a slice where nothing else is asked for, in pixels.
const SIDE: u32 = 64;

/// A map that no table tells the group of.
const UNKNOWN: &str = "unknown";

/// All groups but the healthy one, where there are several.
const OTHERS: &str = "patient";

/// Reads the maps below `root`.
///
/// # Errors
/// Files that are no maps, lie on several grids or contradict each other, a split that cannot be made, or a request to
/// stop.
pub(super) fn extract(
    root: &Path,
    target: Target<'_>,
    config: &PrepareConfig,
    (seed, observer): (RunSeed, &dyn Observer),
) -> Result<Extracted> {
    let layout = Layout::read(root, &config.fa)?;
    let classes = classes(&layout, config);
    let side = config.side.unwrap_or(SIDE) as usize;
    let field = field(root, &layout, config, side, observer)?;
    let work = Work { config, side, field, root, target, classes: &classes };
    crate::files::make_folder(&target.out.join(PATCHES))?;
    observer.begin("cutting slices", "maps", layout.persons.len() as u64);
    let one = |person: &Person| {
        stop_if_asked(observer)?;
        let done = work.person(person)?;
        observer.advance(1);
        Ok(done)
    };
    let done = few_at_once(|| layout.persons.par_iter().with_max_len(1).map(one).collect::<Result<Vec<Done>>>())?;
    observer.end();
    let mut all = assemble(&work, &layout, done?)?;
    deal(&mut all, config, (seed, observer)).map_err(|problem| problem.at(root))?;
    Ok(all)
}

/// The square that every image shows. A pass over all maps of its own: how large brains are is known before a slice
/// is cut, and no more than a few are in memory at once.
fn field(root: &Path, layout: &Layout, config: &PrepareConfig, side: usize, observer: &dyn Observer) -> Result<Field> {
    observer.begin("looking at brains", "maps", layout.persons.len() as u64);
    let one = |person: &Person| {
        stop_if_asked(observer)?;
        let volumes = Volumes::read(person, config.form)?;
        observer.advance(1);
        Ok((volumes.grid, Extent::of(&volumes.grid, &volumes.brain)))
    };
    let found = few_at_once(|| layout.persons.par_iter().with_max_len(1).map(one).collect::<Result<Vec<_>>>())??;
    observer.end();
    let mut whole: Option<(Grid, Option<Extent>)> = None;
    for (person, (grid, extent)) in layout.persons.iter().zip(found) {
        let (first, so_far) = whole.get_or_insert((grid, extent));
        if let Some(found) = first.mismatch(&grid) {
            return Err(Problem::input(&person.map, format!("another grid than the first map: {found}"))
                .expected("one grid for all: maps are compared pixel by pixel")
                .advice("align all maps to one template (flirt, reg_aladin) and resample them to its grid"));
        }
        *so_far = so_far.zip(extent).map(|(one, other)| one.with(other)).or(*so_far).or(extent);
    }
    let (grid, extent) = whole.ok_or_else(|| Problem::input(root, "no map"))?;
    let extent = extent.ok_or_else(|| Problem::input(root, "no brain in any map"))?;
    let field = Field::new(&grid, extent, side);
    if field.square < side {
        return Err(Problem::input(root, format!("brains of {} voxels across for {side} pixels", field.square))
            .expected("at least as many voxels as pixels: they are averaged and none is made up")
            .advice("lower prepare.side (--side)"));
    }
    Ok(field)
}

/// What items are told apart by: healthy or not, where the table says so.
fn classes(layout: &Layout, config: &PrepareConfig) -> Classes {
    let healthy = config.fa.healthy.as_str();
    let groups: BTreeSet<&str> = layout.persons.iter().map(|person| person.group.as_str()).collect();
    if !groups.contains(healthy) {
        let name = if groups.len() == 1 { groups.first().copied().filter(|one| !one.is_empty()) } else { None };
        return Classes { names: vec![Class::new(name.unwrap_or(UNKNOWN))], contested: None, of_interest: None };
    }
    let others: Vec<&str> = groups.into_iter().filter(|group| *group != healthy).collect();
    let other = match others.as_slice() {
        [] => None,
        [one] if !one.is_empty() => Some(*one),
        _ => Some(OTHERS),
    };
    let names: Vec<Class> = other.into_iter().chain([healthy]).map(Class::new).collect();
    let apart = names.len() == 2 && config.fa.learns == Learns::Healthy;
    Classes { names, contested: None, of_interest: apart.then(|| Class::new(healthy)) }
}

/// What to say where several groups count as one.
fn joined_groups(layout: &Layout, healthy: &str) -> Option<String> {
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for person in layout.persons.iter().filter(|person| person.group != healthy) {
        of.entry(&person.group).or_default().insert(&person.patient);
    }
    let name = |group: &str| if group.is_empty() { "no group".to_owned() } else { shown(group).into_owned() };
    let each: Vec<String> = of.iter().map(|(group, own)| format!("{} ({} persons)", name(group), own.len())).collect();
    let has_healthy = layout.persons.iter().any(|person| person.group == healthy);
    (has_healthy && each.len() > 1).then(|| format!("counted as \"{OTHERS}\": {}", listed(&each)))
}

/// What cutting a map needs.
struct Work<'a> {
    config: &'a PrepareConfig,
    side: usize,
    field: Field,
    root: &'a Path,
    target: Target<'a>,
    classes: &'a Classes,
}

/// Slices of one map.
struct Done {
    lesions: Vec<Lesion>,
    voxels: Vec<u32>,
    hashes: Vec<PixelHash>,
    /// What is known of the examination; its voxels are let go.
    volumes: Volumes,
    /// Of its lesions.
    labels: Option<String>,
    /// A mask without a lesion.
    is_unmarked: bool,
}

impl Work<'_> {
    fn class(&self, person: &Person) -> Class {
        let healthy = self.config.fa.healthy.as_str();
        let mut names = self.classes.names.iter();
        let own = names.find(|name| (name.name() == healthy) == (person.group == healthy));
        own.unwrap_or(&self.classes.names[0]).clone()
    }

    fn person(&self, person: &Person) -> Result<Done> {
        let mut volumes = Volumes::read(person, self.config.form)?;
        let lesioned = volumes.lesions.iter().flatten().filter(|&&inside| inside > 0.0).count();
        if let Some(path) = person.lesions.as_deref().filter(|_| lesioned > 0 && self.is_healthy(person)) {
            let table = layout::PARTICIPANTS;
            return Err(Problem::input(
                path,
                format!("{lesioned} voxels of lesions of a person whom {table} calls healthy"),
            )
            .expected("healthy persons without lesions: a generator of the healthy would learn them")
            .advice(format!("correct {table}, or take the mask away if it is another person's")));
        }
        for file in &mut volumes.inputs {
            let path = Path::new(&file.path);
            file.path = path.strip_prefix(self.root).unwrap_or(path).display().to_string();
        }
        let across = Plane::Axial.across();
        let mut areas = vec![0usize; volumes.grid.shape[across]];
        for at in (0..volumes.brain.len()).filter(|&at| volumes.brain[at]) {
            areas[volumes.grid.voxel(at)[across]] += 1;
        }
        let (map, mut lesions, mut voxels, mut hashes) = (std::mem::take(&mut volumes.map), vec![], vec![], vec![]);
        for at in spread(&areas, self.config.fa.least_area, self.config.fa.slices as usize) {
            let levels = self.field.levels(&map, at);
            let id = person.id.with(&format!("_axial-{at:03}"));
            let patch = Inside::of(PATCHES, &id, ".npy");
            (self.target.free)(vec![patch.as_str().to_owned()])?;
            let shape = [1, 1, self.side, self.side].map(|size| size as u64);
            let sha256 = patch_file::write(&self.target.out.join(&patch), &shape, &levels)?;
            let mask = self.mask(person, &volumes, at);
            let inside = mask.as_deref().map_or(0, |mask| mask.iter().filter(|&&inside| inside == 1).count() as u32);
            let (mask, mask_sha256) = match mask {
                None => (None, None),
                Some(mask) => {
                    let path = Inside::of(PATCHES, &id, "_mask.npy");
                    let sha256 = patch_file::write(&self.target.out.join(&path), &shape[1..], &mask)?;
                    (Some(path), Some(sha256))
                }
            };
            let mut centre = volumes.grid.shape.map(|size| size as i64 / 2);
            centre[across] = at as i64;
            let name = format!("{} axial {at}", person.id);
            hashes.push(PixelHash { sha256: hash_pixels(&levels), patient: person.patient.clone(), name });
            voxels.push(inside);
            lesions.push(Lesion {
                id,
                patient: person.patient.clone(),
                centre,
                affine: volumes.grid.affine(),
                patch_affine: Some(self.field.affine(volumes.grid.affine(), at)),
                reader1: None,
                reader2: None,
                label: Some(person.group.clone()).filter(|group| !group.is_empty()),
                class: self.class(person),
                split: Split::Train,
                voxels: u64::from(inside),
                patch,
                mask,
                sha256,
                mask_sha256,
            });
        }
        let marked: Option<Vec<u8>> =
            volumes.lesions.take().map(|own| own.into_iter().map(|inside| u8::from(inside > 0.0)).collect());
        volumes.brain = vec![];
        let labels = marked.as_deref().and_then(own_labels::identity);
        let is_unmarked = marked.is_some() && lesioned == 0;
        Ok(Done { lesions, voxels, hashes, volumes, labels, is_unmarked })
    }

    fn is_healthy(&self, person: &Person) -> bool {
        person.group == self.config.fa.healthy
    }

    /// Lesions on a slice: none in a healthy person; unknown in a patient without a mask.
    fn mask(&self, person: &Person, volumes: &Volumes, at: usize) -> Option<Vec<u8>> {
        match &volumes.lesions {
            Some(lesions) => {
                let least = self.config.fa.lesion_share as f32 - 1e-6;
                Some(self.field.levels(lesions, at).into_iter().map(|share| u8::from(share >= least)).collect())
            }
            None if self.is_healthy(person) => Some(vec![0; self.side * self.side]),
            None => None,
        }
    }
}

/// Indices of `count` slices at equal distances between the lowest and the highest whose area is at least `share` of
/// the largest; each once, fewer where there are not so many.
fn spread(areas: &[usize], share: f64, count: usize) -> Vec<usize> {
    let largest = areas.iter().copied().max().unwrap_or_default();
    let usable: Vec<usize> =
        (0..areas.len()).filter(|&at| areas[at] > 0 && areas[at] as f64 >= share * largest as f64).collect();
    let (Some(&low), Some(&high)) = (usable.first(), usable.last()) else { return vec![] };
    if count == 1 {
        return vec![(low + high) / 2];
    }
    let step = (high - low) as f64 / (count - 1) as f64;
    let mut chosen: Vec<usize> = (0..count).map(|at| low + (at as f64 * step).round() as usize).collect();
    chosen.dedup();
    chosen
}

fn assemble(work: &Work<'_>, layout: &Layout, done: Vec<Done>) -> Result<Extracted> {
    let side = work.side as u32;
    let contrast = Contrast { name: Name::of_known(FA), unit: "FA".into(), window: Window { low: 0.0, high: 1.0 } };
    let mut all = Extracted {
        contrasts: vec![work.config.with_window(contrast)],
        patch: [1, side, side],
        patient_source: "the maps' names; those that count sessions at their end together".into(),
        classes: work.classes.clone(),
        notes: layout.notes.clone(),
        ..Extracted::default()
    };
    all.voxel_mm = done.first().map(|one| work.field.pixel_mm(one.volumes.grid.voxel_mm()));
    let square = work.field.square;
    all.notes.push(format!(
        "images show {square} x {square} voxels, what the largest brain needs, in {side} x {side} pixels"
    ));
    let masked = layout.persons.iter().filter(|person| person.lesions.is_some()).count();
    all.notes.push(format!("{} maps, {masked} with a mask of lesions", layout.persons.len()));
    if work.classes.names.len() == 1 {
        let (table, column) = (layout::PARTICIPANTS, &work.config.fa.group);
        all.notes.push(format!(
            "nobody is known to be healthy or nobody to be a patient ({table}, column {column}): one class, of which a \
             generator can be trained; a detector needs both"
        ));
    }
    all.notes.extend(joined_groups(layout, &work.config.fa.healthy));
    let clipped: u64 = done.iter().map(|one| one.volumes.above_one).sum();
    if clipped > 0 {
        all.notes.push(format!("{clipped} voxels above 1, where a fit of the tensor failed, were taken as 1"));
    }
    let outside: u64 = done.iter().map(|one| one.volumes.outside).sum();
    if outside > 0 {
        let persons = done.iter().filter(|one| one.volumes.outside > 0).count();
        all.notes.push(format!("{outside} voxels of lesions of {persons} persons lie where there is no brain"));
    }
    let empty: Vec<String> = layout
        .persons
        .iter()
        .zip(&done)
        .filter(|(person, one)| one.is_unmarked && !work.is_healthy(person))
        .map(|(person, _)| person.id.to_string())
        .collect();
    if !empty.is_empty() {
        all.notes.push(format!("masks without a lesion of persons who are not healthy: {}", listed(&empty)));
    }
    all.notes.extend(visits::joined(layout.persons.iter().map(|one| (one.id.as_str(), one.patient.as_str()))));
    let masks = layout.persons.iter().zip(&done);
    let masks = masks.map(|(person, one)| (person.id.as_str(), person.patient.as_str(), one.labels.clone()));
    own_labels::require_own(work.root, "of lesions of two persons", masks)?;
    let (mut places, mut background) = (PlaceNotes::default(), BackgroundNotes::default());
    require_one_origin(
        work.root,
        layout.persons.iter().zip(&done).map(|(person, one)| (person.id.as_str(), one.volumes.simulated)),
    )?;
    for one in done {
        background.join(one.volumes.background);
        all.non_finite += one.volumes.non_finite;
        all.simulated |= one.volumes.simulated;
        places.join(one.volumes.places);
        for voxels in one.voxels {
            all.slices.push(Slice { lesion: all.slices.len() as u32, z: 0, voxels });
        }
        all.lesions.extend(one.lesions);
        all.hashes.extend(one.hashes);
        all.inputs.extend(one.volumes.inputs);
    }
    if let Some(table) = &layout.table {
        let path = table.strip_prefix(work.root).unwrap_or(table).display().to_string();
        all.inputs.push(FileHash { path, sha256: crate::files::sha256(table)? });
    }
    all.notes.extend(places.words(work.config.form));
    all.notes.extend(background.words());
    Ok(all)
}

/// Deals persons out to the sides, each group in its share.
fn deal(all: &mut Extracted, config: &PrepareConfig, (seed, observer): (RunSeed, &dyn Observer)) -> Result<()> {
    let kinds = split::kinds(&all.classes);
    let own = all.lesions.iter().map(|lesion| (lesion.patient.as_str(), &lesion.class));
    let patients = split::count_lesions(own, &kinds);
    let sides = split::assign(&patients, &kinds, config.shares(), seed, observer)?;
    let side_of: HashMap<String, Split> = patients.into_iter().map(|patient| patient.id).zip(sides).collect();
    all.lesions.iter_mut().for_each(|lesion| lesion.split = side_of[&lesion.patient]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_lie_at_equal_distances_where_there_is_enough_brain() {
        let areas = [0, 1, 5, 8, 10, 9, 8, 6, 5, 2, 0];
        // At least 5: 2 to 8.
        assert_eq!(spread(&areas, 0.5, 4), [2, 4, 6, 8]);
        assert_eq!(spread(&areas, 0.5, 1), [5]);
        assert_eq!(spread(&areas, 0.5, 100), [2, 3, 4, 5, 6, 7, 8]);
        assert!(spread(&[0, 0], 0.5, 4).is_empty());
    }
}

//! Describes and judges any cohort on disk, simulated or not: counts, kappa, gates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::gallery::Gallery;
use super::meter::{AskedCounts, GateConfig, GateMeter, LesionPatch};
use super::summary::{LesionVotes, summarise};
use super::verdict::require_all;
use crate::data::PrepareConfig;
use crate::data::background::BackgroundNotes;
use crate::data::bids::{self, Cohort, Patient};
use crate::data::channel::{Channel, Wanted};
use crate::data::from_cohort::require_same_size;
use crate::data::label_map::LabelMap;
use crate::data::missing;
use crate::data::place_notes::PlaceNotes;
use crate::data::reader_table::{LesionKey, require_same_lesions};
use crate::data::truth::{self, Truth};
use crate::files;
use crate::nifti::{self, Form};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::{CohortRecord, ParticipantRecord};
use crate::records::label::known_as;
use crate::run_dir::RECORD;

/// Depth, height, width of the patch about each lesion, as `prepare` cuts it by default.
const PATCH: [u32; 3] = [24, 64, 64];

/// Lesions of each kind in the gallery: two rows of the sheet.
const SHOWN: usize = 20;

/// What a cohort on disk holds and whether it passes its gates; `measured` is the contrast that they look at, and files
/// are chosen and placed as `prepare` with the settings `prepare` does it.
///
/// # Errors
/// Those of [`examine`].
pub fn describe(root: &Path, measured: &str, prepare: &PrepareConfig, observer: &dyn Observer) -> Result<CohortRecord> {
    let (mut record, _) = examine(root, measured, prepare, read_asked(root)?, observer)?;
    // What the files themselves do not say, a simulated cohort's own record does.
    let path = root.join(RECORD);
    if let Some(own) = files::read_note::<CohortRecord>(&path)? {
        (record.preset, record.seed, record.gallery) = (own.preset, own.seed, own.gallery);
    }
    Ok(record)
}

/// The record of the cohort at `root` and a gallery of its lesions in the contrast `measured` (a susceptibility map:
/// the gates' limits are in ppb), read with the settings `prepare`; gates are judged against `asked` where it was
/// simulated with these counts. Writes nothing.
///
/// # Errors
/// No cohort, one whose files do not fit each other, or a request to stop.
pub fn examine(
    root: &Path,
    measured: &str,
    prepare: &PrepareConfig,
    asked: Option<AskedCounts>,
    observer: &dyn Observer,
) -> Result<(CohortRecord, Gallery)> {
    // All that is prepared is looked for, or a choice that only another contrast answers would seem to do nothing.
    let others = prepare.contrasts.iter().filter(|name| known_as(name) != known_as(measured)).cloned();
    let contrasts: Vec<String> = std::iter::once(measured.to_owned()).chain(others).collect();
    let cohort = bids::read(root, &contrasts, &prepare.picks())?;
    for note in &cohort.notes {
        observer.note(note);
    }
    let truth = truth::find(root)?.map(|table| Truth::read(&table)).transpose()?;
    let patients: Vec<&str> = cohort.patients.iter().map(|patient| patient.id.as_str()).collect();
    let mut lesions = Vec::with_capacity(cohort.votes.len());
    for (key, &votes) in &cohort.votes {
        let true_rim = truth.as_ref().map(|truth| truth.of(&key.to_string())).transpose()?;
        lesions.push(LesionVotes { participant: &key.patient, votes, true_rim });
    }
    let mut record = summarise(&patients, &lesions).map_err(|problem| problem.at(&cohort.reader_table))?;
    record.simulated = cohort.simulated;

    let mut gallery = Gallery::new(cohort.simulated, SHOWN);
    let mut meter = GateMeter::new(GateConfig { asked, ..GateConfig::default() });
    let mut mapped = BTreeSet::new();
    let (mut places, mut background) = (PlaceNotes::default(), BackgroundNotes::default());
    let mut first_mm: Option<(&String, [f64; 3])> = None;
    observer.begin("check", "patients", cohort.patients.len() as u64);
    for patient in &cohort.patients {
        if observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped; nothing was written"));
        }
        let voxel_mm = places_of(&cohort, patient, prepare.form, &mut places)?;
        let (first, of_first) = *first_mm.get_or_insert((&patient.id, voxel_mm));
        require_same_size((first, of_first), (&patient.id, voxel_mm)).map_err(|problem| problem.at(root))?;
        let mut seen = Seen { mapped: &mut mapped, background: &mut background };
        visit(&cohort, patient, prepare.form, &mut seen, |path, lesion| {
            gallery.offer(&patient.id, lesion);
            meter.add(lesion).map_err(|problem| problem.at(path))
        })?;
        observer.advance(1);
    }
    observer.end();
    places.words(prepare.form).iter().chain(&background.words()).for_each(|words| observer.note(words));
    require_same_lesions(&cohort.reader_table, &cohort.votes, &mapped)?;
    record.gates = meter.gates()?;
    Ok((record, gallery))
}

/// Reads the files of the participants of these names ("sub-001", all where none is named) as [`examine`] does, each by
/// themselves, and hands over what is known of each; in the cohort's order. Writes nothing.
///
/// # Errors
/// No cohort, no such participant, files that do not fit each other, a request to stop, or what `done` reports.
pub fn participants(
    root: &Path,
    (measured, prepare): (&str, &PrepareConfig),
    wanted: &[String],
    observer: &dyn Observer,
    mut done: impl FnMut(ParticipantRecord) -> Result<()>,
) -> Result<()> {
    let others = prepare.contrasts.iter().filter(|name| known_as(name) != known_as(measured)).cloned();
    let contrasts: Vec<String> = std::iter::once(measured.to_owned()).chain(others).collect();
    let cohort = bids::read(root, &contrasts, &prepare.picks())?;
    if let Some(none) = wanted.iter().find(|id| cohort.patients.iter().all(|patient| patient.id != **id)) {
        return Err(Problem::usage(format!("no participant {none}")).at(root).expected("one with a lesion label map"));
    }
    let chosen = |patient: &&Patient| wanted.is_empty() || wanted.contains(&patient.id);
    for patient in cohort.patients.iter().filter(chosen) {
        if observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped; the same command goes over all of them again"));
        }
        let voxel_mm = places_of(&cohort, patient, prepare.form, &mut PlaceNotes::default())?;
        let (mut mapped, mut background) = (BTreeSet::new(), BackgroundNotes::default());
        let mut votes = vec![];
        let mut seen = Seen { mapped: &mut mapped, background: &mut background };
        visit(&cohort, patient, prepare.form, &mut seen, |_, lesion| {
            votes.push(lesion.votes);
            Ok(())
        })?;
        let count = |wanted: &dyn Fn((bool, bool)) -> bool| votes.iter().filter(|&&votes| wanted(votes)).count() as u64;
        done(ParticipantRecord {
            participant: patient.id.clone(),
            simulated: cohort.simulated,
            voxel_mm,
            lesions: votes.len() as u64,
            agreed_rims: count(&|(first, second)| first && second),
            ambiguous: count(&|(first, second)| first != second),
            non_rims: count(&|(first, second)| !first && !second),
        })?;
    }
    Ok(())
}

/// Looks at the headers of a patient's label map and of all contrasts: each must lie on the map's grid. Gives the size
/// of a voxel in mm along x, y, z.
fn places_of(cohort: &Cohort, patient: &Patient, form: Form, places: &mut PlaceNotes) -> Result<[f64; 3]> {
    let map = nifti::open(&patient.lesion_map, form)?.placement();
    places.add(&map, &cohort.relative(&patient.lesion_map));
    for path in patient.contrasts.iter().filter_map(|contrast| contrast.path.as_ref()) {
        let volume = nifti::open(path, form)?.placement();
        map.require(&volume, path, &patient.lesion_map, form)?;
        places.add(&volume, &cohort.relative(path));
    }
    Ok(map.grid.voxel_mm())
}

/// A few numbers.
const MOST_OF_ASKED: u64 = 1 << 20;

/// The counts that a simulation was asked for, kept so that a later check can hold the cohort to them.
pub fn asked_file(root: &Path) -> PathBuf {
    root.join(".rimforge").join("asked.json")
}

fn read_asked(root: &Path) -> Result<Option<AskedCounts>> {
    let path = asked_file(root);
    let what = "the counts of a simulation";
    let Some(text) = files::read_if_there(&path, MOST_OF_ASKED, what)? else { return Ok(None) };
    let asked = files::parse_json(&path, &text, what);
    asked.map(Some).map_err(|problem| problem.advice("delete it, or simulate anew"))
}

/// What is gathered from patient to patient.
struct Seen<'a> {
    /// Names of all lesions of label maps.
    mapped: &'a mut BTreeSet<LesionKey>,
    /// Of label maps and measured maps.
    background: &'a mut BackgroundNotes,
}

/// Shows `see` each of a patient's lesions that has votes, with its map's path.
fn visit(
    cohort: &Cohort,
    patient: &Patient,
    form: Form,
    seen: &mut Seen,
    mut see: impl FnMut(&Path, &LesionPatch) -> Result<()>,
) -> Result<()> {
    let Some((map, path)) = patient.contrasts.first().and_then(|map| Some((map, map.path.as_ref()?))) else {
        return Err(Problem::input(&cohort.root, format!("no measured map of {}", patient.id)));
    };
    let labels = LabelMap::read(&patient.lesion_map, form)?;
    let rows = cohort.votes.keys().filter(|key| key.patient == patient.id).count();
    labels.require_whole_lesions(&patient.lesion_map, rows)?;
    let chi = nifti::open(path, form)?;
    let centres: Vec<_> = labels.lesions.values().map(|lesion| lesion.extent.centre).collect();
    let wanted = Wanted { centres: &centres, shape: PATCH, rim_softness: 0.0, form };
    let chi = Channel::read(chi, map, path, &wanted, &mut Vec::new())?;
    seen.background.add(&cohort.relative(&patient.lesion_map), labels.background, 0);
    let mut reaching = 0;
    let [dx, dy, dz] = labels.placement.grid.voxel_mm();
    for (which, (number, lesion)) in labels.lesions.into_iter().enumerate() {
        let key = LesionKey { patient: patient.id.clone(), number };
        if let Some(&votes) = cohort.votes.get(&key) {
            let shape = PATCH.map(|size| size as usize);
            let mut patch = vec![0.0; shape.iter().product()];
            chi.cut(which, lesion.extent.centre, PATCH, &mut patch);
            let mask = lesion.mask(PATCH);
            let missing = lesion.missing(&chi.gaps, PATCH);
            reaching += u64::from(missing.reaches_outside);
            if let Some(words) = missing.words().or_else(|| missing::nothing(&mask, &patch, true)) {
                return Err(Problem::input(path, format!("no values where they matter: lesion {number} ({words})"))
                    .expected("a map that covers each lesion of the reader table")
                    .advice("repair the map, or take the lesion out of the reader table and the label map"));
            }
            let mask: Vec<bool> = mask.into_iter().map(|inside| inside == 1).collect();
            see(path, &LesionPatch { votes, shape, voxel_mm: [dz, dy, dx], chi_ppb: &patch, mask: &mask })?;
        }
        seen.mapped.insert(key);
    }
    seen.background.add(&cohort.relative(path), chi.gaps.background(), reaching);
    Ok(())
}

/// Refuses a cohort one of whose gates did not pass.
///
/// # Errors
/// `Kind::Gate`, with the gates' names.
pub fn require_passed(record: &CohortRecord) -> Result<()> {
    require_all(
        &record.gates,
        if record.simulated {
            "results on this cohort do not carry over; see each gate's source for why (--json)"
        } else {
            "look at what each names: units, masks and votes first. The ranges are those of published cohorts (--json gives \
             each gate's source); a cohort that lies outside for a reason can be used all the same"
        },
    )
}

//! plan -> phantom -> scan -> what readers can see, patient by patient; then votes over the whole cohort, then tables.
//!
//! A finished patient leaves its volumes and a note in `.rimforge/`; it is not computed again. Nothing depends on how
//! many threads work or on how often the run was stopped. On which instructions the transforms use the last bits do:
//! what a stopped run made with others is made again, so that a cohort is of one kind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bids_writer::{self, LesionRow};
use super::instructions::instructions;
use super::layout::{CohortLayout, KEY, NOTES};
use super::phantom::{LesionTruth, Phantom};
use super::physics::{Acquisition, reconstruct};
use super::plan::{PatientPlan, plan};
use super::presets::CohortDesign;
use super::readers::{Visibility, visibilities, vote};
use crate::digest;
use crate::files::{self, Claim, OutFolder, Owner};
use crate::gates::summary::{LesionVotes, summarise};
use crate::nifti::Volume;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::CohortRecord;
use crate::seed::RunSeed;
use crate::simulate::writing::{Existing, Writing};

/// A hash in hexadecimal digits and a line's end have 65 bytes.
const LONGEST_KEY: u64 = 100;

/// A lesion takes about 1 KB of a note.
const MOST_OF_A_NOTE: u64 = 64 << 20;

/// Makes a patient's phantom; the anatomy's `build` outside tests.
pub type Build<'a> = &'a (dyn Fn(&PatientPlan) -> Result<Phantom> + Sync);

/// Simulates the cohort of `design` into the folder `out`.
///
/// The record has no gates and no gallery yet: both are made from the files on disk.
///
/// # Errors
/// `Kind::Interrupted` after a stop request: the same call goes on with the next patient. A folder that holds something
/// else. Readers' counts that cannot be reached with the lesions at hand.
pub fn simulate(
    design: &CohortDesign,
    out: &Path,
    build: Build,
    writing: Writing,
    observer: &dyn Observer,
) -> Result<CohortRecord> {
    let threads = writing.threads()?;
    let plans = plan(design);
    let workshop = Workshop::open(out, design, &plans, writing.existing)?;
    let kept = workshop.kept(&plans, observer)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.clamp(1, most_threads(design)))
        .build()
        .map_err(|error| Problem::new(Kind::Environment, format!("cannot start threads: {error}")))?;
    observer.begin("simulate", "patients", u64::from(design.patients));
    // One patient a task, so that no thread holds a queue while another idles.
    let patients = pool.install(|| {
        plans
            .par_iter()
            .zip(kept)
            .with_max_len(1)
            .map(|(plan, kept)| {
                if let Some(done) = kept {
                    tracing::info!("{}: made before, kept", plan.participant());
                    observer.advance(1);
                    return Ok(done);
                }
                if observer.stop_requested() {
                    return Err(interrupted());
                }
                let done = workshop.patient(plan, build)?;
                observer.advance(1);
                Ok(done)
            })
            .collect::<Result<Vec<PatientNote>>>()
    });
    observer.end();
    finish(&workshop, &plans, &patients?)
}

fn interrupted() -> Problem {
    Problem::new(Kind::Interrupted, "stopped between two patients").advice("the same command goes on from there")
}

/// As many patients at once as memory holds, by a generous estimate of what one needs.
pub(super) fn most_threads(design: &CohortDesign) -> usize {
    // The padded complex field (8 voxels of 4 bytes each, in and out of place) and some twenty volumes beside it.
    let patient = design.grid.voxels() as u64 * 4 * (2 * 8 + 20);
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = available.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map_or(usize::MAX, |kib| (kib * 1024 * 7 / 10 / patient.max(1)).max(1) as usize)
}

/// The folder in the making.
struct Workshop<'a> {
    layout: CohortLayout,
    design: &'a CohortDesign,
    key: String,
    _claim: Claim,
}

/// What is kept of a finished patient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct PatientNote {
    /// Hash of the settings that it was made with.
    key: String,
    lesions: Vec<(LesionTruth, Option<Visibility>)>,
    /// Of the machine that made it; absent where an older version did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
}

impl<'a> Workshop<'a> {
    fn open(out: &Path, design: &'a CohortDesign, plans: &[PatientPlan], existing: Existing) -> Result<Self> {
        let layout = CohortLayout::new(out);
        let notes = notes_folder(&layout);
        let mut claim = OutFolder::new(OWNER, out).claim()?;
        let key = settings_key(design)?;
        let key_file = notes.join("key");
        let written = layout.written(plans.iter().map(PatientPlan::participant));
        match files::read_if_there(&key_file, LONGEST_KEY, "the key of a simulation")? {
            Some(found) if found.trim_ascii() == key.as_bytes() => {}
            Some(_) if existing == Existing::Refuse => {
                return Err(Problem::new(Kind::Usage, "a simulated cohort with other settings, or of another version")
                    .at(out)
                    .advice(
                        "choose another --out, or add --replace to make it anew; of a study move the folder away, or \
                         name another `out`",
                    ));
            }
            // The key goes last: while it is there, a run that was killed here is known to have been of other settings.
            Some(_) => {
                claim.forget(|name| name != KEY)?;
                claim.forget(|_| true)?;
            }
            // An older version deleted the key first: what it left when it was killed belongs to no cohort.
            None => {
                let ours: BTreeSet<&str> = written.iter().map(String::as_str).collect();
                claim.forget(|name| !ours.contains(name))?;
            }
        }
        claim.will_write(written)?;
        files::write(&key_file, format!("{key}\n").as_bytes())?;
        Ok(Self { layout, design, key, _claim: claim })
    }

    fn note_file(&self, plan: &PatientPlan) -> PathBuf {
        notes_folder(&self.layout).join(format!("{}.json", plan.participant()))
    }

    /// The notes of finished patients; where any is missing, those alone that this machine would make alike.
    fn kept(&self, plans: &[PatientPlan], observer: &dyn Observer) -> Result<Vec<Option<PatientNote>>> {
        let mut notes = plans.iter().map(|plan| self.finished(plan)).collect::<Result<Vec<_>>>()?;
        if notes.iter().all(Option::is_some) {
            return Ok(notes);
        }
        let other = |note: &PatientNote| note.instructions.as_ref().is_some_and(|made| made != instructions());
        let others = notes.iter().flatten().filter(|note| other(note)).count();
        if others > 0 {
            observer.note(&format!(
                "{others} patients were made on a machine with other instructions than {}; made again",
                instructions()
            ));
            notes.iter_mut().for_each(|note| *note = note.take().filter(|note| !other(note)));
        }
        Ok(notes)
    }

    /// The note of a patient that an earlier run finished with the same settings, if its volumes are still there.
    fn finished(&self, plan: &PatientPlan) -> Result<Option<PatientNote>> {
        let path = self.note_file(plan);
        let what = "a note of a finished patient";
        let Some(text) = files::read_if_there(&path, MOST_OF_A_NOTE, what)? else { return Ok(None) };
        let note: PatientNote = files::parse_json(&path, &text, what)
            .map_err(|problem| problem.advice("delete it, and the patient is made again"))?;
        let id = plan.participant();
        let files =
            [self.layout.chimap(&id), self.layout.flair(&id), self.layout.lesion_map(&id), self.layout.rim_map(&id)];
        for file in &files {
            if !files::is_there(file)? {
                return Ok(None);
            }
        }
        Ok((note.key == self.key).then_some(note))
    }

    fn patient(&self, plan: &PatientPlan, build: Build) -> Result<PatientNote> {
        let phantom = build(plan)?;
        let design = self.design;
        let chi_ppb = scan(&phantom, plan, design)?;
        let seen = visibilities(&chi_ppb, &phantom.labels);
        let lesions =
            phantom.lesions.iter().map(|lesion| (lesion.clone(), seen.get(&lesion.label).copied().flatten())).collect();
        bids_writer::write_volumes(&self.layout, plan, design, &phantom, &chi_ppb)?;
        // The note comes last: where it is, the volumes are whole. JSON gives each number back to the last bit, so a
        // patient that was made now is the one that a later run finds.
        let note = PatientNote { key: self.key.clone(), lesions, instructions: Some(instructions().to_owned()) };
        files::write_json(self.note_file(plan), &note)?;
        Ok(note)
    }
}

/// What the scanner and the reconstruction make of a patient, ppb.
pub(super) fn scan(phantom: &Phantom, plan: &PatientPlan, design: &CohortDesign) -> Result<Volume<f32>> {
    let acquisition = Acquisition { echoes: design.echoes, background: design.background, snr: plan.snr, b0: plan.b0 };
    let seed = plan.seed.child("scan", 0);
    Ok(reconstruct(&phantom.tissue, &acquisition, &design.inversion, seed)?.chi_ppb)
}

fn notes_folder(layout: &CohortLayout) -> PathBuf {
    layout.root().join(NOTES)
}

/// Knows the folders of simulated cohorts; all that is not BIDS lies in one folder there.
pub const OWNER: Owner = Owner { command: "simulate", lock: ".rimforge/lock", mark: ".rimforge/folder.json", unmarked };

/// A cohort of a version before there were marks: with the key of its settings.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    let layout = CohortLayout::new(folder);
    let key = match files::read_if_there(folder.join(KEY), LONGEST_KEY, "the key of a simulation") {
        Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
        key => key.unwrap_or_default().unwrap_or_default(),
    };
    let is_key = key.trim_ascii().len() == 64 && key.trim_ascii().iter().all(u8::is_ascii_hexdigit);
    let folders = files::list(folder)?;
    let names = folders.iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
    Ok(is_key.then(|| layout.written(names.filter(|name| name.starts_with("sub-")))))
}

/// Hash of all that decides the cohort's bytes, the program's version included.
fn settings_key(design: &CohortDesign) -> Result<String> {
    Ok(digest::sha256(files::json_line(&(env!("CARGO_PKG_VERSION"), design))?))
}

/// Votes over the whole cohort, tables, record.
fn finish(workshop: &Workshop, plans: &[PatientPlan], patients: &[PatientNote]) -> Result<CohortRecord> {
    let design = workshop.design;
    let seen: Vec<Option<Visibility>> =
        patients.iter().flat_map(|patient| patient.lesions.iter().map(|(_, seen)| *seen)).collect();
    let votes = vote(&seen, &design.readers, RunSeed(design.seed).child("readers", 0))?.votes;
    let ids: Vec<String> = plans.iter().map(PatientPlan::participant).collect();
    let rows: Vec<LesionRow> = ids
        .iter()
        .zip(patients)
        .flat_map(|(id, patient)| patient.lesions.iter().map(move |lesion| (id, lesion)))
        .zip(votes)
        .map(|((id, (truth, seen)), votes)| LesionRow { participant: id, truth, visibility: seen.as_ref(), votes })
        .collect();
    bids_writer::write_tables(&workshop.layout, design, plans, &rows)?;
    let patients: Vec<&str> = ids.iter().map(String::as_str).collect();
    let lesions: Vec<LesionVotes> = rows
        .iter()
        .map(|row| LesionVotes { participant: row.participant, votes: row.votes, true_rim: Some(row.truth.true_rim) })
        .collect();
    let record = summarise(&patients, &lesions)?;
    Ok(CohortRecord { preset: Some(design.preset.name().to_owned()), seed: Some(design.seed), ..record })
}

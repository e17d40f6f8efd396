//! The stage: settings in; a set in BIDS' layout of derivatives, judged, with its gallery and record, out.
//!
//! A person depends on the settings and the number alone, so that a run that was stopped goes on with those that are
//! missing, and no number of threads changes a byte. The table comes after the persons; the record is the last.

use std::path::Path;

use rayon::prelude::*;
use serde_json::json;

use super::gallery;
use super::gates::judge;
use super::layout::{DESCRIPTION, GALLERY, IGNORED, KEY, PARTICIPANTS, PARTICIPANTS_TOLD, README, SETTINGS, written};
use super::plan::{DiffusionConfig, Group, Subject, plan};
use super::subject::{Examined, write};
use super::tables::{Row, participants, told};
use crate::files::{self, Owner};
use crate::gates::verdict::tell_failed;
use crate::lab::Lab;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::diffusion::DiffusionRecord;
use crate::run_dir::RECORD;
use crate::settings::Settings;
use crate::simulate::writing::{Kept, Writing, claim};

/// Knows the folders of simulated sets; all that is not BIDS' lies in one folder there.
pub const OWNER: Owner = Owner {
    command: "simulate diffusion",
    lock: ".rimforge/lock",
    mark: ".rimforge/folder.json",
    // There never was a version without marks.
    unmarked: |_| Ok(None),
};

const TOLD: &str = "SIMULATED DIFFUSION - NO PATIENT, NO BRAIN

Maps of fractional anisotropy and FLAIR of healthy persons (HC) and of persons with multiple sclerosis (MS) on MNI's grid
of 2 mm, made by rimforge from solids, random fields, courses of fibres and signal equations. They hold what the model
holds and nothing else: good for testing methods, worthless for learning what multiple sclerosis looks like. The masks of
lesions are the truth. The anatomy is of no atlas: nothing but the grid and the box of the brain is MNI's.
";

/// Simulates into `out`, or finishes what an earlier run began there; judges what is on disk, and leaves the gallery
/// and `record.json`.
///
/// # Errors
/// Settings that make no set, a folder with something else in it, a full disk, or a request to stop
/// (`Kind::Interrupted`: the same call goes on).
pub fn run_stage<E>(
    writing: Writing,
    config: &DiffusionConfig,
    out: &Path,
    lab: &Lab<'_, E>,
) -> Result<DiffusionRecord> {
    config.check()?;
    let threads = writing.threads()?;
    let plan = plan(config);
    let kept = Kept { owner: OWNER, key: KEY, settings: SETTINGS };
    let _claim = claim(&kept, config, out, writing.existing, written(&plan))?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Problem::new(Kind::Environment, format!("cannot start threads: {error}")))?;
    let observer = lab.observer;
    observer.begin("simulate", "persons", plan.len() as u64);
    let rows = pool.install(|| {
        let one = |subject: &Subject| simulated(subject, out, observer);
        plan.par_iter().with_max_len(1).map(one).collect::<Result<Vec<Row>>>()
    });
    observer.end();
    files::write(out.join(PARTICIPANTS), participants(&rows?).as_bytes())?;
    files::write_json(out.join(PARTICIPANTS_TOLD), &told())?;
    files::write(out.join(README), TOLD.as_bytes())?;
    files::write(out.join(IGNORED), format!("{GALLERY}\n{RECORD}\n*_dwimap.*\n").as_bytes())?;
    let description = json!({
        "Name": "SIMULATED fractional anisotropy of healthy persons and of multiple sclerosis",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{ "Name": "rimforge simulate diffusion", "Version": env!("CARGO_PKG_VERSION") }],
        "simulated": true,
    });
    files::write_json(out.join(DESCRIPTION), &description)?;
    let mut record = pool.install(|| judge(out, observer))?;
    tell_failed(&record.gates, observer);
    // Of the sick the first and the one with the most.
    let of = |group: Group| plan.iter().filter(move |one| one.group == group);
    let worst = of(Group::Ms).skip(1).max_by_key(|one| one.burden.count);
    let examples = of(Group::Healthy).take(1).chain(of(Group::Ms).take(1)).chain(worst);
    let examples: Vec<(&Subject, Examined)> = examples.map(|one| (one, Examined::new(one))).collect();
    gallery::of(&examples)
        .write_png(out.join(GALLERY), &[("Description", "SIMULATED maps of fractional anisotropy and FLAIR")])?;
    record.gallery = Some(GALLERY.into());
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// Writes a person's files that are not there yet.
fn simulated(subject: &Subject, out: &Path, observer: &dyn Observer) -> Result<Row> {
    if observer.stop_requested() {
        return Err(Problem::new(Kind::Interrupted, "stopped between two persons")
            .advice("the same command goes on from there"));
    }
    let examined = Examined::new(subject);
    write(subject, &examined, out)?;
    observer.advance(1);
    Ok(Row::of(subject, &examined))
}

//! The stage: settings in; a set in the layout of BraTS-Africa and BraTS 2023, judged, with its truth, gallery and
//! record, out.
//!
//! A case depends on the settings and its number alone, so that a run that was stopped goes on with those that are
//! missing, and no number of threads changes a byte. The table comes after the cases; the record is the last.

use std::path::Path;

use rayon::prelude::*;
use serde_json::json;

use super::case::{Head, write};
use super::gallery;
use super::gates::judge;
use super::layout::{CASES, DESCRIPTION, GALLERY, KEY, README, SETTINGS, written};
use super::plan::{BrainConfig, Case, Population, plan};
use super::tables::{Told, cases};
use crate::files::{self, Owner};
use crate::gates::verdict::tell_failed;
use crate::lab::Lab;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::brain::BrainRecord;
use crate::run_dir::RECORD;
use crate::settings::Settings;
use crate::simulate::writing::{Kept, Writing, claim};

/// Knows the folders of simulated sets; all that is not BraTS' or the truth lies in one folder there.
pub const OWNER: Owner = Owner {
    command: "simulate brain",
    lock: ".rimforge/lock",
    mark: ".rimforge/folder.json",
    // There never was a version without marks.
    unmarked: |_| Ok(None),
};

const TOLD: &str = "SIMULATED GLIOMAS - NO PATIENT, NO BRAIN

Brains with gliomas in the layout of BraTS-Africa (SSA) and of BraTS 2023 (GLI), made by rimforge from solids, random
fields, a model of growth and signal equations. They hold what the model holds and nothing else: good for testing
methods, worthless for learning what gliomas look like. truth/cases.tsv has what generated each case. Nothing is pushed
aside by a tumour here, and there are no vessels.
";

/// Simulates into `out`, or finishes what an earlier run began there; judges what is on disk, and leaves the gallery
/// and `record.json`.
///
/// # Errors
/// Settings that make no set, a folder with something else in it, a full disk, or a request to stop
/// (`Kind::Interrupted`: the same call goes on).
pub fn run_stage<E>(writing: Writing, config: &BrainConfig, out: &Path, lab: &Lab<'_, E>) -> Result<BrainRecord> {
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
    observer.begin("simulate", "cases", plan.len() as u64);
    let told = pool.install(|| {
        let one = |case: &Case| simulated(case, out, observer);
        plan.par_iter().with_max_len(1).map(one).collect::<Result<Vec<Told>>>()
    });
    observer.end();
    files::write(out.join(CASES), cases(&told?).as_bytes())?;
    files::write(out.join(README), TOLD.as_bytes())?;
    let description = json!({
        "Name": "SIMULATED gliomas in the layout of BraTS-Africa and BraTS 2023",
        "GeneratedBy": [{ "Name": "rimforge simulate brain", "Version": env!("CARGO_PKG_VERSION") }],
        "simulated": true,
    });
    files::write_json(out.join(DESCRIPTION), &description)?;
    let mut record = pool.install(|| judge(out, observer))?;
    tell_failed(&record.gates, observer);
    let examples = [Population::Africa, Population::Others].map(|one| plan.iter().find(|case| case.population == one));
    let examples: Vec<(&Case, Head)> = examples.into_iter().flatten().map(|case| (case, Head::new(case))).collect();
    gallery::of(&examples)
        .write_png(out.join(GALLERY), &[("Description", "SIMULATED gliomas, one case of each population")])?;
    record.gallery = Some(GALLERY.into());
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// Writes a case's files that are not there yet.
fn simulated(case: &Case, out: &Path, observer: &dyn Observer) -> Result<Told> {
    if observer.stop_requested() {
        return Err(
            Problem::new(Kind::Interrupted, "stopped between two cases").advice("the same command goes on from there")
        );
    }
    let head = Head::new(case);
    write(case, &head, out)?;
    observer.advance(1);
    Ok(Told::of(case, &head))
}

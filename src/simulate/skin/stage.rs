//! The stage: settings in; a set in HAM10000's layout, judged, with its truth, gallery and record, out.
//!
//! A photograph depends on the settings and its number alone, so that a run that was stopped goes on with those that
//! are missing, and no number of threads changes a byte. All tables come after the photographs; the record is the
//! last.

use std::path::Path;

use rayon::prelude::*;
use serde_json::json;

use super::judge::judge;
use super::layout::{DESCRIPTION, FACTORS, GALLERY, KEY, METADATA, README, SETTINGS, SkinLayout};
use super::optics::table::ColourTable;
use super::plan::{Planned, SkinConfig, plan};
use super::render::render;
use super::structures::Structures;
use super::tables::{Told, factors, metadata};
use super::{gallery, jpeg};
use crate::files::{self, Owner};
use crate::gates::verdict::tell_failed;
use crate::lab::Lab;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::skin::SkinRecord;
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::simulate::writing::{Kept, Writing, claim};

/// Knows the folders of simulated sets; all that is not HAM10000's or the truth lies in one folder there.
pub const OWNER: Owner = Owner {
    command: "simulate skin",
    lock: ".rimforge/lock",
    mark: ".rimforge/folder.json",
    // There never was a version without marks.
    unmarked: |_| Ok(None),
};

const TOLD: &str = "SIMULATED DERMOSCOPY - NO PATIENT, NO SKIN

Pictures of lesions of seven classes in the layout of HAM10000 (Tschandl et al. 2018), made by rimforge from a model of
light in skin. They hold what the model holds and nothing else: good for testing methods, worthless for learning what
skin diseases look like. Age, sex and place are drawn at random. truth/factors.csv has every generating factor of every
picture and what two simulated readers make of it by the ABCD rule.
";

/// Simulates into `out`, or finishes what an earlier run began there; judges what is on disk, and leaves the gallery
/// and `record.json`.
///
/// # Errors
/// Settings that make no set, a folder with something else in it, a full disk, or a request to stop
/// (`Kind::Interrupted`: the same call goes on).
pub fn run_stage<E>(writing: Writing, config: &SkinConfig, out: &Path, lab: &Lab<'_, E>) -> Result<SkinRecord> {
    config.check()?;
    let threads = writing.threads()?;
    let plan = plan(config);
    let images = plan.iter().map(|planned| planned.photographs.len() as u32).sum();
    let layout = SkinLayout::new(out, images);
    let kept = Kept { owner: OWNER, key: KEY, settings: SETTINGS };
    let _claim = claim(&kept, config, out, writing.existing, layout.written())?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Problem::new(Kind::Environment, format!("cannot start threads: {error}")))?;
    let observer = lab.observer;
    let table = ColourTable::new();
    observer.begin("simulate", "photographs", u64::from(images));
    let told = pool.install(|| {
        plan.par_iter()
            .with_max_len(1)
            .map(|planned| photographed(planned, config, &layout, &table, observer))
            .collect::<Result<Vec<Told>>>()
    });
    observer.end();
    let told = told?;
    files::write(layout.path(METADATA), metadata(&plan, config.seed).as_bytes())?;
    files::write(layout.path(FACTORS), factors(&plan, &told).as_bytes())?;
    files::write(layout.path(README), TOLD.as_bytes())?;
    let description = json!({
        "Name": "SIMULATED dermoscopic pictures in the layout of HAM10000",
        "GeneratedBy": [{ "Name": "rimforge simulate skin", "Version": env!("CARGO_PKG_VERSION") }],
        "simulated": true,
    });
    files::write_json(layout.path(DESCRIPTION), &description)?;
    let mut record = pool.install(|| judge(out, observer))?;
    tell_failed(&record.gates, observer);
    gallery::of(&plan, config.side as usize, &table)
        .write_png(layout.path(GALLERY), &[("Description", "SIMULATED dermoscopic pictures by class")])?;
    record.gallery = Some(GALLERY.into());
    files::write_json(layout.path(RECORD), &record)?;
    Ok(record)
}

/// Writes a lesion's photographs that are not there yet.
fn photographed(
    planned: &Planned,
    config: &SkinConfig,
    layout: &SkinLayout,
    table: &ColourTable,
    observer: &dyn Observer,
) -> Result<Told> {
    if observer.stop_requested() {
        return Err(Problem::new(Kind::Interrupted, "stopped between two lesions")
            .advice("the same command goes on from there"));
    }
    let mut rng = RunSeed(planned.lesion.texture).stream("structures", 0);
    let structures = Structures::new(&planned.lesion, &mut rng);
    for (number, photograph) in &planned.photographs {
        let path = layout.path(&layout.image(*number));
        if !files::is_there(&path)? {
            let levels = render(&structures, photograph, config.side as usize, table);
            files::write(&path, &jpeg::encode(&levels, config.side)?)?;
        }
        observer.advance(1);
    }
    Ok(Told::of(planned, &structures, table, config.seed))
}

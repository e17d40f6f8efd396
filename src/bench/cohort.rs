//! Preparing a cohort, beside the least that it can take: inflating the files that it reads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use rayon::prelude::*;
use tempfile::TempDir;

use super::BenchRecord;
use super::clock::Clock;
use crate::data::{PrepareConfig, Source, run_stage as prepare};
use crate::lab::Lab;
use crate::observer::Silent;
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;

/// Milliseconds a patient.
///
/// # Errors
/// Work that fails.
pub fn prepare_cohort(clock: &Clock, cohort: &Path, threads: usize) -> Result<BenchRecord> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Problem::new(Kind::Environment, format!("cannot start threads: {error}")))?;
    pool.install(|| measure(clock, cohort))
}

fn measure(clock: &Clock, cohort: &Path) -> Result<BenchRecord> {
    let source = Source::Cohort(cohort.to_owned());
    let folders = RefCell::new(Vec::<TempDir>::new());
    let new_folder = || {
        let mut folders = folders.borrow_mut();
        if let Some(last) = folders.last() {
            empty_patches(last.path())?;
        }
        let folder = tempfile::tempdir()
            .map_err(|error| Problem::new(Kind::Environment, format!("cannot make a temporary folder: {error}")))?;
        folders.push(folder);
        Ok(())
    };
    let (mut inputs, mut patients) = (Vec::new(), 0);
    let preparing = clock.seconds_after(new_folder, || {
        let folders = folders.borrow();
        if let Some(out) = folders.last() {
            let lab = Lab { engine: &(), seed: RunSeed(1), observer: &Silent };
            let record = prepare(&source, &PrepareConfig::default(), out.path(), &lab)?;
            (inputs, patients) = (record.inputs, record.patients);
        }
        Ok(())
    })?;
    let inflating = clock.seconds(|| {
        inputs.par_iter().filter(|input| input.path.ends_with(".gz")).try_for_each(|input| {
            let path = cohort.join(&input.path);
            let file = File::open(&path).map_err(|error| Problem::io(&path, "opening", error))?;
            std::io::copy(&mut MultiGzDecoder::new(BufReader::new(file)), &mut std::io::sink())
                .map(drop)
                .map_err(|error| Problem::io(&path, "inflating", error))
        })
    })?;
    let patients = patients.max(1) as f64;
    let part = |seconds: f64| 1e3 * seconds / patients;
    let parts = BTreeMap::from([("whole", part(preparing)), ("inflating its files alone", part(inflating))]);
    let report = BenchRecord::new("prepare", None, parts)?;
    Ok(BenchRecord { seconds_per_patient: Some(preparing / patients), ..report })
}

/// Frees the room of a prepared folder that is done with. The files stay until the end: for some minutes after files
/// were deleted, ext4 looks through all of them for each new one, which a first run in a folder is spared.
fn empty_patches(prepared: &Path) -> Result<()> {
    let folder = prepared.join("patches");
    let failed = |error| Problem::io(&folder, "emptying", error);
    for file in std::fs::read_dir(&folder).map_err(failed)? {
        File::create(file.map_err(failed)?.path()).map_err(failed)?;
    }
    Ok(())
}

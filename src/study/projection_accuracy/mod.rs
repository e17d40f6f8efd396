//! The projection accuracy study: maps of fractional anisotropy of healthy persons and of patients with multiple
//! sclerosis, a generator of them, what it makes of healthy, lesioned and spoiled slices, and whether what it leaves
//! out tells lesions.
//!
//! [`run`] is the whole experiment from top to bottom; [`stages`] holds its stages.

mod check;

pub mod config;

mod folders;

mod outline;

mod stages;

use super::cache::Stages;
use super::errand::{Errand, What};
use super::folder;
use crate::data::Prepared;
use crate::engine::{Engine, Lab};
use crate::files::{self, Input, OutFolder};
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::projection_accuracy::ProjectionAccuracyRecord;
use crate::records::training::TimingRecord;
use crate::report;
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;

pub use config::ProjectionAccuracyStudy;

/// What every stage of a run works with.
struct Run<'a> {
    study: &'a ProjectionAccuracyStudy,
    dir: &'a StudyDir,
    lab: Lab<'a>,
    stages: Stages<'a>,
}

/// Runs what is not done yet, writes `results.json` and the report.
///
/// # Errors
/// A file that the settings name is not there, a folder that is not the study's to write, or the first stage that
/// fails; what was finished is kept, and the same call goes on from there.
pub fn run(
    study: &ProjectionAccuracyStudy,
    engine: &Engine,
    observer: &dyn Observer,
) -> Result<ProjectionAccuracyRecord> {
    go(study, engine, observer, &Errand::new(What::Run))
}

/// As [`run`], as far as the errand wants it; what that came to is the errand's to say ([`Errand::outcome`]).
///
/// # Errors
/// Those of [`run`]; the errand ended before the end of the study.
pub fn go(
    study: &ProjectionAccuracyStudy,
    engine: &Engine,
    observer: &dyn Observer,
    errand: &Errand,
) -> Result<ProjectionAccuracyRecord> {
    study.check_files()?;
    let dir = StudyDir::new(&study.out);
    let folders = study.stage_folders(&dir);
    let _claim = {
        let maps = || study.maps.fa.as_deref().into_iter();
        let stages: Vec<OutFolder<'_>> = folders
            .iter()
            .map(|(owner, path)| OutFolder::new(*owner, path).apart_from(maps().map(Input::of)))
            .collect();
        let inputs: Vec<Input<'_>> = maps().chain(study.files()).map(|path| Input::of(path).or_inside()).collect();
        errand.begin(&dir, study.outline(&dir), &inputs)?;
        folder::open_for(errand, &dir, &study.resolved(), &inputs, &stages)?
    };
    let lab = Lab { engine, seed: RunSeed(study.seed), observer };
    let mut run = Run { study, dir: &dir, lab, stages: Stages::on(errand, observer) };

    let maps = run.maps()?;
    let data = run.prepare(&maps)?;
    let prepared = Prepared::open(dir.data())?;
    run.require_images(&prepared)?;
    let gan = run.train(&prepared, &data.key)?;
    let synthetic = run.generate(&prepared, &gan.key)?;
    let residuals = run.residuals(&prepared, &gan.key)?;
    if errand.only_reads() {
        return Err(errand.end());
    }

    run.stages.require_same()?;
    let record = ProjectionAccuracyRecord {
        kind: ProjectionAccuracyRecord::KIND.into(),
        name: study.name.clone(),
        rimforge_version: env!("CARGO_PKG_VERSION").into(),
        libtorch_version: engine.facts.libtorch_version.clone(),
        device: super::device_name(engine),
        threads: engine.facts.threads as u64,
        seed: study.seed,
        simulated: data.record.simulated,
        settings: study.resolved(),
        stages: run.stages.into_runs(),
        maps: maps.record,
        prepare: data.record,
        training: gan.record,
        timing: files::read_json_lines::<TimingRecord>(&dir.gan().timing())?,
        synthesis: synthetic.record.without_images(),
        residuals: residuals.record,
    };
    files::write_json(dir.results(), &record)?;
    report::write_held(&dir)?;
    Ok(record)
}

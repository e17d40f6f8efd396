//! The glioma study: volumes of two populations cut into slices of three planes, a generator that is told plane,
//! tumour and population and draws images with their labels, what those are worth to a segmentation of the rare
//! population's tumours, and variants of the generator at equal budget.
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
use crate::records::glioma::GliomaRecord;
use crate::records::training::TimingRecord;
use crate::report;
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;

pub use config::GliomaStudy;

/// What every stage of a run works with.
struct Run<'a> {
    study: &'a GliomaStudy,
    dir: &'a StudyDir,
    lab: Lab<'a>,
    stages: Stages<'a>,
}

/// Runs what is not done yet, writes `results.json` and the report.
///
/// # Errors
/// A file that the settings name is not there, a folder that is not the study's to write, or the first stage that
/// fails; what was finished is kept, and the same call goes on from there.
pub fn run(study: &GliomaStudy, engine: &Engine, observer: &dyn Observer) -> Result<GliomaRecord> {
    go(study, engine, observer, &Errand::new(What::Run))
}

/// As [`run`], as far as the errand wants it; what that came to is the errand's to say ([`Errand::outcome`]).
///
/// # Errors
/// Those of [`run`]; the errand ended before the end of the study.
pub fn go(study: &GliomaStudy, engine: &Engine, observer: &dyn Observer, errand: &Errand) -> Result<GliomaRecord> {
    study.check_files()?;
    let dir = StudyDir::new(&study.out);
    let folders = study.stage_folders(&dir);
    let _claim = {
        let brains = || study.brains.brats.as_deref().into_iter();
        let stages: Vec<OutFolder<'_>> = folders
            .iter()
            .map(|(owner, path)| OutFolder::new(*owner, path).apart_from(brains().map(Input::of)))
            .collect();
        let inputs: Vec<Input<'_>> = brains().chain(study.files()).map(|path| Input::of(path).or_inside()).collect();
        errand.begin(&dir, study.outline(&dir), &inputs)?;
        folder::open_for(errand, &dir, &study.resolved(), &inputs, &stages)?
    };
    let lab = Lab { engine, seed: RunSeed(study.seed), observer };
    let mut run = Run { study, dir: &dir, lab, stages: Stages::on(errand, observer) };

    let brains = run.brains()?;
    let data = run.prepare(&brains)?;
    let prepared = Prepared::open(dir.data())?;
    let gan = run.train(&prepared, &data.key)?;
    let variants = errand.aside(run.variants(&prepared, &data.key, &gan.record))?.flatten();
    let synthetic = run.generate(&prepared, &gan.key)?;
    let tumours = errand.aside(run.tumours(&prepared, &synthetic.key))?.flatten();
    if errand.only_reads() {
        return Err(errand.end());
    }

    run.stages.require_same()?;
    let record = GliomaRecord {
        kind: GliomaRecord::KIND.into(),
        name: study.name.clone(),
        rimforge_version: env!("CARGO_PKG_VERSION").into(),
        libtorch_version: engine.facts.libtorch_version.clone(),
        device: super::device_name(engine),
        threads: engine.facts.threads as u64,
        seed: study.seed,
        simulated: data.record.simulated,
        settings: study.resolved(),
        stages: run.stages.into_runs(),
        brains: brains.record,
        prepare: data.record,
        training: gan.record,
        timing: files::read_json_lines::<TimingRecord>(&dir.gan().timing())?,
        synthesis: synthetic.record.without_images(),
        tumours: tumours.map(|done| done.record),
        variants: variants.map(|done| done.record),
    };
    files::write_json(dir.results(), &record)?;
    report::write_held(&dir)?;
    Ok(record)
}

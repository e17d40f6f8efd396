//! The rim study: cohort, patches, generator, synthetic and denoised rims, one classifier an arm, report.
//!
//! [`run`] is the whole experiment from top to bottom; [`main_path`] holds its stages, [`beside`] those of the
//! generators beside it.

mod beside;

mod check;

pub mod config;

mod main_path;

mod show;

mod truth;

use super::cache::Stages;
use super::folder;
use crate::data::Prepared;
use crate::engine::{Engine, Lab};
use crate::files;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::study::StudyRecord;
use crate::records::training::TimingRecord;
use crate::report;
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;

pub use config::StudyConfig;

/// What every stage of the study works with.
struct Recipe<'a> {
    study: &'a StudyConfig,
    dir: &'a StudyDir,
    lab: Lab<'a>,
    stages: Stages<'a>,
}

/// Runs what is not done yet, writes `results.json` and the report.
///
/// # Errors
/// A file that the settings name is not there, or the first stage that fails; what was finished is kept, and the same
/// call goes on from there.
pub fn run(study: &StudyConfig, engine: &Engine, observer: &dyn Observer) -> Result<StudyRecord> {
    study.check_files()?;
    let dir = StudyDir::new(&study.out);
    let _lock = folder::open(&dir, &study.resolved())?;
    let lab = Lab { engine, seed: RunSeed(study.seed), observer };
    let mut recipe = Recipe { study, dir: &dir, lab, stages: Stages::new(observer) };

    let cohort = recipe.cohort()?;
    let data = recipe.prepare(&cohort)?;
    let prepared = Prepared::open(dir.data())?;
    let gan = recipe.train(&prepared, &data.key)?;
    let synthetic = recipe.generate(&prepared, &gan.key)?;
    let denoised = recipe.project(&prepared, &gan.key)?;
    let perturbation = recipe.perturb(&prepared, &gan.key, &denoised.record)?;
    let (conditional, conditional_key) = recipe.conditional(&prepared, &data.key)?.unzip();
    let multi_contrast = recipe.multi_contrast(&cohort)?;
    let truth = crate::data::truth::find(&cohort.folder);
    let keys = [&synthetic.key, &denoised.key, conditional_key.as_deref().unwrap_or_default()];
    let classify = recipe.classify(&prepared, truth.as_deref(), &keys)?;

    let record = StudyRecord {
        name: study.name.clone(),
        rimforge_version: env!("CARGO_PKG_VERSION").into(),
        libtorch_version: engine.facts.libtorch_version.clone(),
        device: device_name(engine),
        threads: engine.facts.threads as u64,
        seed: study.seed,
        simulated: data.record.simulated,
        settings: study.resolved(),
        stages: recipe.stages.into_runs(),
        cohort: cohort.record,
        prepare: data.record,
        training: gan.record,
        timing: files::read_json_lines::<TimingRecord>(&dir.gan().timing())?,
        synthesis: synthetic.record,
        projection: truth::with_truth(denoised.record, &prepared, truth.as_deref())?,
        perturbation,
        classify,
        conditional,
        multi_contrast,
    };
    files::write_json(dir.results(), &record)?;
    report::write(&dir)?;
    Ok(record)
}

fn device_name(engine: &Engine) -> String {
    match engine.device {
        tch::Device::Cpu => "CPU".to_owned(),
        other => format!("{other:?}"),
    }
}

//! The dermatoscopy study: photographs of seven kinds of skin lesions, a generator that is told the kind, photographs
//! inverted into its latent space and edited along directions that somebody accepted, and classifiers that learn from
//! all of it.
//!
//! [`run`] is the whole experiment from top to bottom; [`stages`] holds its stages.

mod check;

pub mod config;

mod folders;

mod outline;

mod stages;

use super::cache::{ABSENT, Stages};
use super::errand::{Errand, What};
use super::folder;
use crate::data::Prepared;
use crate::engine::{Engine, Lab};
use crate::files::{self, Input, OutFolder};
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::dermatoscopy::DermatoscopyRecord;
use crate::records::training::TimingRecord;
use crate::report;
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;

pub use config::DermatoscopyStudy;
use config::ImageSource;

/// What every stage of a run works with.
struct Run<'a> {
    study: &'a DermatoscopyStudy,
    dir: &'a StudyDir,
    lab: Lab<'a>,
    stages: Stages<'a>,
}

/// Runs what is not done yet, writes `results.json` and the report.
///
/// # Errors
/// A file that the settings name is not there, a folder that is not the study's to write, or the first stage that
/// fails; what was finished is kept, and the same call goes on from there.
pub fn run(study: &DermatoscopyStudy, engine: &Engine, observer: &dyn Observer) -> Result<DermatoscopyRecord> {
    go(study, engine, observer, &Errand::new(What::Run))
}

/// As [`run`], as far as the errand wants it; what that came to is the errand's to say ([`Errand::outcome`]).
///
/// # Errors
/// Those of [`run`]; the errand ended before the end of the study.
pub fn go(
    study: &DermatoscopyStudy,
    engine: &Engine,
    observer: &dyn Observer,
    errand: &Errand,
) -> Result<DermatoscopyRecord> {
    study.check_files()?;
    let dir = StudyDir::new(&study.out);
    let folders = study.stage_folders(&dir);
    let _claim = {
        let paths =
            || [Some(&study.images), study.external.as_ref()].into_iter().flatten().filter_map(ImageSource::path);
        let stages: Vec<OutFolder<'_>> = folders
            .iter()
            .map(|(owner, path)| OutFolder::new(*owner, path).apart_from(paths().map(Input::of)))
            .collect();
        let inputs: Vec<Input<'_>> = paths().chain(study.files()).map(|path| Input::of(path).or_inside()).collect();
        errand.begin(&dir, study.outline(&dir), &inputs)?;
        folder::open_for(errand, &dir, &study.resolved(), &inputs, &stages)?
    };
    let lab = Lab { engine, seed: RunSeed(study.seed), observer };
    let mut run = Run { study, dir: &dir, lab, stages: Stages::on(errand, observer) };

    let images = run.photographs(&study.images, ("simulate", dir.cohort()))?;
    let data = run.prepare(&images)?;
    let prepared = Prepared::open(dir.data())?;
    study.require_images(&prepared)?;
    // It hangs on the data alone: a shard of it needs no other generator.
    let second = errand.aside(run.train_second(&prepared, &data.key))?.flatten();
    let gan = run.train(&prepared, &data.key)?;
    let synthetic = run.generate(&prepared, &gan.key)?;
    let inverted = run.invert(&prepared, &gan.key)?;
    let keys: Vec<&str> = [Some(&gan), second.as_ref()].into_iter().flatten().map(|done| done.key.as_str()).collect();
    let directions = run.directions(&prepared, &keys)?;
    let accepted = run.accepted(&directions)?;
    let edited = run.edit(&prepared, &accepted, [&inverted.key, &directions.key])?;
    let edited_key = edited.as_ref().map_or(ABSENT, |done| &done.key);
    let external = run.external()?;
    let others = external.as_ref().map(|_| Prepared::open(dir.external_data())).transpose()?;
    let external_key = external.as_ref().map_or(ABSENT, |done| &done.key);
    let classify = run.classify(&prepared, others.as_ref(), [&synthetic.key, edited_key, external_key])?;
    if errand.only_reads() {
        return Err(errand.end());
    }

    run.stages.require_same()?;
    let record = DermatoscopyRecord {
        kind: DermatoscopyRecord::KIND.into(),
        name: study.name.clone(),
        rimforge_version: env!("CARGO_PKG_VERSION").into(),
        libtorch_version: engine.facts.libtorch_version.clone(),
        device: super::device_name(engine),
        threads: engine.facts.threads as u64,
        seed: study.seed,
        simulated: data.record.simulated,
        settings: study.resolved(),
        stages: run.stages.into_runs(),
        images: images.record,
        prepare: data.record,
        training: gan.record,
        timing: files::read_json_lines::<TimingRecord>(&dir.gan().timing())?,
        synthesis: synthetic.record.without_images(),
        inversion: inverted.record,
        directions: directions.record,
        edits: edited.map(|done| done.record.without_images()),
        classify: classify.record,
    };
    files::write_json(dir.results(), &record)?;
    report::write_held(&dir)?;
    Ok(record)
}

//! The rim study: cohort, patches, generator, synthetic and denoised rims, one classifier an arm, report.
//!
//! [`run`] is the whole experiment from top to bottom; [`main_path`] holds its stages, [`beside`] those of the
//! generators beside it.

mod agreed;

mod beside;

mod arms;
mod check;

mod evaluation;

mod explanation;

mod further;

mod segmentation;

pub mod config;

mod main_path;

mod outline;

mod folders;

mod scoring;

mod show;

mod two_sided;

use super::cache::{ABSENT, Stages};
use super::errand::{Errand, What};
use super::folder;
use crate::data::Prepared;
use crate::data::prepare::is_left_to_others;
use crate::engine::{Engine, Lab};
use crate::files::{self, Input, OutFolder};
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::study::StudyRecord;
use crate::records::training::TimingRecord;
use crate::report;
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;
use agreed::Agreed;

pub use config::RimStudy;

/// What every stage of a run works with.
struct Run<'a> {
    study: &'a RimStudy,
    dir: &'a StudyDir,
    lab: Lab<'a>,
    stages: Stages<'a>,
}

/// Runs what is not done yet, writes `results.json` and the report.
///
/// # Errors
/// A file that the settings name is not there, a folder that is not the study's to write, or the first stage that
/// fails; what was finished is kept, and the same call goes on from there.
pub fn run(study: &RimStudy, engine: &Engine, observer: &dyn Observer) -> Result<StudyRecord> {
    go(study, engine, observer, &Errand::new(What::Run))
}

/// As [`run`], as far as the errand wants it; what that came to is the errand's to say ([`Errand::outcome`]).
///
/// # Errors
/// Those of [`run`]; the errand ended before the end of the study.
pub fn go(study: &RimStudy, engine: &Engine, observer: &dyn Observer, errand: &Errand) -> Result<StudyRecord> {
    study.check_files()?;
    let dir = StudyDir::new(&study.out);
    let folders = study.stage_folders(&dir);
    let _claim = {
        let cohort = study.cohort.path.as_deref().map(|path| Input::of(path).with_room(is_left_to_others));
        let stages: Vec<OutFolder<'_>> =
            folders.iter().map(|(owner, path)| OutFolder::new(*owner, path).apart_from(cohort)).collect();
        let files = study.files().map(Input::of);
        let inputs: Vec<Input<'_>> = cohort.into_iter().chain(files).map(Input::or_inside).collect();
        errand.begin(&dir, study.outline(&dir), &inputs)?;
        folder::open_for(errand, &dir, &study.resolved(), &inputs, &stages)?
    };
    let lab = Lab { engine, seed: RunSeed(study.seed), observer };
    let mut run = Run { study, dir: &dir, lab, stages: Stages::on(errand, observer) };

    let cohort = run.cohort()?;
    let data = run.prepare(&cohort)?;
    let prepared = Prepared::open(dir.data())?;
    run.require_lesions(&prepared)?;
    // What hangs on the data alone comes first: a shard of it needs no generator of the main path.
    let conditional = errand.aside(run.conditional(&prepared, &data.key))?.flatten();
    let multi_contrast = errand.aside(run.multi_contrast(&cohort))?.flatten();
    let segmentation = run.segment(&cohort, multi_contrast.as_ref().map(|done| done.key.as_str()));
    let segmentation = errand.aside(segmentation)?.flatten();
    let gan = run.train(&prepared, &data.key)?;
    let further = run.further_gans(&prepared, &data.key, &gan.record)?;
    let synthetic = run.generate(&prepared, &gan.key)?;
    let denoised = run.project(&prepared, &gan.key)?;
    let perturbation = errand.aside(run.perturb(&prepared, &gan.key, &denoised.record))?.flatten();
    let two_sided = match &conditional {
        Some(conditional) => errand.aside(run.two_sided(&prepared, &denoised.record, &conditional.gan_key))?.flatten(),
        None => None,
    };
    let mut agreed_keys = vec![];
    for agreed in Agreed::ALL {
        let done = run.project_agreed(&prepared, agreed, (&denoised.record, &gan.key));
        agreed_keys.extend(errand.aside(done)?.flatten().map(|done| done.key));
    }
    let further = run.project_further(&prepared, further, &denoised.record)?;
    let truth = crate::data::truth::find(&cohort.folder)?;
    // The data's own key is not among them: those of what was drawn and projected are made of it.
    let conditional_key = conditional.as_ref().map_or(ABSENT, |conditional| &conditional.drawn.key);
    let keys = [&synthetic.key, &denoised.key, conditional_key];
    let evaluation = errand.aside(run.evaluate(&prepared, &gan.key, keys))?.flatten();
    let judged = two_sided.as_ref().filter(|_| study.needs_two_sided()).map(|done| done.key.as_str());
    let keys = keys.into_iter().chain(agreed_keys.iter().map(String::as_str)).chain(judged);
    let of_further = further.iter().flat_map(|further| further.keys.iter().map(String::as_str));
    let keys: Vec<&str> = keys.chain(of_further).collect();
    let classify = run.classify(&prepared, (&cohort, truth.as_deref()), &keys)?;
    let explanation = run.explain(&prepared, &cohort, [&data.key, &classify.key])?;
    if errand.only_reads() {
        return Err(errand.end());
    }

    run.stages.require_same()?;
    let results = StudyRecord {
        name: study.name.clone(),
        rimforge_version: env!("CARGO_PKG_VERSION").into(),
        libtorch_version: engine.facts.libtorch_version.clone(),
        device: super::device_name(engine),
        threads: engine.facts.threads as u64,
        seed: study.seed,
        simulated: data.record.simulated,
        settings: study.resolved(),
        stages: run.stages.into_runs(),
        cohort: cohort.record.clone(),
        prepare: data.record,
        training: gan.record,
        timing: files::read_json_lines::<TimingRecord>(&dir.gan().timing())?,
        synthesis: synthetic.record.without_images(),
        projection: scoring::with_truth(denoised.record, &prepared, truth.as_deref())?,
        perturbation,
        classify: classify.record,
        conditional: conditional.map(|conditional| conditional.drawn.record),
        multi_contrast: multi_contrast.map(|done| done.record),
        evaluation,
        explanation,
        segmentation,
        two_sided: two_sided
            .map(|done| {
                crate::two_sided::truth::with_truth(done.record, &prepared, truth.as_deref(), RunSeed(study.seed))
            })
            .transpose()?,
        further_generators: further.into_iter().map(|further| further.record).collect(),
    };
    // Truth was read once more for the scores above.
    let results = cohort.unchanged(results, observer)?;
    files::write_json(dir.results(), &results)?;
    report::write_held(&dir)?;
    Ok(results)
}

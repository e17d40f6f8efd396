//! The rim study: cohort, patches, generator, synthetic and denoised rims, one classifier an arm, report.

use std::path::Path;

use super::StudyConfig;
use super::cache::{self, Stage};
use super::changes;
use super::extensions::Study;
use crate::classify;
use crate::data::{Prepared, Source, run_stage as prepare, truth};
use crate::engine::{Engine, Lab};
use crate::files;
use crate::gates::examine;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::classify::ClassifyRecord;
use crate::records::projection::ProjectionRecord;
use crate::records::study::{StageRun, StudyRecord};
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;
use crate::simulate::rim_lesions::{self as simulate, Writing};
use crate::statistics::proportion::clustered;
use crate::{generate, perturb, project, train};

/// Runs what is not done yet, writes `results.json` and the report.
///
/// # Errors
/// The first stage that fails; what was finished is kept, and the same call goes on from there.
pub fn run(study: &StudyConfig, engine: &Engine, observer: &dyn Observer) -> Result<StudyRecord> {
    let dir = StudyDir::new(&study.out);
    std::fs::create_dir_all(dir.root()).map_err(|error| Problem::io(dir.root(), "making the study folder", error))?;
    let _lock = files::lock(dir.lock())?;
    changes::tell(&dir.settings(), &study.resolved());
    files::write(dir.settings(), study.resolved().as_bytes())?;
    let lab = Lab { engine, seed: RunSeed(study.seed), observer };
    let mut stages: Vec<StageRun> = Vec::new();

    let (cohort_folder, cohort, cohort_key) = match (&study.cohort.simulate, &study.cohort.path) {
        (Some(config), _) => {
            let stage = Stage::new("simulate", dir.cohort(), config, &[])?;
            let (record, run) =
                stage.run(observer, |folder| simulate::run_stage(Writing::default(), config, folder, &lab))?;
            stages.push(run);
            (dir.cohort(), record, stage.key().to_owned())
        }
        (None, Some(path)) => {
            observer.note(&format!("reading {} to see whether it changed", path.display()));
            (path.clone(), examine::describe(path, simulate::CHIMAP, observer)?, cache::hash_folder(path)?)
        }
        (None, None) => return Err(Problem::usage("no cohort")),
    };

    let stage = Stage::new("prepare", dir.data(), &(&study.prepare, study.seed), &[&cohort_key])?;
    let source = Source::Cohort(cohort_folder.clone());
    let (prepared_record, run) =
        stage.run(observer, |folder| prepare(&source, &study.prepare, folder, &lab.of_stage("prepare")))?;
    stages.push(run);
    let data_key = stage.key().to_owned();
    let prepared = Prepared::open(dir.data())?;

    let stage = Stage::new("train", dir.gan().root().to_owned(), &(&study.train, study.seed), &[&data_key])?;
    let (training, run) =
        stage.run(observer, |folder| train::run_stage(&prepared, &study.train, folder, &lab.of_stage("train")))?;
    stages.push(run);
    let gan_key = stage.key().to_owned();
    let network = dir.gan().best_network();

    let stage = Stage::new("generate", dir.synthetic(), &study.generate, &[&gan_key])?;
    let (synthesis, run) = stage.run(observer, |folder| {
        let inputs = generate::Inputs { network: &network, data: Some(&prepared) };
        generate::run_stage(inputs, &study.generate, folder, &lab.of_stage("generate"))
    })?;
    stages.push(run);
    let synthetic_key = stage.key().to_owned();

    let stage = Stage::new("project", dir.denoised(), &(&study.project, study.seed), &[&gan_key])?;
    let (projection, run) = stage.run(observer, |folder| {
        let inputs = project::Inputs { network: &network, from: project::From::Data(&prepared) };
        project::run_stage(inputs, &study.project, folder, &lab.of_stage("project"))
    })?;
    stages.push(run);
    let denoised_key = stage.key().to_owned();

    let mut perturbation = None;
    if study.perturb.lesions > 0 {
        // What is tested is the projector that made the denoised lesions.
        let config = project::feature_choice::with_chosen_features(&study.project, &projection);
        let settings = (&study.perturb, &config, study.seed);
        let stage = Stage::new("perturb", dir.perturbed(), &settings, &[&gan_key])?;
        let (record, run) = stage.run(observer, |folder| {
            let inputs = perturb::Inputs { network: &network, data: &prepared };
            let settings = perturb::Settings { perturb: &study.perturb, project: &config };
            perturb::run_stage(inputs, settings, folder, &lab.of_stage("perturb"))
        })?;
        stages.push(run);
        perturbation = Some(record);
    }

    let beside = Study { config: study, dir: &dir, lab: &lab };
    let (mut conditional, mut conditional_key) = (None, String::new());
    if let Some(config) = &study.conditional {
        let (record, key) = beside.conditional(config, &prepared, &data_key, &mut stages)?;
        (conditional, conditional_key) = (Some(record), key);
    }
    let multi_contrast = match &study.multi_contrast {
        Some(config) => Some(beside.multi_contrast(config, (&cohort_folder, &cohort_key), &mut stages)?),
        None => None,
    };

    let truth = truth::find(&cohort_folder);
    let conditional_rims = conditional.as_ref().map(|_| dir.conditional_synthetic());
    let (synthetic, denoised) = (dir.synthetic(), dir.denoised());
    let inputs = || classify::Inputs {
        data: &prepared,
        synthetic: Some(&synthetic),
        conditional: conditional_rims.as_deref(),
        denoised: Some(&denoised),
        truth: truth.as_deref(),
    };
    let stage = Stage::new(
        "classify",
        dir.classify(),
        &(&study.classify, study.seed),
        &[&synthetic_key, &denoised_key, &conditional_key],
    )?;
    let (classify, run): (ClassifyRecord, _) = stage
        .run(observer, |folder| classify::run_stage(inputs(), &study.classify, folder, &lab.of_stage("classify")))?;
    stages.push(run);

    let record = StudyRecord {
        name: study.name.clone(),
        rimforge_version: env!("CARGO_PKG_VERSION").into(),
        libtorch_version: engine.facts.libtorch_version.clone(),
        device: match engine.device {
            tch::Device::Cpu => "CPU".to_owned(),
            other => format!("{other:?}"),
        },
        threads: engine.facts.threads as u64,
        seed: study.seed,
        simulated: prepared_record.simulated,
        settings: study.resolved(),
        stages,
        cohort,
        prepare: prepared_record,
        training,
        timing: files::read_json_lines(&dir.gan().timing())?,
        synthesis,
        projection: with_truth(projection, &prepared, truth.as_deref())?,
        perturbation,
        classify,
        conditional,
        multi_contrast,
    };
    files::write_json(dir.results(), &record)?;
    crate::report::write(&dir)?;
    Ok(record)
}

fn with_truth(mut projection: ProjectionRecord, prepared: &Prepared, truth: Option<&Path>) -> Result<ProjectionRecord> {
    let Some(path) = truth else { return Ok(projection) };
    let manifest = prepared.manifest();
    let is_rim = truth::read(path, manifest)?;
    for projected in &mut projection.lesions {
        let at = manifest.lesions.iter().position(|lesion| lesion.id == projected.lesion_id);
        projected.true_rim = at.map(|at| is_rim[at]);
    }
    let ambiguous = projection.lesions.iter().filter(|lesion| lesion.role == "ambiguous");
    projection.true_among_ambiguous =
        clustered(ambiguous.filter_map(|lesion| Some((&lesion.patient, lesion.true_rim?))));
    Ok(projection)
}

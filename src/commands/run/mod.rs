//! `rimforge run STUDY.toml`: every stage in order, each kept where its settings and inputs did not change.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::atomic_file;
use crate::classify::truth;
use crate::commands::progress::Progress;
use crate::commands::{classify, generate, perturb, project, simulate, train};
use crate::config::StudyConfig;
use crate::data::{Prepared, Source, prepare};
use crate::engine::Engine;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::classify::ClassifyRecord;
use crate::records::projection::ProjectionRecord;
use crate::records::study::{StageRun, StudyRecord};
use crate::records::training::TimingRecord;
use crate::run_dir::StudyDir;
use crate::seed::RunSeed;

mod cache;

mod extensions;

use cache::Stage;
use extensions::Study;

#[derive(Args, Debug)]
pub struct RunArgs {
    /// The study's settings, e.g. studies/demo.toml.
    study: PathBuf,

    /// Override a setting: --set train.kimg=20 (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub fn run(args: &RunArgs) -> Result<()> {
    let study = StudyConfig::load(&args.study, &args.set)?;
    let observer = Progress::new()?;
    let engine = Engine::start(&study.engine)?;
    let record = run_study(&study, &engine, &observer)?;
    print!("{}", classify::table(&record.classify, record.simulated));
    println!("report: {}", StudyDir::new(&study.out).report().display());
    Ok(())
}

/// Runs what is not done yet, writes `results.json` and the report.
///
/// # Errors
/// The first stage that fails; what was finished is kept, and the same call goes on from there.
pub fn run_study(study: &StudyConfig, engine: &Engine, observer: &dyn Observer) -> Result<StudyRecord> {
    let dir = StudyDir::new(&study.out);
    std::fs::create_dir_all(dir.root()).map_err(|error| Problem::io(dir.root(), "making the study folder", error))?;
    let _lock = atomic_file::lock(dir.lock())?;
    atomic_file::write(dir.settings(), study.resolved().as_bytes())?;
    let seed = RunSeed(study.seed);
    let mut stages: Vec<StageRun> = Vec::new();

    let (cohort_folder, cohort, cohort_key) = match (&study.cohort.simulate, &study.cohort.path) {
        (Some(config), _) => {
            let stage = Stage::new("simulate", dir.cohort(), config, &[])?;
            let (record, run) = stage.run(observer, |folder| simulate::run_stage(config, folder, observer))?;
            stages.push(run);
            (dir.cohort(), record, stage.key().to_owned())
        }
        (None, Some(path)) => {
            observer.note(&format!("reading {} to see whether it changed", path.display()));
            (path.clone(), simulate::describe(path, observer)?, cache::hash_folder(path)?)
        }
        (None, None) => return Err(Problem::usage("no cohort")),
    };

    let stage = Stage::new("prepare", dir.data(), &(&study.prepare, study.seed), &[&cohort_key])?;
    let source = Source::Cohort(cohort_folder.clone());
    let (prepared_record, run) =
        stage.run(observer, |folder| prepare(&source, folder, &study.prepare, seed.child("prepare", 0), observer))?;
    stages.push(run);
    let data_key = stage.key().to_owned();
    let prepared = Prepared::open(dir.data())?;

    let stage = Stage::new("train", dir.gan().root().to_owned(), &(&study.train, study.seed), &[&data_key])?;
    let (training, run) = stage.run(observer, |folder| {
        train::run_stage(&prepared, folder, &study.train, seed.child("train", 0), engine, observer)
    })?;
    stages.push(run);
    let gan_key = stage.key().to_owned();
    let network = dir.gan().best_network();

    let stage = Stage::new("generate", dir.synthetic(), &study.generate, &[&gan_key])?;
    let (synthesis, run) = stage.run(observer, |folder| {
        generate::run_stage(&network, folder, &study.generate, Some(&prepared), engine, observer)
    })?;
    stages.push(run);
    let synthetic_key = stage.key().to_owned();

    let stage = Stage::new("project", dir.denoised(), &(&study.project, study.seed), &[&gan_key])?;
    let (projection, run) = stage.run(observer, |folder| {
        project::run_stage(&dir.data(), &network, folder, &study.project, seed.child("project", 0), engine, observer)
    })?;
    stages.push(run);
    let denoised_key = stage.key().to_owned();

    let mut perturbation = None;
    if study.perturb.lesions > 0 {
        // What is tested is the projector that made the denoised lesions.
        let config = project::with_chosen_features(&study.project, &projection);
        let settings = (&study.perturb, &config, study.seed);
        let stage = Stage::new("perturb", dir.perturbed(), &settings, &[&gan_key])?;
        let (record, run) = stage.run(observer, |folder| {
            let configs = (&study.perturb, &config);
            perturb::run_stage(&dir.data(), &network, folder, configs, seed.child("perturb", 0), engine, observer)
        })?;
        stages.push(run);
        perturbation = Some(record);
    }

    let beside = Study { config: study, dir: &dir, seed, engine, observer };
    let (mut conditional, mut conditional_key) = (None, String::new());
    if let Some(config) = &study.conditional {
        let (record, key) = beside.conditional(config, &prepared, &data_key, &mut stages)?;
        (conditional, conditional_key) = (Some(record), key);
    }
    let multi_contrast = match &study.multi_contrast {
        Some(config) => Some(beside.multi_contrast(config, (&cohort_folder, &cohort_key), &mut stages)?),
        None => None,
    };

    let truth = truth_file(&cohort_folder);
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
    let (classify, run): (ClassifyRecord, _) = stage.run(observer, |folder| {
        classify::run_stage(inputs(), folder, &study.classify, seed.child("classify", 0), engine, observer)
    })?;
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
        timing: read_timing(&dir.gan().timing())?,
        synthesis,
        projection: with_truth(projection, &prepared, truth.as_deref())?,
        perturbation,
        classify,
        conditional,
        multi_contrast,
    };
    atomic_file::write_json(dir.results(), &record)?;
    crate::report::write(&dir)?;
    Ok(record)
}

/// The truth table of a simulated cohort, where there is one.
fn truth_file(cohort: &Path) -> Option<PathBuf> {
    let path = cohort.join("derivatives/truth/truth.tsv");
    path.exists().then_some(path)
}

/// Adds to each projected lesion what only a simulation knows. Scoring: no stage sees it.
fn with_truth(mut projection: ProjectionRecord, prepared: &Prepared, truth: Option<&Path>) -> Result<ProjectionRecord> {
    let Some(path) = truth else { return Ok(projection) };
    let manifest = prepared.manifest();
    let is_rim = truth::read(path, manifest)?;
    for projected in &mut projection.lesions {
        let at = manifest.lesions.iter().position(|lesion| lesion.id == projected.lesion_id);
        projected.true_rim = at.map(|at| is_rim[at]);
    }
    Ok(projection)
}

fn read_timing(path: &Path) -> Result<Vec<TimingRecord>> {
    let text = std::fs::read_to_string(path).map_err(|error| Problem::io(path, "reading", error))?;
    let line = |line: &str| {
        serde_json::from_str(line).map_err(|error| Problem::input(path, format!("unreadable line: {error}")))
    };
    text.lines().map(line).collect()
}

//! Every arm in every repetition: fits on parallel threads, each kept in a file, so that a stopped comparison goes on
//! where it was.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::json;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use super::arms::Arm;
use super::config::{Additions, ClassifyConfig, Control};
use super::fit::{self, Fit, Plan};
use super::fit_files::{self, Kept, SliceScores};
use super::on_threads::on_threads;
use super::pool::{Pool, Scoring};
use super::start;
use super::training_set::TrainingSet;
use super::units;
use crate::data::Prepared;
use crate::digest;
use crate::engine::Place;
use crate::files::{self, Claim};
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::FileHash;
use crate::records::arithmetic::Arithmetic;
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::units::Ready;

/// Version of the procedure; a fit of another is done again. 2: descends by the program's own Adam.
const PROCEDURE: u32 = 2;

/// Where the fits run, and where they are kept.
#[derive(Clone, Copy, Debug)]
pub struct Workplace<'a> {
    /// Folder of the fits.
    pub out: &'a Path,
    /// Where the tensors are.
    pub device: Device,
    /// What the last bits of a fit depend on: on the CPU it has one thread.
    pub place: &'a Place,
    /// Fits at a time on the CPU, each on one thread: small batches gain little from more, and a fit's result then does
    /// not depend on how many there are. A GPU takes one at a time.
    pub threads: usize,
}

/// Lesion scores of one fit: for each class of [`Pool::scored`] one list in the order of [`Scoring::lesions`].
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// For thresholds.
    pub validation: Vec<Vec<f64>>,
    /// For the comparison.
    pub test: Vec<Vec<f64>>,
}

/// All repetitions of one arm.
#[derive(Clone, Debug)]
pub struct ArmRuns {
    /// Which.
    pub arm: Arm,
    /// The training set of each repetition.
    pub sets: Vec<TrainingSet>,
    /// The outcome of each repetition.
    pub fits: Vec<Fitted>,
    /// Generators that its repetitions take in turn; 1 where it takes of none.
    pub generators: usize,
}

impl ArmRuns {
    /// Number of each repetition's generator.
    pub fn generator_of_each(&self) -> Vec<u32> {
        (0..self.fits.len()).map(|repetition| (repetition % self.generators) as u32).collect()
    }
}

/// All arms, and what was equal in them.
#[derive(Debug)]
pub struct Runs {
    /// Of every fit.
    pub plan: Plan,
    /// In the order asked for.
    pub arms: Vec<ArmRuns>,
    /// How the fits were computed, each way once; those of older versions do not say.
    pub computed_with: Vec<Arithmetic>,
    /// The file of every fit, relative to the folder, arm by arm.
    pub files: Vec<FileHash>,
}

/// One fit to be made.
pub(super) struct Job {
    pub arm: Arm,
    pub repetition: u64,
    pub set: TrainingSet,
    pub seed: RunSeed,
    /// Of the finished one.
    pub file: PathBuf,
    /// Hash of all that it depends on.
    pub key: String,
    /// Hash of all that the key knows but the pixels.
    pub settings: String,
}

/// Name of the picture of maps.
pub(super) const MAPS: &str = "cam.png";

/// Seed of one repetition: equal for all arms, so that they share initial weights, draws and the order of batches.
fn repetition_seed(seed: RunSeed, repetition: u64) -> RunSeed {
    seed.child("classify", repetition)
}

/// What is fitted to what, and how.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The data set.
    pub data: &'a Prepared,
    /// Every slice that a fit sees or is scored on.
    pub pool: &'a Pool,
    /// Arms and settings.
    pub config: &'a ClassifyConfig,
    /// Of every draw.
    pub seed: RunSeed,
}

/// All fits, before any is made.
struct Composed {
    plan: Plan,
    /// Arm by arm and repetition by repetition.
    sets: Vec<Vec<TrainingSet>>,
    /// In the same order.
    jobs: Vec<Job>,
}

fn composed(asked: Asked<'_>, place: Workplace<'_>) -> Result<Composed> {
    let Asked { data, pool, config, seed } = asked;
    let (plan, sets) = compose(data, pool, config, seed)?;
    let pixels = pool.sha256()?;
    let mut jobs = Vec::new();
    for (arm, repetitions) in config.arms.iter().zip(&sets) {
        for (repetition, set) in (0u64..).zip(repetitions) {
            let repetition_seed = repetition_seed(seed, repetition);
            let identity = |pixels: &str| {
                let device = device_name(place.device);
                let mut parts = json!([PROCEDURE, pixels, arm, repetition_seed.0, plan, config.pooling, set, device]);
                // Fits of slices as they are, without anything beside them, are known as ever.
                let manner = arm.manner(config.manner());
                if let (Some(parts), true) = (parts.as_array_mut(), !manner.is_plain()) {
                    parts.push(json!(manner));
                }
                parts
            };
            jobs.push(Job {
                arm: *arm,
                repetition,
                set: set.clone(),
                seed: repetition_seed,
                file: fit_files::path(place.out, *arm, repetition),
                key: digest::sha256(identity(&pixels).to_string()),
                settings: digest::sha256(identity("").to_string()),
            });
        }
    }
    Ok(Composed { plan, sets, jobs })
}

/// Fits that others made, and at which weight of what arms add they are looked for (`None`: the settings' own).
#[derive(Clone, Copy)]
pub struct Elsewhere<'a> {
    /// Where they are.
    pub ready: &'a Ready,
    /// Part of their names.
    pub weight: Option<f64>,
}

/// Fits every arm in every repetition, or reads what an earlier call left in `out` or a shard elsewhere.
///
/// # Errors
/// One class only, a loss that is not a number, a full disk, or stopped on request; fits to do beside those of another
/// arithmetic, or where none is to be made.
pub fn run(
    asked: Asked<'_>,
    place: Workplace<'_>,
    (claim, Elsewhere { ready, weight }): (&mut Claim, Elsewhere<'_>),
    observer: &dyn Observer,
) -> Result<Runs> {
    let Asked { pool, config, .. } = asked;
    let Composed { plan, sets, jobs } = composed(asked, place)?;
    observer.begin("classifiers", "steps", plan.steps * jobs.len() as u64);
    let here = place.place.with_threads(1);
    let mut kept =
        jobs.iter().map(|job| fit_files::finished(job, pool, &here, observer)).collect::<Result<Vec<_>>>()?;
    let none_known = kept.iter().all(Option::is_none);
    if kept.iter().any(Option::is_none) && ready.is_any() {
        forget_what_spoke_of_them(place)?;
        for (job, kept) in jobs.iter().zip(&mut kept).filter(|(_, kept)| kept.is_none()) {
            files::remove(&job.file)?;
            let name = fit_files::name(job.arm, job.repetition);
            if ready.take(&units::fit(weight, job.arm, job.repetition), place.out, &[name])? {
                *kept = fit_files::finished(job, pool, &here, observer)?;
            }
        }
        let missing = jobs.iter().zip(&kept).filter(|(_, kept)| kept.is_none());
        let missing: Vec<Name> = missing.map(|(job, _)| units::fit(weight, job.arm, job.repetition)).collect();
        ready.require_none(&missing)?;
    }
    let mut computed: Vec<Option<Arithmetic>> = kept.iter().flatten().map(|(_, how)| how.clone()).collect();
    if kept.iter().any(Option::is_none) {
        for begun in Arithmetic::distinct(computed.iter().flatten()) {
            if let Some(words) = here.go_on(&begun, place.out)? {
                observer.note(&format!("going on beside fits begun with {words}; the record says so"));
            }
        }
        if computed.contains(&None) {
            observer.note("finished fits of an older version do not say with which instructions they were made");
        }
        computed.push(Some(here.arithmetic.clone()));
        // Whatever fails or is killed from here on, no fit of other settings is left that could be taken for one of
        // these.
        forget_what_spoke_of_them(place)?;
        for (job, _) in jobs.iter().zip(&kept).filter(|(_, kept)| kept.is_none()) {
            files::remove(&job.file)?;
        }
    }
    if none_known {
        // Nothing that lay here is known to be of these settings: neither are the fits of arms that are not asked for
        // now.
        let within = place.out.strip_prefix(claim.folder()).unwrap_or(Path::new("")).to_owned();
        let named = |name: &str| within.join(name).to_string_lossy().into_owned();
        let asked: Vec<String> = jobs.iter().map(|job| named(&fit_files::name(job.arm, job.repetition))).collect();
        let fits = named(fit_files::FOLDER);
        claim.forget(|name| name.starts_with(&fits) && !asked.iter().any(|fit| fit == name))?;
    }
    let work = Work { pool, config, plan: &plan, arithmetic: &here.arithmetic, observer };
    let fitted = all(&jobs, kept, work, place);
    observer.end();
    let mut fitted = fitted?.into_iter();
    let arms = config.arms.iter().zip(sets).map(|(&arm, sets)| {
        let fits = fitted.by_ref().take(sets.len()).collect();
        ArmRuns { arm, sets, fits, generators: pool.material.generators(arm.needs()) }
    });
    let file =
        |job: &Job| Ok(FileHash { path: fit_files::name(job.arm, job.repetition), sha256: files::sha256(&job.file)? });
    Ok(Runs {
        plan,
        arms: arms.collect(),
        computed_with: Arithmetic::distinct(computed.iter().flatten()),
        files: jobs.iter().map(file).collect::<Result<_>>()?,
    })
}

/// Removes what speaks of the fits that are about to be replaced.
fn forget_what_spoke_of_them(place: Workplace<'_>) -> Result<()> {
    files::remove(&place.out.join(RECORD))?;
    files::remove(&place.out.join(MAPS))
}

/// Makes the fits that `is_to_do` says so of, by arm and repetition, and hands over the name of each one's file in the
/// place's folder once it is there.
///
/// # Errors
/// As [`run`], and what `done` reports.
pub fn run_some(
    asked: Asked<'_>,
    place: Workplace<'_>,
    is_to_do: impl Fn(Arm, u64) -> bool,
    done: impl Fn(Arm, u64, &str) -> Result<()> + Sync,
    observer: &dyn Observer,
) -> Result<()> {
    let Asked { pool, config, .. } = asked;
    let Composed { plan, mut jobs, .. } = composed(asked, place)?;
    jobs.retain(|job| is_to_do(job.arm, job.repetition));
    observer.begin("classifiers", "steps", plan.steps * jobs.len() as u64);
    let here = place.place.with_threads(1);
    let work = Work { pool, config, plan: &plan, arithmetic: &here.arithmetic, observer };
    let fit = |pool: &Pool, at: usize| {
        let job = &jobs[at];
        one(job, None, Work { pool, ..work })?;
        done(job.arm, job.repetition, &fit_files::name(job.arm, job.repetition))
    };
    on_threads(jobs.len(), place, || pool.clone_for_thread(), fit)?;
    observer.end();
    Ok(())
}

/// The training sets, arm by arm and repetition by repetition, and the plan that they share.
fn compose(
    data: &Prepared,
    pool: &Pool,
    config: &ClassifyConfig,
    seed: RunSeed,
) -> Result<(Plan, Vec<Vec<TrainingSet>>)> {
    let selections = (0..config.seeds)
        .map(|repetition| {
            let seed = repetition_seed(seed, repetition).child("draws", 0);
            pool.material.select(repetition, seed, pool.extra, config.non_rims_per_rim)
        })
        .collect::<Result<Vec<_>>>()
        .map_err(|problem| problem.at(data.root()))?;
    let plan = plan(data, config, &Arm::None.compose(&selections[0], config.batch))?;
    let set = |arm: &Arm, repetition: usize| {
        let mut set = arm.compose(&selections[repetition], config.batch);
        if let (TrainingSet::Interest(set), Additions::InPlace) = (&mut set, config.additions) {
            set.in_place();
        }
        if config.control == Some(Control::ShuffleLabels) {
            set.shuffle_labels(&mut repetition_seed(seed, repetition as u64).stream("shuffled labels", 0));
        }
        set
    };
    Ok((plan, config.arms.iter().map(|arm| (0..selections.len()).map(|at| set(arm, at)).collect()).collect()))
}

/// What is equal in all fits: as many steps as passes over the set of the None arm take.
///
/// # Errors
/// A file of weights that cannot be what a fit starts from.
pub(super) fn plan(data: &Prepared, config: &ClassifyConfig, none: &TrainingSet) -> Result<Plan> {
    Ok(Plan {
        classifier: start::classifier(data, config, none.class_count())?,
        steps: Plan::steps_for(none.slices(), config.epochs, config.batch),
        batch: config.batch,
        learning_rate: config.learning_rate,
    })
}

/// SHA-256 over shapes and values, so that what was made of some pixels is known again.
pub(crate) fn pixels_sha256(images: &[&Tensor]) -> Result<String> {
    let mut hash = Sha256::new();
    for pixels in images {
        hash.update(format!("{:?}", pixels.size()));
        for row in 0..pixels.size()[0] {
            let values: Vec<f32> = Vec::try_from(pixels.get(row).to_device(Device::Cpu).reshape([-1]))?;
            values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
    }
    Ok(digest::hex(hash.finalize()))
}

/// What all fits share.
#[derive(Clone, Copy)]
struct Work<'a> {
    pool: &'a Pool,
    config: &'a ClassifyConfig,
    plan: &'a Plan,
    arithmetic: &'a Arithmetic,
    observer: &'a dyn Observer,
}

/// Works through the jobs, of which some are `kept`, on several threads; results in the order of the jobs, the first
/// failure ends it.
fn all(jobs: &[Job], kept: Vec<Option<Kept>>, work: Work<'_>, place: Workplace<'_>) -> Result<Vec<Fitted>> {
    let kept: Vec<Mutex<Option<Kept>>> = kept.into_iter().map(Mutex::new).collect();
    let job = |pool: &Pool, at: usize| {
        let kept = kept[at].lock().map_or(None, |mut kept| kept.take());
        one(&jobs[at], kept, Work { pool, ..work })
    };
    on_threads(jobs.len(), place, || work.pool.clone_for_thread(), job)
}

/// One fit, or the one that is kept.
fn one(job: &Job, kept: Option<Kept>, work: Work<'_>) -> Result<Fitted> {
    let Work { pool, config, plan, arithmetic, observer } = work;
    let scores = match kept {
        Some((scores, _)) => {
            tracing::info!("{}: fitted before, kept", job.file.display());
            observer.advance(plan.steps);
            scores
        }
        None => {
            let manner = job.arm.manner(config.manner());
            let fit = Fit { set: &job.set, pixels: &pool.pixels, plan, manner, seed: job.seed };
            let weights = config.weights.as_deref();
            let network = start::network(&plan.classifier, weights, job.seed, pool.pixels.device())?;
            let (network, losses) = fit.from(network, observer)?;
            let score = |scoring: &Scoring| fit::score(network.as_ref(), &scoring.pixels, &pool.scored());
            let scores = SliceScores { validation: score(&pool.validation)?, test: score(&pool.test)? };
            fit_files::keep(job, network.as_ref(), losses, (&scores, arithmetic))?;
            tracing::info!("{}: fitted", job.file.display());
            scores
        }
    };
    Ok(Fitted {
        validation: pool.validation.pooled(&scores.validation, config.pooling),
        test: pool.test.pooled(&scores.test, config.pooling),
    })
}

fn device_name(device: Device) -> &'static str {
    if device == Device::Cpu { "cpu" } else { "gpu" }
}

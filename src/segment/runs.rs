//! Every arm in every repetition: fits on parallel threads, each kept in a file, so that a stopped comparison goes on
//! where it was.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Device, Tensor};

use super::arms::Arm;
use super::config::SegmentConfig;
use super::fit::{Plan, fit};
use super::judge::{HeldLesion, Judged, judge};
use super::material::{Held, Learnt};
use super::stage::PICTURE;
use crate::classify::on_threads::on_threads;
use crate::classify::runs::{Workplace, pixels_sha256};
use crate::classify::training_set::TrainingSet;
use crate::data::Prepared;
use crate::digest;
use crate::files;
use crate::nets::Network;
use crate::nets::network::Named;
use crate::nets::segmenters::UNet;
use crate::nets::weights::{read_tensors, write_tensors};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic::Arithmetic;
use crate::run_dir::RECORD;
use crate::seed::RunSeed;

/// Version of the procedure; a fit of another is done again.
const PROCEDURE: u32 = 1;

/// The folder of all fits' files inside the stage's.
const FITS: &str = "fits";

/// `fits/<arm>-seed<repetition>.safetensors`, relative to the stage's folder: one fit's weights.
pub fn fit_name(arm: Arm, repetition: u64) -> String {
    format!("{FITS}/{}-seed{repetition}.safetensors", arm.key())
}

/// A fit file's own description.
#[derive(Serialize, Deserialize)]
struct Description {
    key: String,
    /// Hash of all that the key knows but the pixels.
    settings: String,
    /// Mean loss of every 10 steps.
    losses: Vec<f64>,
    computed_with: Arithmetic,
}

/// What fits read and what they are measured on.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The data set.
    pub data: &'a Prepared,
    /// To learn from.
    pub learnt: &'a Learnt,
    /// To be measured on.
    pub held: &'a Held,
    /// The held-out lesions.
    pub lesions: &'a [HeldLesion],
    /// Settings.
    pub config: &'a SegmentConfig,
    /// Equal in all arms.
    pub plan: &'a Plan,
}

/// What one arm came to.
#[derive(Debug)]
pub struct ArmRuns {
    /// Which.
    pub arm: Arm,
    /// The training set of the first repetition.
    pub set: TrainingSet,
    /// \[repetitions\]\[lesions\].
    pub judged: Vec<Vec<Judged>>,
}

struct Job {
    set: TrainingSet,
    seed: RunSeed,
    file: PathBuf,
    key: String,
    settings: String,
}

/// Fits every arm in every repetition, or takes what an earlier call left in the folder, and judges their masks; also
/// how the fits were computed, each way once.
///
/// # Errors
/// A loss that is not a number, a full disk, or stopped on request; fits to do beside those of another arithmetic.
pub fn run(
    work: Work<'_>,
    seed: RunSeed,
    place: Workplace<'_>,
    observer: &dyn Observer,
) -> Result<(Vec<ArmRuns>, Vec<Arithmetic>)> {
    let Work { config, plan, .. } = work;
    let jobs = jobs(work, seed, place)?;
    observer.begin("rim masks", "steps", plan.steps * jobs.len() as u64);
    let here = place.place.with_threads(1);
    let kept = jobs.iter().map(|job| finished(job, plan, place, observer)).collect::<Result<Vec<_>>>()?;
    let mut computed: Vec<Arithmetic> = kept.iter().flatten().map(|(_, how)| how.clone()).collect();
    if kept.iter().any(Option::is_none) {
        for begun in Arithmetic::distinct(&computed) {
            if let Some(words) = here.go_on(&begun, place.out)? {
                observer.note(&format!("going on beside fits begun with {words}; the record says so"));
            }
        }
        computed.push(here.arithmetic.clone());
        // They speak of the fits that are about to be replaced; and whatever fails or is killed from here on, no fit of
        // other settings is left that could be taken for one of these.
        files::remove(&place.out.join(RECORD))?;
        files::remove(&place.out.join(PICTURE))?;
        for (job, _) in jobs.iter().zip(&kept).filter(|(_, kept)| kept.is_none()) {
            files::remove(&job.file)?;
        }
    }
    let kept = kept.into_iter().map(|kept| kept.map(|(network, _)| network)).collect();
    let judged = all(&jobs, kept, Shared { work, arithmetic: &here.arithmetic, observer }, place);
    observer.end();
    let mut judged = judged?.into_iter();
    let mut jobs = jobs.into_iter();
    let mut runs = Vec::new();
    for &arm in &config.arms {
        let judged = judged.by_ref().take(config.seeds as usize).collect();
        let sets: Vec<TrainingSet> = jobs.by_ref().take(config.seeds as usize).map(|job| job.set).collect();
        let set = sets.into_iter().next().ok_or_else(|| Problem::new(Kind::Internal, "an arm without a fit"))?;
        runs.push(ArmRuns { arm, set, judged });
    }
    Ok((runs, Arithmetic::distinct(&computed)))
}

fn jobs(work: Work<'_>, seed: RunSeed, place: Workplace<'_>) -> Result<Vec<Job>> {
    let Work { learnt, config, plan, .. } = work;
    let pixels = pixels_sha256(&[&learnt.pairs])?;
    let device = if place.device == Device::Cpu { "cpu" } else { "gpu" };
    let mut jobs = Vec::new();
    for &arm in &config.arms {
        for repetition in 0..config.seeds {
            // Equal for all arms, so that they share initial weights, draws and the order of batches.
            let seed = seed.child("segment", repetition);
            let set = learnt.set(arm, repetition, seed.child("draws", 0), config)?;
            let identity =
                |pixels: &str| digest::sha256(json!([PROCEDURE, pixels, seed.0, plan, set, device]).to_string());
            jobs.push(Job {
                key: identity(&pixels),
                settings: identity(""),
                file: place.out.join(fit_name(arm, repetition)),
                set,
                seed,
            });
        }
    }
    Ok(jobs)
}

/// What all fits share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    work: Work<'a>,
    arithmetic: &'a Arithmetic,
    observer: &'a dyn Observer,
}

/// Works through the jobs on several threads; results in the order of the jobs, the first failure ends it.
fn all(jobs: &[Job], kept: Vec<Option<UNet>>, shared: Shared<'_>, place: Workplace<'_>) -> Result<Vec<Vec<Judged>>> {
    let kept: Vec<Mutex<Option<UNet>>> = kept.into_iter().map(Mutex::new).collect();
    let Shared { work: Work { data, lesions, config, plan, learnt, held }, arithmetic, observer } = shared;
    let job = |(learnt, images): &(Learnt, Tensor), at: usize| {
        let kept = kept[at].lock().map_or(None, |mut kept| kept.take());
        let network = match kept {
            Some(network) => {
                observer.advance(plan.steps);
                network
            }
            None => one(&jobs[at], learnt, plan, arithmetic, observer)?,
        };
        judge(&network, images, lesions, data, config)
    };
    on_threads(jobs.len(), place, || (learnt.clone_for_thread(), held.images.shallow_clone()), job)
}

/// One fit, kept in its file.
fn one(job: &Job, learnt: &Learnt, plan: &Plan, arithmetic: &Arithmetic, observer: &dyn Observer) -> Result<UNet> {
    let (network, losses) = fit(&job.set, learnt, plan, job.seed, observer)?;
    let (key, settings, computed_with) = (job.key.clone(), job.settings.clone(), arithmetic.clone());
    let description = Description { key, settings, losses, computed_with };
    let tensors: Named = network.tensors();
    write_tensors(&job.file, &tensors, &json!(description).to_string())?;
    tracing::info!("{}: fitted", job.file.display());
    Ok(network)
}

/// The network of a finished fit of the same job, and how it was computed.
fn finished(
    job: &Job,
    plan: &Plan,
    place: Workplace<'_>,
    observer: &dyn Observer,
) -> Result<Option<(UNet, Arithmetic)>> {
    if !files::is_there(&job.file)? {
        return Ok(None);
    }
    let again = |why: &str| {
        observer.note(&format!("{}: {why}; fitted again", job.file.display()));
        Ok(None)
    };
    let file = match read_tensors(&job.file) {
        Ok(file) => file,
        // No permission, a disk that fails: that says nothing about the fit.
        Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
        Err(problem) => return again(&problem.to_string()),
    };
    let Ok(description) = serde_json::from_str::<Description>(&file.description) else {
        return again("of another version");
    };
    if description.key != job.key {
        // The key hashes pixels, and the last bits of some are made with the instructions at hand.
        if description.settings == job.settings {
            place.place.with_threads(1).go_on(&description.computed_with, &job.file)?;
        }
        return again("of other settings or data");
    }
    let mut network = UNet::new(&plan.network, RunSeed(0), place.device);
    match network.load(&file.tensors) {
        Ok(()) => Ok(Some((network, description.computed_with))),
        Err(problem) => again(&problem.to_string()),
    }
}

/// The network of a fit that [`run`] left in `out`.
///
/// # Errors
/// No such file, or one of another plan.
pub fn load(out: &Path, arm: Arm, plan: &Plan, device: Device) -> Result<UNet> {
    let file = out.join(fit_name(arm, 0));
    let mut network = UNet::new(&plan.network, RunSeed(0), device);
    network.load(&read_tensors(&file)?.tensors).map_err(|problem| problem.at(&file))?;
    Ok(network)
}

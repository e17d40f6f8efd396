//! Every arm in every repetition.

use std::path::Path;

use serde_json::json;
use tch::{Device, Tensor};

use super::arms::Arm;
use super::config::SegmentConfig;
use super::fit::{Plan, fit};
use super::judge::{HeldLesion, Judged, judge};
use super::kept::{self, FitFile, Fits, Shared};
use super::material::{Held, Learnt};
use super::stage::PICTURE;
use crate::classify::runs::{Workplace, pixels_sha256};
use crate::classify::training_set::TrainingSet;
use crate::data::Prepared;
use crate::digest;
use crate::nets::segmenters::UNet;
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
    kept: FitFile,
}

/// Fits every arm in every repetition, or takes what an earlier call left in the folder, and judges their masks; also
/// how the fits were computed, each way once; nothing where only units are made.
///
/// # Errors
/// A loss that is not a number, a full disk, or stopped on request; fits to do beside those of another arithmetic.
pub fn run(
    work: Work<'_>,
    seed: RunSeed,
    (place, fits): (Workplace<'_>, Fits<'_>),
    observer: &dyn Observer,
) -> Result<Option<(Vec<ArmRuns>, Vec<Arithmetic>)>> {
    let Work { data, lesions, config, plan, learnt, held } = work;
    let jobs = jobs(work, seed, place)?;
    let files: Vec<FitFile> = jobs.iter().map(|job| job.kept.clone()).collect();
    let (network, steps) = (&plan.network, plan.steps);
    let shared = Shared { fits, title: "rim masks", network, steps, of_all: &[RECORD, PICTURE], observer };
    let done = kept::run(
        &files,
        shared,
        place,
        || (learnt.clone_for_thread(), held.images.shallow_clone()),
        |(learnt, _): &(Learnt, Tensor), at| fit(&jobs[at].set, learnt, plan, jobs[at].seed, observer),
        |(_, images), network| judge(network, images, lesions, data, config),
    )?;
    let Some((judged, computed)) = done else { return Ok(None) };
    let mut judged = judged.into_iter();
    let mut jobs = jobs.into_iter();
    let mut runs = Vec::new();
    for &arm in &config.arms {
        let judged = judged.by_ref().take(config.seeds as usize).collect();
        let sets: Vec<TrainingSet> = jobs.by_ref().take(config.seeds as usize).map(|job| job.set).collect();
        let set = sets.into_iter().next().ok_or_else(|| Problem::new(Kind::Internal, "an arm without a fit"))?;
        runs.push(ArmRuns { arm, set, judged });
    }
    Ok(Some((runs, computed)))
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
            let file = place.out.join(fit_name(arm, repetition));
            let kept = FitFile { file, key: identity(&pixels), settings: identity("") };
            jobs.push(Job { set, seed, kept });
        }
    }
    Ok(jobs)
}

/// The network of the first fit of an arm that [`run`] left in `out`.
///
/// # Errors
/// No such file, or one of another plan.
pub fn load(out: &Path, arm: Arm, plan: &Plan, device: Device) -> Result<UNet> {
    kept::load(&out.join(fit_name(arm, 0)), &plan.network, device)
}

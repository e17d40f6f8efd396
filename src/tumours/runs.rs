//! Every arm in every repetition.

use std::path::Path;

use serde_json::json;
use tch::{Device, Tensor};

use super::arms::Arm;
use super::config::TumoursConfig;
use super::fit::fit;
use super::judge::{Judged, Truth, judge};
use super::material::{ArmSet, Held, Learnt};
use super::stage::PICTURE;
use crate::classify::runs::{Workplace, pixels_sha256};
use crate::digest;
use crate::nets::segmenters::UNet;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic::Arithmetic;
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::segment::fit::Plan;
use crate::segment::kept::{self, FitFile, Fits, Shared};

/// Version of the procedure; a fit of another is done again.
const PROCEDURE: &str = "tumours 1";

/// `fits/<arm>-seed<repetition>.safetensors`, relative to the stage's folder: one fit's weights.
pub fn fit_name(arm: Arm, repetition: u64) -> String {
    format!("fits/{}-seed{repetition}.safetensors", arm.key())
}

/// What one arm came to.
#[derive(Debug)]
pub struct ArmRuns {
    /// Which.
    pub arm: Arm,
    /// What it learnt from in the first repetition; in the others it is as much.
    pub set: ArmSet,
    /// \[repetitions\]\[patients\].
    pub judged: Vec<Vec<Judged>>,
}

/// What fits read and what they are measured on.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// To learn from.
    pub learnt: &'a Learnt,
    /// To be measured on.
    pub held: &'a Held,
    /// Settings.
    pub config: &'a TumoursConfig,
    /// Equal in all arms.
    pub plan: &'a Plan,
}

/// Fits every arm in every repetition, or takes what an earlier call left in the folder, and judges their labels; also
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
    let Work { learnt, held, config, plan } = work;
    let pixels = pixels_sha256(&[&learnt.pairs])?;
    let device = if place.device == Device::Cpu { "cpu" } else { "gpu" };
    let mut jobs: Vec<(ArmSet, RunSeed)> = Vec::new();
    let mut files: Vec<FitFile> = Vec::new();
    for &arm in &config.arms {
        for repetition in 0..config.seeds {
            // Equal for all arms, so that they share initial weights, draws and the order of batches.
            let seed = seed.child("tumours", repetition);
            let set = learnt.set(arm, seed, config.extra);
            let identity =
                |pixels: &str| digest::sha256(json!([PROCEDURE, pixels, seed.0, plan, set, device]).to_string());
            let file = place.out.join(fit_name(arm, repetition));
            files.push(FitFile { file, key: identity(&pixels), settings: identity("") });
            jobs.push((set, seed));
        }
    }
    let (network, steps) = (&plan.network, plan.steps);
    let shared = Shared { fits, title: "regions of tumours", network, steps, of_all: &[RECORD, PICTURE], observer };
    let truth = Truth::of(held);
    let done = kept::run(
        &files,
        shared,
        place,
        || (learnt.clone_for_thread(), held.images.shallow_clone()),
        |(learnt, _): &(Learnt, Tensor), at| fit(&jobs[at].0, learnt, plan, jobs[at].1, observer),
        |(_, images), network| judge(network, images, &truth),
    )?;
    let Some((judged, computed)) = done else { return Ok(None) };
    let (mut judged, mut jobs) = (judged.into_iter(), jobs.into_iter());
    let mut runs = Vec::new();
    for &arm in &config.arms {
        let judged = judged.by_ref().take(config.seeds as usize).collect();
        let first = jobs.by_ref().take(config.seeds as usize).map(|(set, _)| set).reduce(|first, _| first);
        let set = first.ok_or_else(|| Problem::new(Kind::Internal, "an arm without a fit"))?;
        runs.push(ArmRuns { arm, set, judged });
    }
    Ok(Some((runs, computed)))
}

/// The network of the first fit of an arm that [`run`] left in `out`.
///
/// # Errors
/// No such file, or one of another plan.
pub fn load(out: &Path, arm: Arm, plan: &Plan, device: Device) -> Result<UNet> {
    kept::load(&out.join(fit_name(arm, 0)), &plan.network, device)
}

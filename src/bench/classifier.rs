//! Fits of the lesion classifier, as many at a time as there are threads, each on one: as a comparison of arms runs
//! them.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::clock::Clock;
use super::{BenchRecord, SIDE};
use crate::classify::config::Width;
use crate::classify::fit::{Manner, Plan, fit};
use crate::classify::material::{Origin, Unit};
use crate::classify::training_set::{Example, InterestSet, TrainingSet};
use crate::engine::Engine;
use crate::observer::Silent;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::records::spelling;
use crate::seed::RunSeed;

/// Of one timed fit.
const STEPS: u64 = 20;

/// Slices a step.
const BATCH: u64 = 64;

/// Slices to learn from.
const SLICES: u32 = 256;

/// Milliseconds a slice of training.
///
/// # Errors
/// Work that fails.
pub fn classify(clock: &Clock, width: Width, engine: &Engine) -> Result<BenchRecord> {
    let threads = engine.facts.threads;
    let plan = Plan { classifier: width.classifier(1), steps: STEPS, batch: BATCH, learning_rate: 1e-3 };
    let workers = if clock.device == Device::Cpu { threads } else { 1 };
    // As in a comparison: the same result whatever the number of threads.
    engine.set_deterministic(true)?;
    let pixels: Vec<Tensor> = (0..workers).map(|_| slices(clock.device)).collect();
    let seconds = clock.seconds(|| {
        let own: Vec<Tensor> = pixels.iter().map(Tensor::shallow_clone).collect();
        std::thread::scope(|scope| {
            let start = |(seed, pixels): (u64, Tensor)| scope.spawn(move || one(&plan, &pixels, seed));
            let fits: Vec<_> = (0u64..).zip(own).map(start).collect();
            fits.into_iter().try_for_each(|fit| {
                fit.join().unwrap_or_else(|_| Err(Problem::new(ProblemKind::Internal, "a fit broke off")))
            })
        })
    });
    // The workers' number has become libtorch's default for threads to come.
    tch::set_num_threads(threads as i32);
    let images = (STEPS * BATCH) as f64 * workers as f64;
    let ms = 1e3 * seconds? / images;
    let report = BenchRecord::new("classify", None, BTreeMap::from([("training step", ms)]))?;
    Ok(BenchRecord { net: Some(spelling::name(&width)), batch: Some(BATCH), images_per_s: Some(1e3 / ms), ..report })
}

fn slices(device: Device) -> Tensor {
    Tensor::randn([i64::from(SLICES), 1, SIDE, SIDE], (Kind::Float, device)).clamp(-1.0, 1.0)
}

fn one(plan: &Plan, pixels: &Tensor, seed: u64) -> Result<()> {
    if pixels.device() == Device::Cpu {
        tch::set_num_threads(1);
    }
    let example = |row: u32, target: f32| {
        let origin = if target > 0.5 { Origin::Interest } else { Origin::Other };
        Example { unit: Unit { origin, rows: vec![row], lesion: None }, target }
    };
    let set = TrainingSet::Interest(InterestSet {
        interest: (0..SLICES / 4).map(|row| example(row, 1.0)).collect(),
        others: (SLICES / 4..SLICES).map(|row| example(row, 0.0)).collect(),
        interest_per_batch: BATCH / 4,
        ..InterestSet::default()
    });
    fit(&set, pixels, plan, Manner::default(), RunSeed(seed), &Silent).map(drop)
}

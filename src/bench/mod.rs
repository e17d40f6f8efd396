//! How fast this machine trains, projects and draws, beside its own convolution rate in the same run.
//!
//! Times of two machines, or of two days on one machine, do not compare; shares of the convolution rate do. Every
//! number is the best of its repetitions: what disturbs a run only ever makes it slower.

use std::path::PathBuf;

use self::clock::Clock;
use crate::classify::config::Width;
use crate::engine::{Engine, Precision};
use crate::nets::GeneratorConfig;
use crate::problem::{Problem, Result};
use crate::train::config::Preset;
use crate::train::stats;

mod clock;

mod nets;

mod classifier;

mod patient;

mod cohort;

pub mod record;

pub use record::BenchRecord;

/// Repetitions of a piece of work, at most: hours of the slowest.
const MOST_REPETITIONS: u32 = 10_000;

/// Side of the images: that of a prepared slice.
const SIDE: i64 = 64;

/// What is timed.
#[derive(Clone, Debug)]
pub enum Work {
    /// Every phase of a training step.
    Train(Nets),
    /// Steps of the projector on many images at once.
    Project(Nets),
    /// Drawing images.
    Generate(Nets),
    /// One full-size patient on one core: anatomy, scan, inversion.
    Simulate,
    /// Reading the BIDS cohort in this folder and cutting patches, beside inflating the files alone.
    Prepare(PathBuf),
    /// Training steps of the lesion classifier of this width, a fit on each thread.
    Classify(Width),
}

/// Random networks of a published size.
#[derive(Clone, Copy, Debug)]
pub struct Nets {
    /// Of generator and discriminator.
    pub size: Preset,
    /// Of activations and kernels.
    pub precision: Precision,
    /// Images at once, 1 to 4096; absent: 32 for small nets, 8 for the paper's.
    pub batch: Option<u64>,
}

impl Nets {
    fn batch(&self) -> Result<u64> {
        let usual = match self.size {
            Preset::Small => 32,
            Preset::Paper => 8,
        };
        match self.batch.unwrap_or(usual) {
            batch @ 1..=4096 => Ok(batch),
            batch => Err(Problem::usage(format!("--batch {batch}")).expected("1 to 4096")),
        }
    }

    /// Arithmetic of training on one image (forward and backward of both networks), by hand from the layers: for the
    /// share of the convolution rate only.
    fn training_gflop(&self) -> f64 {
        match self.size {
            Preset::Small => 1.15,
            Preset::Paper => 200.0,
        }
    }

    fn generator(&self) -> GeneratorConfig {
        match self.size {
            Preset::Small => GeneratorConfig::small(SIDE, 1),
            Preset::Paper => GeneratorConfig::paper(SIDE, 1),
        }
    }
}

/// Times the work, each part the best of `repetitions` (at least 1) after one that is not counted.
///
/// # Errors
/// No repetition, a batch out of its range, or work that fails.
pub fn run(work: &Work, repetitions: u32, engine: &Engine) -> Result<BenchRecord> {
    if !(1..=MOST_REPETITIONS).contains(&repetitions) {
        let expected = format!("1 to {MOST_REPETITIONS}");
        return Err(Problem::usage(format!("--repetitions {repetitions}")).expected(expected));
    }
    let clock = Clock { repetitions, device: engine.device, graphs: engine.graphs };
    let before = clock.convolution_rate();
    let (mut record, nets) = match work {
        Work::Train(nets) => (nets::train(&clock, nets)?, Some(nets)),
        Work::Project(nets) => (nets::project(&clock, nets)?, Some(nets)),
        Work::Generate(nets) => (nets::generate(&clock, nets)?, Some(nets)),
        Work::Simulate => (patient::simulate(&clock)?, None),
        Work::Prepare(cohort) => (cohort::prepare_cohort(&clock, cohort, engine.facts.threads)?, None),
        Work::Classify(width) => (classifier::classify(&clock, *width, engine)?, None),
    };
    record.conv_fp32_gflops = before.max(clock.convolution_rate());
    record.precision = nets.map(|nets| nets.precision.resolve(engine.device, true)).transpose()?.map(Precision::name);
    record.device = format!("{:?}", engine.device).to_lowercase();
    record.threads = engine.facts.threads;
    record.peak_bytes = stats::peak_memory(engine.device);
    if let (Work::Train(nets), Some(rate)) = (work, record.images_per_s) {
        record.share_of_conv_rate = Some(rate * nets.training_gflop() / record.conv_fp32_gflops);
    }
    Ok(record)
}

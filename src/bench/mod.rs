//! How fast this machine trains, projects and draws, beside its own convolution rate in the same run.
//!
//! Times of two machines, or of two days on one machine, do not compare; shares of the convolution rate do. Every
//! number is the best of its repetitions: what disturbs a run only ever makes it slower.

use std::path::PathBuf;

use tch::Tensor;

use self::clock::Clock;
use crate::classify::config::Width;
use crate::engine::{Engine, Group, Precision};
use crate::problem::{Problem, Result};
use crate::train::stats;

mod clock;

mod metered;

mod nets;

mod training;

mod sizes;

mod classifier;

mod patient;

mod cohort;

pub mod record;

pub use record::BenchRecord;
pub use sizes::BenchNet;
pub use training::Way;

/// Repetitions of a piece of work, at most: hours of the slowest.
const MOST_REPETITIONS: u32 = 10_000;

/// Side of a classifier's images: that of a prepared slice.
const SIDE: i64 = 64;

/// What is timed.
#[derive(Clone, Debug)]
pub enum Work {
    /// Every phase of a training step, its batch in so many parts; absent: as training would divide it.
    Train(Nets, Option<u64>),
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

/// Random networks.
#[derive(Clone, Copy, Debug)]
pub struct Nets {
    /// Of generator and discriminator.
    pub size: BenchNet,
    /// Of activations and kernels.
    pub precision: Precision,
    /// Images at once, 1 to 4096; absent: as many as the network usually takes.
    pub batch: Option<u64>,
}

impl Nets {
    fn batch(&self) -> Result<u64> {
        match self.batch.unwrap_or(self.size.batch()) {
            batch @ 1..=4096 => Ok(batch),
            batch => Err(Problem::usage(format!("--batch {batch}")).expected("1 to 4096")),
        }
    }
}

/// Times the work, each part the best of `repetitions` (at least 1) after one that is not counted; training by all
/// processes of `group` together, of which the first returns what was found.
///
/// # Errors
/// No repetition, a batch out of its range, or work that fails; another process has gone.
pub fn run(work: &Work, repetitions: u32, engine: &Engine, mut group: Option<Group>) -> Result<Option<BenchRecord>> {
    if !(1..=MOST_REPETITIONS).contains(&repetitions) {
        let expected = format!("1 to {MOST_REPETITIONS}");
        return Err(Problem::usage(format!("--repetitions {repetitions}")).expected(expected));
    }
    // As training has it.
    let graphs = engine.graphs && group.is_none();
    let clock = Clock { repetitions, device: engine.device, graphs };
    let before = of_all(clock.convolution_rate(), group.as_ref())?;
    let mut record = match work {
        Work::Train(nets, parts) => training::train(&clock, nets, (*parts, engine.facts.threads), &mut group)?,
        Work::Project(nets) => nets::project(&clock, nets)?,
        Work::Generate(nets) => nets::generate(&clock, nets)?,
        Work::Simulate => patient::simulate(&clock)?,
        Work::Prepare(cohort) => cohort::prepare_cohort(&clock, cohort, engine.facts.threads)?,
        Work::Classify(width) => classifier::classify(&clock, *width, engine)?,
    };
    record.conv_fp32_gflops = before.max(of_all(clock.convolution_rate(), group.as_ref())?);
    record.device = format!("{:?}", engine.device).to_lowercase();
    record.threads = engine.facts.threads;
    record.peak_bytes = stats::peak_memory(engine.device);
    if let (Work::Train(nets, _), Some(rate)) = (work, record.images_per_s) {
        let gflop = nets.size.training_gflop();
        record.gflop_per_image = Some(gflop);
        record.share_of_conv_rate = Some(rate * gflop / record.conv_fp32_gflops);
    }
    Ok(group.is_none_or(|group| group.rank() == 0).then_some(record))
}

/// The sum of what each process found, all of them at the same time.
fn of_all(found: f64, group: Option<&Group>) -> Result<f64> {
    let Some(group) = group else { return Ok(found) };
    Ok(group.gather(&Tensor::from(found))?.iter().map(|found| found.double_value(&[])).sum())
}

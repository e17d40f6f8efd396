//! 4. GAN training: the loop, and what it tells the outside.
//!
//! Nothing here prints, measures image quality or draws pictures: the caller's `on_event` does, and may answer with
//! a score. Training killed at any moment and started again ends in the same bits on the CPU at the same thread count.

pub mod config;

pub mod base_choice;

pub mod schedule;

pub mod loss;

pub mod draws;

pub mod inputs;

pub mod phases;

pub mod runner;

pub mod stats;

pub mod state;

pub mod transfer;

pub mod checkpoint;

pub mod run_folder;

mod base;

mod embedded;

mod reals;

mod watch;

pub mod stage;

use std::time::Instant;

use tch::Tensor;

pub use base_choice::BaseChoice;
pub use config::{FakeClasses, Resolved, Symmetry, TrainConfig};
pub use embedded::check_embedded_base;
pub use run_folder::{Label, RunFolder};
pub use runner::{Runner, Step};
pub use stage::run_stage;
pub use state::TrainState;

use crate::engine::SideStream;
use crate::engine::precision::Scope;
use crate::feed::batches::Batches;
use crate::nets::Generator;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::training::{TickRecord, TimingRecord};
use crate::seed::RunSeed;

/// Times that a diverged run is rolled back before it is given up.
pub const MAX_ROLLBACKS: usize = 3;

/// Real images of one step, on the host.
#[derive(Debug)]
pub struct RealBatch {
    /// \[batch, C, R, R\] in -1..1.
    pub pixels: Tensor,
    /// One-hot \[batch, c_dim\]; absent without classes.
    pub classes: Option<Tensor>,
}

impl RealBatch {
    /// The same images, not copied.
    pub fn shallow_clone(&self) -> Self {
        Self { pixels: self.pixels.shallow_clone(), classes: self.classes.as_ref().map(Tensor::shallow_clone) }
    }
}

/// Batches of real images; batch `step` is a function of `step` alone.
pub trait Reals {
    fn at(&self, step: u64) -> RealBatch;
}

/// Batches of prepared images on the host, with the class of each where there are classes.
#[derive(Debug)]
pub struct RealBatches {
    pub batches: Batches,
    /// One-hot \[images, c_dim\].
    pub classes: Option<Tensor>,
}

impl Reals for RealBatches {
    fn at(&self, step: u64) -> RealBatch {
        let batch = self.batches.at(step);
        let classes = self.classes.as_ref().map(|classes| {
            let rows: Vec<i64> = batch.positions.iter().map(|&position| position as i64).collect();
            classes.index_select(0, &Tensor::from_slice(&rows))
        });
        RealBatch { pixels: batch.pixels, classes }
    }
}

/// What happens during training, for whoever draws, measures and reports.
pub enum Event<'a> {
    /// Training begins, goes on after an interruption, or goes on after a rollback, from this point.
    Opened { images: u64, tick: u64 },
    /// The moving average may be scored; answer with [`Control::Score`].
    Score { images: u64, tick: u64, average: &'a Generator },
    /// A preview is due.
    Preview { images: u64, tick: u64, average: &'a Generator },
    /// A tick is over.
    Tick { record: &'a TickRecord, timing: &'a TimingRecord },
}

/// Distances of generated images to real ones; lower is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Chooses the best snapshot.
    pub distance: f64,
    /// Over all classes, where `distance` is of one.
    pub all_classes: Option<f64>,
}

/// The answer to an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    Continue,
    Score(Scores),
    /// Save a checkpoint and return [`Kind::Interrupted`].
    Stop,
}

/// A training run.
pub struct Training<'a> {
    pub reals: &'a dyn Reals,
    pub settings: &'a Resolved,
    pub total_images: u64,
    pub seed: RunSeed,
    pub folder: &'a RunFolder<'a>,
    pub observer: &'a dyn Observer,
}

type OnEvent<'a> = dyn FnMut(Event<'_>) -> Result<Control> + 'a;

/// Trains from the newest checkpoint of the run's folder, or from `start`, to the end.
///
/// # Errors
/// Stopped on request (`Kind::Interrupted`, after a checkpoint), diverged once more than [`MAX_ROLLBACKS`] (`Kind::Gate`), the disk is
/// full, or the folder holds a run with other settings.
pub fn train(
    run: &Training<'_>,
    start: impl Fn() -> Result<TrainState>,
    on_event: &mut OnEvent<'_>,
) -> Result<TrainState> {
    let mut state = run.open(&start)?;
    // The networks are made; what follows is in the order of one stream.
    let _stream = SideStream::enter(state.device())?;
    let mut runner = Runner::new(state.device());
    run.observer.begin("train", "images", run.total_images);
    run.observer.advance(state.images(run.settings));
    let mut stop = run.opened(&state, on_event)?;
    let mut since = Since::now(state.images(run.settings));
    while state.images(run.settings) < run.total_images {
        let stopping = stop || run.observer.stop_requested();
        if !stopping {
            run.step(&mut runner, &mut state)?;
            run.observer.advance(run.settings.batch);
        }
        let last = state.images(run.settings) >= run.total_images;
        if !(stopping || last || state.counters.step.is_multiple_of(run.settings.tick_steps)) {
            continue;
        }
        // Nothing is saved, scored or logged before this look.
        if let Some(reason) = run.failed(&mut state) {
            // The failed state and what was recorded of it give their memory back first.
            runner = Runner::new(state.device());
            let rollbacks = std::mem::take(&mut state.counters.rollbacks);
            drop(state);
            state = run.roll_back(rollbacks, &reason, &start)?;
            stop = run.opened(&state, on_event)?;
        } else if stopping {
            run.folder.save(&mut state)?;
            return Err(interrupted(state.images(run.settings)));
        } else {
            stop = run.tick(&mut state, last, &since, on_event)?;
        }
        since = Since::now(state.images(run.settings));
    }
    run.folder.finish(&mut state)?;
    run.observer.end();
    Ok(state)
}

impl Training<'_> {
    fn open(&self, start: &dyn Fn() -> Result<TrainState>) -> Result<TrainState> {
        match self.folder.newest(self.observer)? {
            Some(state) => Ok(state),
            None => {
                let mut state = start()?;
                self.folder.save(&mut state)?;
                Ok(state)
            }
        }
    }

    /// Brings the logs in line with the state and announces it; true where the caller wants to stop.
    fn opened(&self, state: &TrainState, on_event: &mut OnEvent<'_>) -> Result<bool> {
        self.folder.restore_stats(state)?;
        let event = Event::Opened { images: state.images(self.settings), tick: state.counters.tick };
        Ok(on_event(event)? == Control::Stop)
    }

    /// All phases that are due, the moving average and the augmentation probability.
    fn step(&self, runner: &mut Runner, state: &mut TrainState) -> Result<()> {
        let index = state.counters.step;
        let attempt = state.counters.rollbacks.len() as u64;
        let seed = if attempt == 0 { self.seed } else { self.seed.child("train.retry", attempt) };
        // A step number that no first attempt reaches: the retry sees the reals in another order.
        let mut reals = self.reals.at(index + (attempt << 40));
        let mut turns = seed.stream("train.symmetry", index);
        reals.pixels = phases::symmetric(&reals.pixels, self.settings.symmetry, &mut turns);
        let learning_rate_scale = 0.5f64.powi(attempt as i32);
        let step = Step { settings: self.settings, seed, index, learning_rate_scale, reals: &reals };
        let _precision = Scope::enter(self.settings.precision);
        for phase in self.settings.lazy.due(index) {
            runner.run(phase, state, &step)?;
        }
        state.counters.step += 1;
        state.update_average(self.settings);
        state.update_augmentation(self.settings)
    }

    /// What went wrong since the last look, if anything: between two ticks nobody waits for the device to tell.
    fn failed(&self, state: &mut TrainState) -> Option<String> {
        let phase = state.probes.failed()?;
        Some(format!("loss or gradient of {phase:?} is not finite by step {}", state.counters.step))
    }

    fn roll_back(
        &self,
        mut rollbacks: Vec<String>,
        reason: &str,
        start: &dyn Fn() -> Result<TrainState>,
    ) -> Result<TrainState> {
        if rollbacks.len() == MAX_ROLLBACKS {
            return Err(Problem::new(
                Kind::Gate,
                format!("training diverged {} times; last: {reason}", MAX_ROLLBACKS + 1),
            )
            .at(self.folder.root())
            .expected("finite losses, gradients and weights")
            .advice("lower the learning rate or raise r1_gamma, and check the training images; checkpoints are kept"));
        }
        let mut state = self.open(start)?;
        rollbacks.push(format!(
            "{reason}; back to {} images, learning rate x {}, other random stream",
            state.images(self.settings),
            0.5f64.powi(rollbacks.len() as i32 + 1)
        ));
        self.observer.note(&format!("training diverged: {}", rollbacks[rollbacks.len() - 1]));
        state.counters.rollbacks = rollbacks;
        Ok(state)
    }

    /// Score, log line, preview, checkpoint, as far as they are due; true where the caller wants to stop.
    fn tick(&self, state: &mut TrainState, last: bool, since: &Since, on_event: &mut OnEvent<'_>) -> Result<bool> {
        state.counters.tick += 1;
        let (tick, images) = (state.counters.tick, state.images(self.settings));
        // Before anything is scored or drawn: the rate is that of training.
        let seconds = since.start.elapsed().as_secs_f64();
        let images_per_s = (images - since.images) as f64 / seconds;
        let due = |every: u64| every > 0 && (last || tick.is_multiple_of(every));
        let mut answers = Vec::new();
        let scores = match due(self.settings.frechet_ticks) {
            true => match on_event(Event::Score { images, tick, average: &state.average })? {
                Control::Score(scores) => Some(scores),
                other => {
                    answers.push(other);
                    None
                }
            },
            false => None,
        };
        if let Some(Scores { distance, .. }) = scores
            && state.best_distance.is_none_or(|best| distance < best)
        {
            self.folder.save_best(state, distance)?;
        }
        let record = state.tick_record(self.settings, scores);
        let timing = TimingRecord { tick, seconds, images_per_s, peak_bytes: stats::peak_memory(state.device()) };
        self.folder.log(state, &record, &timing)?;
        let text =
            format!("G {:.2} D {:.2} p {:.3} r_t {:+.2}", record.loss_g, record.loss_d, record.ada_p, record.ada_rt);
        self.observer.status(&format!("{text} {:.1} images/s", timing.images_per_s));
        answers.push(on_event(Event::Tick { record: &record, timing: &timing })?);
        if due(self.settings.preview_ticks) {
            answers.push(on_event(Event::Preview { images, tick, average: &state.average })?);
        }
        if !last && due(self.settings.checkpoint_ticks) {
            self.folder.save(state)?;
        }
        Ok(answers.contains(&Control::Stop))
    }
}

/// When this process began to work on the present tick, and at how many images.
struct Since {
    start: Instant,
    images: u64,
}

impl Since {
    fn now(images: u64) -> Self {
        Self { start: Instant::now(), images }
    }
}

fn interrupted(images: u64) -> Problem {
    Problem::new(Kind::Interrupted, format!("stopped after {images} images; the state is saved"))
        .advice("run the same command again to go on from there")
}

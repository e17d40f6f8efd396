//! The loop: steps until a tick is over, then a look at whether all is well, then what is due.
//!
//! Nothing here prints, measures image quality or draws pictures: the caller's [`Watcher`] does. Training killed at
//! any moment and started again ends in the same bits on the CPU at the same thread count.

use std::time::Instant;

use super::config::Resolved;
use super::run_folder::RunFolder;
use super::runner::{Runner, Step};
use super::state::TrainState;
use super::watcher::{At, Next, Scores, Watcher};
use super::{Reals, phases, stats};
use crate::engine::SideStream;
use crate::engine::precision::Scope;
use crate::observer::Observer;
use crate::optim::Peers;
use crate::problem::{Kind, Problem, Result};
use crate::records::training::TimingRecord;
use crate::seed::RunSeed;

/// Times that a diverged run is rolled back before it is given up.
pub const MAX_ROLLBACKS: usize = 3;

/// A training run.
pub struct Training<'a> {
    /// Real images, whose batch a step shows.
    pub reals: &'a dyn Reals,
    /// All of the run's settings.
    pub settings: &'a Resolved,
    /// Real images to show in all.
    pub total_images: u64,
    /// Source of every random draw.
    pub seed: RunSeed,
    /// Where checkpoints, networks and logs are.
    pub folder: &'a RunFolder<'a>,
    /// Whether a GPU records the steps ([`crate::engine::Engine`]'s `graphs`).
    pub graphs: bool,
    /// Progress out, the wish to stop in.
    pub observer: &'a dyn Observer,
    /// The replicas that train together; this one is computed.
    pub peers: &'a dyn Peers,
}

/// Makes the state before the first step.
type Start<'a> = dyn Fn() -> Result<TrainState> + 'a;

/// Trains from the newest checkpoint of the run's folder, or from `start`, to the end.
///
/// # Errors
/// Stopped on request (`Kind::Interrupted`, after a checkpoint), diverged once more than [`MAX_ROLLBACKS`]
/// (`Kind::Gate`), the disk is full, or the folder holds a run with other settings.
pub fn train(
    run: &Training<'_>,
    start: impl Fn() -> Result<TrainState>,
    watcher: &mut dyn Watcher,
) -> Result<TrainState> {
    let mut state = run.open(&start)?;
    // The networks are made; what follows is in the order of one stream.
    let _stream = SideStream::enter(state.device())?;
    let mut runner = Runner::new(state.device(), run.graphs);
    run.observer.begin("train", "images", run.total_images);
    run.observer.advance(state.images(run.settings));
    run.opened(&state, watcher)?;
    let mut next = Next::GoOn;
    let mut since = Since::now(state.images(run.settings));
    while state.images(run.settings) < run.total_images {
        let stopping = run.peers.any(next == Next::Stop || run.observer.stop_requested())?;
        if !stopping {
            run.step(&mut runner, &mut state)?;
            run.observer.advance(run.settings.batch);
        }
        let last = state.images(run.settings) >= run.total_images;
        if !(stopping || last || state.counters.step.is_multiple_of(run.settings.tick_steps)) {
            continue;
        }
        // Nothing is saved, scored or logged before this look.
        if let Some(reason) = run.failed(&mut state)? {
            // The failed state and what was recorded of it give their memory back first.
            runner = Runner::new(state.device(), run.graphs);
            let rollbacks = std::mem::take(&mut state.counters.rollbacks);
            drop(state);
            state = run.roll_back(rollbacks, &reason, &start)?;
            run.opened(&state, watcher)?;
            next = Next::GoOn;
        } else if stopping {
            run.save(&mut state)?;
            return Err(interrupted(state.images(run.settings)));
        } else {
            next = run.tick(&mut state, last, &since, watcher)?;
        }
        since = Since::now(state.images(run.settings));
    }
    if let Some(folder) = run.written() {
        folder.finish(&mut state)?;
    }
    run.peers.barrier()?;
    run.observer.end();
    Ok(state)
}

impl Training<'_> {
    /// The folder, in the one replica that writes it.
    fn written(&self) -> Option<&RunFolder<'_>> {
        self.peers.is_first().then_some(self.folder)
    }

    /// The state to go on from. The first replica sees to it that there is a checkpoint; the others read that.
    fn open(&self, start: &Start<'_>) -> Result<TrainState> {
        if !self.peers.is_first() {
            self.peers.barrier()?;
            return self.folder.read_newest(self.observer)?.ok_or_else(|| {
                Problem::new(Kind::Environment, "no checkpoint of the first replica")
                    .at(self.folder.root())
                    .expected("a folder that all replicas of the run see")
            });
        }
        let state = match self.folder.newest(self.observer)? {
            Some(mut state) => {
                // What is finished is read, whoever asks for it.
                if state.images(self.settings) < self.total_images {
                    self.folder.compute_here(&mut state, self.observer)?;
                }
                state
            }
            None => {
                let mut state = start()?;
                self.folder.compute_here(&mut state, self.observer)?;
                self.folder.save(&mut state)?;
                state
            }
        };
        let images = state.images(self.settings);
        if images < self.total_images {
            self.folder.require_way_free(images, self.total_images.next_multiple_of(self.settings.batch))?;
        }
        self.peers.barrier()?;
        Ok(state)
    }

    /// Brings the logs in line with the state and announces it.
    fn opened(&self, state: &TrainState, watcher: &mut dyn Watcher) -> Result<()> {
        let Some(folder) = self.written() else {
            return Ok(());
        };
        folder.restore_logs(state)?;
        watcher.opened(self.at(state))
    }

    fn at(&self, state: &TrainState) -> At {
        At { images: state.images(self.settings), tick: state.counters.tick }
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
        let (settings, peers) = (self.settings, self.peers);
        let step = Step { settings, seed, index, learning_rate_scale, reals: &reals, peers };
        let _precision = Scope::enter(self.settings.precision);
        for phase in self.settings.lazy.due(index) {
            runner.run(phase, state, &step)?;
        }
        state.counters.step += 1;
        state.update_average(self.settings);
        state.end_step(self.settings, self.peers)
    }

    /// What went wrong since the last look in any replica, if anything: between two ticks nobody waits for the device
    /// to tell.
    fn failed(&self, state: &mut TrainState) -> Result<Option<String>> {
        self.peers.sum(&mut state.probes.sums)?;
        let step = state.counters.step;
        let reason = |phase| format!("loss or gradient of {phase:?} is not finite by step {step}");
        Ok(state.probes.failed().map(reason))
    }

    fn roll_back(&self, mut rollbacks: Vec<String>, reason: &str, start: &Start<'_>) -> Result<TrainState> {
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

    /// Refuses to save a state that not all replicas have: one bit that differs between them would be carried on.
    fn require_same_weights(&self, state: &TrainState) -> Result<()> {
        let size = self.peers.size() as f64;
        if size == 1.0 {
            return Ok(());
        }
        let own = state.weights_in_short()?;
        let mut sum = own.copy();
        self.peers.sum(&mut sum)?;
        if sum.equal(&(own * size)) {
            return Ok(());
        }
        Err(Problem::new(Kind::Environment, "replicas of the run have come apart")
            .at(self.folder.root())
            .expected("the same weights in all of them")
            .advice("run it on machines of one kind, with one libtorch; the last checkpoint is kept"))
    }

    fn save(&self, state: &mut TrainState) -> Result<()> {
        self.require_same_weights(state)?;
        if let Some(folder) = self.written() {
            folder.save(state)?;
        }
        self.peers.barrier()
    }

    /// Counts a tick; the first replica reports it, as far as that is due.
    fn tick(&self, state: &mut TrainState, last: bool, since: &Since, watcher: &mut dyn Watcher) -> Result<Next> {
        state.counters.tick += 1;
        let now = Tick { number: state.counters.tick, last, since };
        let next = match self.written() {
            Some(folder) => self.report(folder, state, &now, watcher)?,
            None => {
                state.tick_sums.clear();
                Next::GoOn
            }
        };
        self.peers.barrier()?;
        if !last && now.due(self.settings.checkpoint_ticks) {
            self.save(state)?;
        }
        Ok(next)
    }

    /// Score, log line and preview, as far as they are due.
    fn report(
        &self,
        folder: &RunFolder<'_>,
        state: &mut TrainState,
        now: &Tick<'_>,
        watcher: &mut dyn Watcher,
    ) -> Result<Next> {
        let at = self.at(state);
        // Before anything is scored or drawn: the rate is that of training.
        let seconds = now.since.start.elapsed().as_secs_f64();
        let images_per_s = (at.images - now.since.images) as f64 / seconds;
        let scores = if now.due(self.settings.frechet_ticks) { watcher.score(at, &state.average)? } else { None };
        if let Some(Scores { distance, .. }) = scores
            && state.best_distance.is_none_or(|best| distance < best)
        {
            folder.save_best(state, distance)?;
        }
        let record = state.tick_record(self.settings, scores);
        let peak_bytes = stats::peak_memory(state.device());
        let timing = TimingRecord { tick: at.tick, seconds, images_per_s, peak_bytes };
        folder.log(state, &record, &timing)?;
        let text =
            format!("G {:.2} D {:.2} p {:.3} r_t {:+.2}", record.loss_g, record.loss_d, record.ada_p, record.ada_rt);
        self.observer.status(&format!("{text} {:.1} images/s", timing.images_per_s));
        let next = watcher.tick(&record, &timing)?;
        if now.due(self.settings.preview_ticks) {
            watcher.preview(at, &state.average)?;
        }
        Ok(next)
    }
}

/// The tick that ends.
struct Tick<'a> {
    /// Counted from 1.
    number: u64,
    /// Whether it is the run's last.
    last: bool,
    since: &'a Since,
}

impl Tick<'_> {
    /// Whether something is due that is done every `every` ticks (0: never) and at the end.
    fn due(&self, every: u64) -> bool {
        every > 0 && (self.last || self.number.is_multiple_of(every))
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

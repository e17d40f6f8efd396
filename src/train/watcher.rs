//! What training tells whoever draws, measures and reports, and what it wants to hear back.

use crate::nets::Generator;
use crate::problem::Result;
use crate::records::training::{TickRecord, TimingRecord};

/// A point of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Real images shown.
    pub images: u64,
    /// Ticks done.
    pub tick: u64,
}

/// Distances of generated images to real ones; lower is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Chooses the best snapshot.
    pub distance: f64,
    /// Over all classes, where `distance` is of one.
    pub all_classes: Option<f64>,
}

/// Whether training goes on after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// With the next step.
    GoOn,
    /// Not now: a checkpoint is saved, and training returns as interrupted.
    Stop,
}

/// Sees a run from outside. Training calls it in the first process of the run only, and measures and draws nothing
/// itself. An error of any method ends training; earlier checkpoints are kept.
pub trait Watcher {
    /// Training begins, goes on after an interruption, or goes on after a rollback, from this point.
    fn opened(&mut self, at: At) -> Result<()>;

    /// The moving average may be scored; `None` where it is not.
    fn score(&mut self, at: At, average: &Generator) -> Result<Option<Scores>>;

    /// A preview is due.
    fn preview(&mut self, at: At, average: &Generator) -> Result<()>;

    /// A tick is over and in the logs.
    fn tick(&mut self, record: &TickRecord, timing: &TimingRecord) -> Result<Next>;
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn opened(&mut self, _: At) -> Result<()> {
        Ok(())
    }

    fn score(&mut self, _: At, _: &Generator) -> Result<Option<Scores>> {
        Ok(None)
    }

    fn preview(&mut self, _: At, _: &Generator) -> Result<()> {
        Ok(())
    }

    fn tick(&mut self, _: &TickRecord, _: &TimingRecord) -> Result<Next> {
        Ok(Next::GoOn)
    }
}

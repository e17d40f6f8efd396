//! What every stage works with: its random draws, whom it tells, and, where it computes, the engine.

use crate::observer::Observer;
use crate::seed::RunSeed;

/// Handed to each `run_stage` beside its inputs, its settings and its folder. Stages that compute name the engine's
/// type ([`crate::engine::Lab`]); those that do not take any.
pub struct Lab<'a, E> {
    /// libtorch, started; `()` for stages that compute nothing with it.
    pub engine: &'a E,
    /// The stage's own: every draw of the stage derives from it.
    pub seed: RunSeed,
    /// Is told of progress, and tells whether to stop.
    pub observer: &'a dyn Observer,
}

impl<E> Lab<'_, E> {
    /// The same, for the stage called `name` of a study.
    pub fn of_stage(&self, name: &str) -> Self {
        Self { engine: self.engine, seed: self.seed.child(name, 0), observer: self.observer }
    }
}

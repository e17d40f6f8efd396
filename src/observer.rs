//! How a stage tells the outside what it is doing, and learns that it should stop, without printing.

/// Receives progress from a stage. The command line draws bars from it; tests pass [`Silent`].
pub trait Observer: Sync {
    /// A piece of work with `total` steps begins, 0 where it is not known how many (`unit` names one: "patients",
    /// "images", "steps").
    fn begin(&self, label: &str, unit: &str, total: u64);

    /// `steps` more are done. Resumed work reports what was done before as the first call.
    fn advance(&self, steps: u64);

    /// A short text that follows the bar (losses, counts); replaces the previous one.
    fn status(&self, text: &str);

    /// A line worth keeping on screen (a warning, a fact). Never used for results.
    fn note(&self, text: &str);

    /// The piece of work that `begin` announced is over.
    fn end(&self);

    /// True once the user asked to stop; a stage saves at its next safe point and returns `Kind::Interrupted`.
    fn stop_requested(&self) -> bool;
}

/// Observes nothing, never stops.
pub struct Silent;

impl Observer for Silent {
    fn begin(&self, _label: &str, _unit: &str, _total: u64) {}
    fn advance(&self, _steps: u64) {}
    fn status(&self, _text: &str) {}
    fn note(&self, _text: &str) {}
    fn end(&self) {}
    fn stop_requested(&self) -> bool {
        false
    }
}

/// Tells nothing, and passes the wish to stop on: of a process beside the one that reports.
pub struct Quiet<'a>(pub &'a dyn Observer);

impl Observer for Quiet<'_> {
    fn begin(&self, _label: &str, _unit: &str, _total: u64) {}
    fn advance(&self, _steps: u64) {}
    fn status(&self, _text: &str) {}
    fn note(&self, _text: &str) {}
    fn end(&self) {}
    fn stop_requested(&self) -> bool {
        self.0.stop_requested()
    }
}

#[cfg(test)]
/// An observer that asks to stop in the middle of something.
pub mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Asks to stop from the look after so many on.
    pub struct StopAfterLooks(AtomicU32);

    impl StopAfterLooks {
        /// `looks` are let pass.
        pub fn new(looks: u32) -> Self {
            Self(AtomicU32::new(looks))
        }
    }

    impl Observer for StopAfterLooks {
        fn begin(&self, _label: &str, _unit: &str, _total: u64) {}
        fn advance(&self, _steps: u64) {}
        fn status(&self, _text: &str) {}
        fn note(&self, _text: &str) {}
        fn end(&self) {}
        fn stop_requested(&self) -> bool {
            let pass = |left: u32| left.checked_sub(1);
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, pass).is_err()
        }
    }
}

//! An observer that asks to stop in the middle of the work, as Ctrl-C does.

use std::sync::atomic::{AtomicI64, Ordering};

use rimforge::observer::Observer;

/// Asks to stop once so many steps are done.
pub struct StopAfter(AtomicI64);

impl StopAfter {
    pub fn steps(steps: i64) -> Self {
        Self(AtomicI64::new(steps))
    }
}

impl Observer for StopAfter {
    fn begin(&self, _label: &str, _unit: &str, _total: u64) {}
    fn advance(&self, steps: u64) {
        self.0.fetch_sub(steps as i64, Ordering::SeqCst);
    }
    fn status(&self, _text: &str) {}
    fn note(&self, _text: &str) {}
    fn end(&self) {}
    fn stop_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) <= 0
    }
}

//! One test at a time on the card: while one thread records a step, what another asks of the card is refused.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rimforge::engine::{DeviceChoice, Engine, EngineConfig};

static CARD: Mutex<()> = Mutex::new(());

/// The card for as long as the guard lives, with recorded steps or without.
pub fn card(graphs: bool) -> (MutexGuard<'static, ()>, Engine) {
    // Another test that failed leaves the card as it was.
    let alone = CARD.lock().unwrap_or_else(PoisonError::into_inner);
    let config = EngineConfig { device: DeviceChoice::Cuda, graphs, ..EngineConfig::default() };
    (alone, Engine::start(&config).expect("a GPU, and the CUDA build of libtorch"))
}

//! How far to trust a projection: known lesions spoiled and projected back.

pub mod corruption;

mod sheet;

pub mod summary;

mod workbench;

pub mod stage;

pub use corruption::PerturbConfig;
pub use stage::{Inputs, Settings, run_stage};

//! How far to trust a projection: known lesions spoiled and projected back.

pub mod config;

pub mod corruption;

mod sheet;

pub mod summary;

mod workbench;

pub mod stage;

pub use config::PerturbConfig;
pub use stage::{Inputs, Settings, run_share, run_stage, run_with};

//! Variants of the network and of its training at equal budget: distance curves over several seeds, how often a drawn
//! image is of the class that was asked for, the same latents in each; and whether the ranges lie apart.
//!
//! Each training is a run of [`crate::train`] in a folder of its own below the stage's, so that a stage that was killed
//! goes on in the middle of one.

pub mod config;

pub mod named;

mod recipe;

pub mod reader;

mod compared;

mod eye;

mod sheet;

pub mod stage;

pub use config::VariantsConfig;
pub use named::Variant;
pub use stage::{run_share, run_stage, run_with, units};

//! How far images lie from held-out real ones, and what a network's latent space is like: the program's table 2.

pub mod config;

pub mod sources;

mod draw;

mod eye;

mod seen;

mod measures;

mod meter;

mod yardsticks;

mod network;

mod warnings;

mod sets;

pub mod stage;

pub mod volumes;

pub use config::EvaluateConfig;
pub use sets::{folders_named, require_images};
pub use stage::{Inputs, SetFolder, run_stage};

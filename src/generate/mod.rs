//! Seeds to images: what to draw, the drawing, and how much rim the result shows.
//!
//! [`stage`] does the work; the images themselves are drawn by [`crate::latent::draw`].

pub mod config;

mod drawing;

pub mod ranges;

mod reals;

pub mod stage;

pub mod explore;

pub mod volumes;

pub use config::{Format, GenerateConfig};
pub use ranges::{run_share, units};
pub use stage::{Inputs, run_stage, run_stage_with_sheets, run_with};

//! Training images, inverted, moved along accepted directions and drawn again: labelled images for classifiers.
//!
//! [`plan`] says which image is edited how, [`inverted`] reads what `invert` left, [`stage`] draws, measures how far
//! each lies from what it was, and keeps or marks it by the gate of `directions`. Nothing of the test side is edited.

mod accept;

pub mod config;

mod inverted;

mod plan;

mod sheet;

pub mod stage;

pub use accept::by_the_gate;
pub use config::EditConfig;
pub use stage::{Accepted, Inputs, directions_record, run_stage};

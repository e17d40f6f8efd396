//! What the classifiers look at: maps of attribution, what they are worth, and whether it is the rim.
//!
//! [`maps`] makes the maps of a classifier, [`controls`] such that know no classifier. [`attribution`] scores a map
//! against the traced rim and against the truth, [`perturbed`] by what the classifier says of images without what the
//! map shows, [`cascade`] by what is left of it once the classifier's layers are random. [`twins`] has the truth of
//! simulated cohorts: the same lesions without their rims. [`stage`] puts it together.

pub mod config;

pub mod maps;

pub mod controls;

pub mod attribution;

pub mod perturbed;

pub mod cascade;

mod twins;

mod items;

mod fits;

mod judged;

mod tally;

mod words;

mod figure;

pub mod stage;

pub use config::ExplainConfig;
pub use stage::{CohortSide, Inputs, run_stage};

//! What drawn slice-mask pairs are worth to an under-represented population: one small U-Net an arm learns the regions
//! of gliomas from slices of one population, with or without pairs that a generator drew of another, and is measured on
//! held-out patients of both.
//!
//! [`populations`] reads them out of the classes' names, [`regions`] what the map of regions holds; [`material`] says
//! what is learnt from and what is held out, with the leak proof of `classify`; [`fit`] trains, [`runs`] does so for
//! every arm and repetition; [`judge`] measures patient by patient, [`compare`] gives the numbers intervals over
//! patients, [`figure`] shows some slices.

pub mod config;

pub mod arms;

pub mod regions;

mod populations;

mod material;

mod fit;

mod runs;

mod judge;

mod compare;

mod figure;

pub mod stage;

pub use config::TumoursConfig;
pub use stage::{Inputs, run_share, run_stage, run_with, units};

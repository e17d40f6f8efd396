//! Masks of what is looked for: one small U-Net an arm learns the rim's mask from the images of all other contrasts,
//! and is measured on held-out lesions.
//!
//! [`material`] says what is learnt from and what is held out, with the leak proof of `classify`; [`fit`] trains,
//! [`runs`] does so for every arm and repetition,
//! each fit [`kept`] in a file; [`judge`] measures lesion by lesion, [`compare`] gives the numbers
//! intervals over patients, [`ceiling`] says how far two readers agree, [`figure`] shows some lesions.

pub mod config;

pub mod arms;

mod material;

pub(crate) mod fit;

pub(crate) mod kept;

mod runs;

mod judge;

pub(crate) mod compare;

mod ceiling;

mod figure;

pub mod stage;

pub use config::SegmentConfig;
pub use stage::{Inputs, run_share, run_stage, run_with, units};

//! Simulated gliomas with known truth: whole brains of two populations, four contrasts at three scanners.
//!
//! plan (whose brains, which tumours, which scanners) -> anatomy (shares of tissue at every voxel, no atlas) -> growth
//! and tumour (cells, swelling, labels) -> tissue and scanner (signal equations, slices, shading, noise) -> files in
//! the layout of BraTS-Africa and BraTS 2023. Gates hold the files to published sizes.

pub mod tissue;

pub mod shapes;

pub mod anatomy;

pub mod growth;

pub mod tumour;

pub mod scanner;

pub mod plan;

pub mod case;

pub mod layout;

mod tables;

mod measured;

pub mod gates;

mod gallery;

pub mod stage;

pub use layout::GALLERY;
pub use plan::BrainConfig;
pub use stage::{OWNER, run_stage};

//! A simulated cohort with known truth, written as BIDS.
//!
//! plan (how many lesions, which patient) -> phantom (tissue at the acquisition grid) -> physics (what the scanner
//! and the reconstruction make of it) -> readers (what two people see in that) -> BIDS. Nothing after the physics
//! looks at the phantom except to write the truth apart.

pub mod presets;

pub mod plan;

pub mod phantom;

pub mod anatomy;

mod lesions;

mod flair;

pub mod physics;

pub mod readers;

pub mod layout;

pub mod bids_writer;

mod instructions;

pub mod pipeline;

pub mod stage;

pub mod twins;

pub use super::writing::{Existing, Writing};
pub use layout::{CohortLayout, GALLERY};
pub use phantom::{Decoy, LesionKind, LesionTruth, Phantom, Sex, Tissue};
pub use pipeline::OWNER;
pub use plan::PatientPlan;
pub use presets::{CohortConfig, CohortDesign, InversionMethod, Preset};
pub use stage::run_stage;
pub use twins::Twins;

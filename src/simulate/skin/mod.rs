//! Simulated dermoscopy with known factors: lesions of seven classes, photographed one to six times each.
//!
//! plan (which lesions, by HAM10000's shares, and their factors) -> structures (where network, vessels, globules lie)
//! -> optics (what skin of these pigments throws back) -> render (light, hairs, camera) -> JPEG in HAM10000's layout.
//! Readers see the factors, not the picture; the judge sees the files alone.

pub mod optics;

pub mod classes;

pub mod factors;

mod noise;

mod outline;

pub mod structures;

pub mod render;

pub mod readers;

pub mod plan;

pub mod layout;

mod jpeg;

mod shown;

mod tables;

mod gallery;

pub mod judge;

pub mod stage;

pub use layout::GALLERY;
pub use plan::SkinConfig;
pub use stage::{OWNER, run_stage};

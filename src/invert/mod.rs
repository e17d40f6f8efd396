//! Images to codes of a generator, for editing: two stages, of which the first finds a code (by descent in W or W+, or
//! by an encoder) and the second changes the generator's weights until the image is the one that was asked for (by a
//! hypernetwork, or by tuning, for each image alone or for all at once).
//!
//! No encoder, hypernetwork or generator that serves several images sees a validation image, and nothing here sees a
//! test image: what of the former is measured says how a method does on what it never saw.

pub mod method;

pub mod config;

mod material;

mod bench;

mod fitting;

mod encoding;

mod mending;

mod tuning;

mod descent;

mod embedding;

mod inverted;

mod kept;

pub mod editing;

mod measure;

mod rows;

pub mod units;

mod sheet;

pub mod opened;

pub mod stage;

#[cfg(test)]
mod overfit;

pub use config::InvertConfig;
pub use method::{Embed, Method, Refine};
pub use opened::Inversion;
pub use stage::{Inputs, run_stage, run_with};
pub use units::run_share;

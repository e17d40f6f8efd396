//! 4b. Seeds to images: what to draw, the drawing, and how much rim the result shows.
//!
//! Nothing here writes files; `commands/generate.rs` does.

pub mod config;

pub mod draw;

pub mod explore;

pub mod map_meter;

pub mod rim_meter;

pub use config::{Format, GenerateConfig, NoiseMode, parse_seeds};
pub use draw::draw;
pub use map_meter::MapMeter;
pub use rim_meter::RimMeter;

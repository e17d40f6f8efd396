//! 5. Image to latent: the StyleGAN2 projector (Karras et al. 2020, section 5 and appendix D), many images at once, and whether
//! to believe what comes out.
//!
//! Nothing here knows of a prepared data set or of truth: targets come in as tensors in the network's range.

pub mod config;

pub mod schedule;

pub mod noise;

pub mod cloud;

pub mod draws;

pub mod start;

pub mod optimise;

pub mod acceptance;

pub mod choice;

pub mod corruption;

pub mod figure;

pub mod store;

pub use cloud::LatentCloud;
pub use config::ProjectConfig;
pub use corruption::PerturbConfig;
pub use draws::Draws;
pub use optimise::{AfterStep, Descent, Moment, Projected, Projection, Space, Underway, optimise};
pub use start::{Comparison, Start};

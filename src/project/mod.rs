//! Image to latent: the StyleGAN2 projector (Karras et al. 2020, section 5 and appendix D), many images at once, and
//! whether to believe what comes out.
//!
//! [`optimise()`] knows tensors alone; [`targets`] picks slices of a prepared data set, [`stage`] does the whole work.
//! Nothing knows of truth.

pub mod config;

pub mod feature_setting;

pub mod schedule;

pub mod noise;

pub mod draws;

pub mod start;

pub mod emphasis;

pub mod bands;

pub mod evidence;

pub mod rim_score;

pub mod aims;

pub mod curve;

pub mod optimise;

pub mod acceptance;

pub mod choice;

pub mod figure;

pub mod store;

pub mod targets;

pub mod keeper;

pub mod projector;

pub mod fingerprint;

pub mod batches;

pub mod items;

pub mod trace;

pub mod feature_choice;

pub mod job;

pub mod session;

pub mod needs;

pub mod stage;

pub mod units;

pub use aims::Aims;
pub use config::ProjectConfig;
pub use draws::Draws;
pub use evidence::Evidence;
pub use feature_setting::{BuiltIn, FeatureSetting};
pub use fingerprint::fingerprint;
pub use needs::require_lesions;
pub use optimise::{AfterStep, Descent, Moment, NoiseMaps, Projected, Projection, Space, Underway, optimise};
pub use projector::OneProjected;
pub use session::Session;
pub use stage::{From, Inputs, run_stage, run_with};
pub use start::{Comparison, Start};

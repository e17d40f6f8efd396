//! What a generator's latent space can be moved along: directions found without labels, each named by what it moves.
//!
//! [`factorised`] reads them off the weights (closed-form factorization), [`principal`] off the codes (GANSpace);
//! [`bench`] moves codes along each and measures the pictures, [`scores`] makes numbers of that, [`null`] says what
//! random directions reach. [`stability`] asks whether another generator has the same ones, [`gate`] how far an edited
//! image may lie from what it was. Everything knows pictures by `meters` alone, and no class by name.

pub mod config;

pub mod layers;

pub mod eigen;

pub mod factorised;

pub mod principal;

pub mod codes;

pub mod class_scores;

pub mod features;

pub mod bench;

pub mod scores;

pub mod null;

pub mod assignment;

pub mod ancestry;

pub mod align;

pub mod stability;

pub mod gate;

pub mod pairs;

pub mod saved;

mod atlas;

mod found;

mod opened;

mod calibration;

mod record;

mod second;

pub mod stage;

pub use config::DirectionsConfig;
pub use saved::Direction;
pub use stage::{Inputs, run_stage};

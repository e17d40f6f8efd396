//! The differentiable augmentation and its controller (Karras et al. 2020, "Training generative adversarial networks
//! with limited data", appendix B).
//!
//! [`AugmentParams::sample`] makes every random choice; [`apply`] only computes, and can be differentiated twice;
//! [`Ada`] moves the probability p; [`differentiable`] is another one, which knows no p; [`volume`] is that of volumes.
//! What is augmented: \[N, C, H, W\] in -1..1, real and generated images alike.

pub mod sets;

pub mod named;

pub mod differentiable;

pub mod affine;

pub mod params;

pub mod tensors;

mod constants;

pub mod warp;

pub mod bands;

pub mod apply;

pub mod volume;

pub mod ada;

pub use ada::{Ada, AdaConfig};
pub use apply::{apply, carry_out};
pub use named::{AugmentSet, Group};
pub use params::AugmentParams;
pub use sets::{AugmentConfig, ChannelRule};
pub use tensors::{AugmentTensors, Margin};
pub use volume::{VolumeParams, VolumesSize};
